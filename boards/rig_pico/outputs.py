"""What a fixture board drives of the hub under test, on pins that it is given."""

from pins import LEVEL_FULL_MV

from chf.wire import schema as s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import ADC, PWM, Pin


class Outputs:
    """rail, power: outputs, high is on. ac_lo, mt_pr: open drain. level: PWM; sense: ADC, both of LEVEL_FULL_MV.

    Made, it holds the hub off: no supply, no power, both lines released.
    """

    def __init__(self, rail: "Pin", power: "Pin", ac_lo: "Pin", mt_pr: "Pin", level: "PWM", sense: "ADC"):
        self._rail = rail
        self._power = power
        self._ac_lo = ac_lo
        self._mt_pr = mt_pr
        self._level = level
        self._sense = sense
        self.set(s.SENSE_AC_LO, False, 0)

    def set(self, bits, power, holdup_mv):
        """All at once, as of fixture_set. Power goes first and comes last: a hub never starts on half of a scene."""
        self.bits = bits & (s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR)
        self.power = power
        self.holdup_mv = min(holdup_mv, LEVEL_FULL_MV)
        if not power:
            self._power.value(0)
        self._level.duty_u16(self.holdup_mv * 65_535 // LEVEL_FULL_MV)
        self._ac_lo.value(1 if bits & s.SENSE_AC_LO else 0)
        self._mt_pr.value(0 if bits & s.SENSE_MT_PR else 1)
        self._rail.value(1 if bits & s.SENSE_SUPPLY else 0)
        if power:
            self._power.value(1)

    def measured_mv(self):
        """What stands at the hub's hold-up input."""
        return (self._sense.read_u16() >> 4) * LEVEL_FULL_MV >> 12
