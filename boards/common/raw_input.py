"""An ADC input that gives a share of its reference."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import ADC


class RawInput:
    """For analog.Divider, whose full_mv is then the reference."""

    def __init__(self, adc: "ADC"):
        self._adc = adc

    def read(self):
        """0 to 4,095."""
        return self._adc.read_u16() >> 4
