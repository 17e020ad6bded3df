"""The sense lines as schema.SENSE_* bits."""

from chf.wire import schema as s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Pin


class SenseLines:
    """Samples supply (analog.Supply), AC_LO (active high) and MT_PR (active low), both pulled up.

    latch() is AC_LO's interrupt handler: a pulse between two samples shows in the next one, because any high voids the
    hint that the mains is there. MT_PR has none: it decides nothing.
    """

    def __init__(self, supply, ac_lo: "Pin", mt_pr: "Pin"):
        self._supply = supply
        self._ac_lo = ac_lo
        self._mt_pr = mt_pr
        self._pulse = False
        self._taken = -1

    def watch(self, rising):
        """From now on also see pulses. rising: the trigger of AC_LO's interrupt."""
        self._ac_lo.irq(self.latch, rising)

    def latch(self, _pin):
        self._pulse = True  # of an attribute that is there: an interrupt must not allocate

    def take(self):
        """The lines now, and a pulse since the last time; it is told once."""
        pulse = self._pulse
        if pulse:  # only then: what comes in between is told next time
            self._pulse = False
        self._taken = self._bits(pulse)
        return self._taken

    def changed(self):
        """Whether take() would now give something else than it gave last."""
        return self._bits(self._pulse) != self._taken

    def _bits(self, pulse):
        bits = s.SENSE_SUPPLY if self._supply.good() else 0
        if pulse or self._ac_lo.value():
            bits |= s.SENSE_AC_LO
        if not self._mt_pr.value():
            bits |= s.SENSE_MT_PR
        return bits
