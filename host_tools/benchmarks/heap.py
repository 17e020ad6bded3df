"""The smallest heap in which the whole firmware lives on the virtual board, by bisection."""

from __future__ import annotations

from host_tools.benchmarks import life, vm
from host_tools.benchmarks.figure import Figure

NAMES = ("heap-least",)
BAR_WK = 64
GOAL_WK = 48
LOWEST_WK = 32
HIGHEST_WK = 128


def take(quick: bool) -> list[Figure]:
    least = vm.least(life.lives, LOWEST_WK, BAR_WK) or vm.least(life.lives, BAR_WK + 1, HIGHEST_WK)
    below = ""
    if least is not None and least > LOWEST_WK:
        try:
            life.live(least - 1)
        except life.Ended as ended:
            below = f"; 1 wk less ends in {ended}"
    goal = "reached" if least is not None and least <= GOAL_WK else "not reached"
    return [
        Figure(
            "heap-least",
            least,
            "wk",
            BAR_WK,
            f"by bisection over -X heapsize, 1 wk is 1,024 words of 32 bits, twice as much on this 64-bit VM; a life "
            f"is: {life.EVENTS}; goal of {GOAL_WK} {goal}{below}",
        )
    ]
