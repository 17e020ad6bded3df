"""What a hub draws, from the fall of its hold-up voltage, and what a capacitor then pays for by the core's own sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from chf.core import energy
from chf.core.limits import AD1_THRESHOLD_MS, Config
from chf.wire import schema as s
from host_tools.errors import BenchError
from host_tools.link.client import Client

LEAST_SAMPLES = 10
LEAST_FALL_MV = 15  # what an ADC of 12 bits and its noise leave of a slope
SIGMAS = 2.0
MOST_MF = 1_000_000
THRESHOLD_S = AD1_THRESHOLD_MS // 1000


@dataclass(frozen=True)
class Draw:
    """load_mw: while supply is out, within error_mw (one standard deviation). from_mv, to_mv, seconds: the fall."""

    load_mw: float
    error_mw: float
    from_mv: int
    to_mv: int
    seconds: float

    @property
    def counted_mw(self) -> int:
        """What a decision must reckon with: rounded up, its error on top."""
        return ceil(self.load_mw + SIGMAS * self.error_mw)


@dataclass(frozen=True)
class Budget:
    """What a capacitor is good for. lasts_s: until the hub is dead. need_mj: 180 s, two sends, the margin.

    least_mf: the smallest that pays for need_mj from full_mv; None where none does.
    """

    full_mv: int
    capacitance_mf: int
    available_mj: int
    lasts_s: int
    need_mj: int
    least_mf: int | None

    @property
    def enough(self) -> bool:
        return self.available_mj >= self.need_mj


def draw(samples: Sequence[tuple[int, int]], capacitance_mf: int) -> Draw:
    """The load, by least squares on the squared voltage. samples: (ms, mV) while supply is out, in order.

    P = -C/2 * d(V^2)/dt. Raises BenchError where the voltage does not tell.
    """
    if len(samples) < LEAST_SAMPLES:
        raise BenchError(f"Supply was out for {len(samples)} samples only: {LEAST_SAMPLES} are needed.")
    times = [(ms - samples[0][0]) / 1000 for ms, _ in samples]
    squares = [(mv / 1000) ** 2 for _, mv in samples]
    n = len(samples)
    middle_s, middle = sum(times) / n, sum(squares) / n
    spread = sum((at - middle_s) ** 2 for at in times)
    if spread == 0:
        raise BenchError("The hub's clock stands still: nothing can be measured.")
    slope = sum((at - middle_s) * (square - middle) for at, square in zip(times, squares, strict=True)) / spread
    rest = sum((square - middle - slope * (at - middle_s)) ** 2 for at, square in zip(times, squares, strict=True))
    error = sqrt(rest / (n - 2) / spread)
    found = Draw(
        -slope * capacitance_mf / 2, error * capacitance_mf / 2, samples[0][1], samples[-1][1], times[-1] - times[0]
    )
    if samples[0][1] - samples[-1][1] < LEAST_FALL_MV or found.load_mw < SIGMAS * found.error_mw:
        raise BenchError(
            f"The hold-up did not fall: {found.from_mv} mV, {found.seconds:.0f} s later {found.to_mv} mV. Is the USB "
            "cable's +5 V wire cut, and the hold-up the capacitor's own? Measure for longer with --for."
        )
    return found


def budget(load_mw: int, full_mv: int, config: Config) -> Budget:
    """What config.capacitance_mf is good for at that load, from full_mv down: every sum is the core's own."""
    loaded = Config(**{**vars(config), "load_mw": load_mw})
    have = energy.available_mj(full_mv, config.holdup_min_mv, config.capacitance_mf)
    # One send stands in the core's sum: the decision's own. The other is its repeat, or the restoration.
    need = energy.hold_needs_mj(loaded, THRESHOLD_S) + config.send_mj
    return Budget(full_mv, config.capacitance_mf, have, have // load_mw, need, _least(full_mv, config, need))


def _least(full_mv: int, config: Config, need_mj: int) -> int | None:
    low, high = 0, MOST_MF
    if energy.available_mj(full_mv, config.holdup_min_mv, high) < need_mj:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if energy.available_mj(full_mv, config.holdup_min_mv, middle) >= need_mj:
            high = middle
        else:
            low = middle
    return high


class Looker:
    """The hub's own view with a hold-up of now: its core looks again when a line changes, and so AC_LO is told to.

    The soft rig keeps what it is told in the flash, so look every few seconds only; release() gives the line back.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._bits = 0

    def __call__(self) -> dict[str, Any]:
        self._bits ^= s.SENSE_AC_LO
        self._client.rig_set(s.SENSE_AC_LO, self._bits)
        return self._client.state()

    def release(self) -> None:
        self._client.rig_set(0, 0)


def watch(
    state: Callable[[], dict[str, Any]], now_ms: Callable[[], int], pause: Callable[[], object], seconds: float
) -> list[tuple[int, int]]:
    """(ms, mV), from a hub whose supply is out, for so long or until supply is back.

    state: the hub's own view; pause: lets time pass. Raises BenchError where supply is not out.
    """
    samples: list[tuple[int, int]] = []
    end = now_ms() + round(seconds * 1000)
    while now_ms() < end:
        seen = state()
        if seen["bits"] & s.SENSE_SUPPLY:
            if not samples:
                raise BenchError("The hub says that its supply is not out.")
            break
        samples.append((now_ms(), seen["holdup_mv"]))
        pause()
    return samples
