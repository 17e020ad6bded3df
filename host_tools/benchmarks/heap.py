"""The smallest heap in which the whole firmware lives on the virtual board, by bisection."""

from __future__ import annotations

from host_tools.benchmarks import life, vm
from host_tools.benchmarks.figure import Figure

NAMES = ("heap-least", "heap-live", "heap-readout")
BAR_WK = 48
READ_OUT_BAR_WK = 64
LOWEST_WK = 32
HIGHEST_WK = 128
LIVES = 3  # the collector takes any word for a pointer that looks like one, so one heap may do once and not again
SHORT_WK = 2  # so much less than the least shows where it ends


def take(quick: bool) -> list[Figure]:
    lives = 1 if quick else LIVES
    least = _least(life.STAGES, LOWEST_WK, lives)
    readout = None if least is None else _least(life.READ_OUT, least, lives)
    field = _least(life.STAGES, LOWEST_WK, lives, strapped=False)
    return [
        Figure(
            "heap-least",
            least,
            "wk",
            BAR_WK,
            f"by bisection over -X heapsize on the virtual board; 1 wk is 1,024 words of 32 bits, twice as many octets "
            f"on this 64-bit VM; enough is where {lives} of {lives} lives pass, each with: {life.EVENTS}"
            f"{_end(life.STAGES, least)}",
        ),
        Figure(
            "heap-live",
            field,
            "wk",
            BAR_WK,
            f"the same without the bench strap, as in the field{_end(life.STAGES, field, strapped=False)}",
        ),
        Figure(
            "heap-readout",
            readout,
            "wk",
            READ_OUT_BAR_WK,
            f"the same, and both journals read out over the bench link at its end{_end(life.READ_OUT, readout)}",
        ),
    ]


def _least(stages: life.Stages, low: int, lives: int, *, strapped: bool = True) -> int | None:
    """The smallest heap in wk in which so many lives pass one after another."""

    def passes(heap_wk: int) -> bool:
        return life.lives(heap_wk, stages, strapped=strapped)

    found = vm.least(passes, low, BAR_WK) if low <= BAR_WK else None
    found = found or vm.least(passes, max(low, BAR_WK + 1), HIGHEST_WK)
    if found is None:
        return None
    # One life in each heap finds where it begins to be enough, from below; then it must be enough each time.
    enough = (wk for wk in range(found, HIGHEST_WK + 1) if all(passes(wk) for _ in range(lives)))
    return next(enough, None)


def _end(stages: life.Stages, least: int | None, *, strapped: bool = True) -> str:
    """How a life in too small a heap ends."""
    heap_wk = HIGHEST_WK if least is None else max(LOWEST_WK, least - SHORT_WK)
    try:
        life.live(heap_wk, stages, strapped=strapped)
    except life.Ended as ended:
        return f"; in {heap_wk} wk it ends in {ended}"
    return ""
