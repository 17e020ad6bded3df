"""One of several inputs of the nrf port's ADC, which knows only the channel that was made last."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import ADC


class ChannelInput:
    """For analog.Divider, whose full_mv is then the reference.

    adc: makes the port's ADC of a channel. It is made anew for each reading, which costs no heap there (the objects are
    the port's own): one made once would give 0, or the neighbour's voltage (ports/nrf/modules/machine/adc.c).
    """

    def __init__(self, adc: "type[ADC]", channel):
        self._adc = adc
        self._channel = channel

    def read(self):
        """0 to 4,095."""
        return self._adc(self._channel).read_u16() >> 4
