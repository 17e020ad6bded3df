"""AC_LO and MT_PR as a rig drives them: a change is told to whatever drives the hub's inputs, at once."""

from __future__ import annotations

from abc import ABC, abstractmethod

from chf.wire import schema as s


class SenseWires(ABC):
    """The part that all rigs by URL share; tell() is the rig's own."""

    def __init__(self) -> None:
        self._ac_lo = True  # as of a meter that does not drive it
        self._mt_pr = True

    @abstractmethod
    def tell(self) -> None:
        """Bring what has changed to the hub's inputs. Raises BenchError where that fails."""

    @property
    def ac_lo(self) -> bool:
        return self._ac_lo

    @ac_lo.setter
    def ac_lo(self, high: bool) -> None:
        self._ac_lo = high
        self.tell()

    @property
    def mt_pr(self) -> bool:
        return self._mt_pr

    @mt_pr.setter
    def mt_pr(self, present: bool) -> None:
        self._mt_pr = present
        self.tell()

    def bits(self, supply_good: bool) -> int:
        """The lines as schema.SENSE_*."""
        return (
            (s.SENSE_SUPPLY if supply_good else 0)
            | (s.SENSE_AC_LO if self._ac_lo else 0)
            | (s.SENSE_MT_PR if self._mt_pr else 0)
        )
