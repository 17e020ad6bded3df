"""The phases of the supply, and the table of what moves the hub from one to the next.

POWERED         supply good; nothing open.
LOST            supply out for less than 180 s; nothing decided.
RETURNING       supply good again, not yet for 2 s: the outage is still open. At 180 s it waits here for the answer.
OUT             supply out and the outage decided: asked, held, tagged or plain (policy.py).
OUT_RETURNING   decided, supply good again, not yet for 2 s.
PROVING         supply good, but a restart has left the duration unproven: up to 60 s for a time that proves it.

An outage ends at the *first edge* of the return that lasts. A return shorter than 2 s changes nothing.
"""

POWERED = 0
LOST = 1
RETURNING = 2
OUT = 3
OUT_RETURNING = 4
PROVING = 5
PHASES = "powered lost returning out out-returning proving"

# What can happen
SUPPLY_LOST = 0  # the first sample without supply
SUPPLY_BACK = 1  # the first sample with supply
QUALIFIED = 2  # supply good for 2 s unbroken
THRESHOLD = 3  # 180.000 s since the loss
QUALIFIED_UNPROVEN = 4  # the same, where a restart has left the duration unproven
SETTLED = 5  # the duration is proven, or 60 s are over

EVENTS = "supply-lost supply-back qualified threshold qualified-unproven settled"

# What is not in the table cannot happen in that phase and changes nothing. "-": the phase alone changes.
# fmt: off
TABLE = (
    # phase          what happens         next phase      what the supervisor does
    "\npowered        supply-lost          lost            open"
    "\nlost           supply-back          returning       await_qualified"
    "\nlost           threshold            out             decide"
    # past 180 s the threshold fires again at once
    "\nreturning      supply-lost          lost            resume"
    "\nreturning      qualified            powered         close"
    "\nreturning      qualified-unproven   proving         await_proof"
    "\nout            supply-back          out-returning   await_qualified"
    "\nout-returning  supply-lost          out             resume"
    "\nout-returning  qualified            powered         close"
    "\nproving        supply-lost          lost            resume_found"
    "\nproving        settled              powered         close"
    "\n"
)
# fmt: on


def step(phase: int, what: int):
    """(next phase, name of the supervisor's action or "-"), None where that changes nothing in this phase."""
    phases = PHASES.split()
    for line in TABLE.split("\n"):
        words = line.split()
        if words[:2] == [phases[phase], EVENTS.split()[what]]:
            return phases.index(words[2]), words[3]
    return None
