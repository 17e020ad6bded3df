"""The decision at 180.000 s without supply, and again whenever an input changes: one total table, first match wins.

Levels only rise: asked < held < tagged < plain. The supervisor ignores a row whose level is not above the present one.
Nothing that the sense lines hint at (AC_LO, MT_PR) is an input: a dead meter's pins prove nothing.
"""

from chf.wire import schema as s

# Inputs, in the order of the table's columns. "-" in a row means "any".
# known:  is it certain that 180 s have passed?       no only after a boot that could not prove the duration
# flag:   "none" also when expired, consumed, revoked, or of an age that cannot be proven
# policy: what the head-end has set
# window: does the flag's window still run?
# told:   has the head-end been told of an activation for this outage (asked, held or tagged)?
# mute:   has no outage been held in the last 24 h?
# energy: enough hold-up for the rest of the window, one transmission and the margin?
# hold:   what became of the HoldNotice: "no" when it was declined, not acknowledged in time, or supply is already back;
#         "broken" when the hub restarted while asked or held
COLUMNS = ("known", "flag", "policy", "window", "told", "mute", "energy", "hold")
NO = 0
YES = 1
HOLD_UNASKED = 0
HOLD_WAITING = 1
HOLD_ACKED = 2
HOLD_IMPOSSIBLE = 3
HOLD_BROKEN = 4
VALUES = (
    "no yes",
    "none declared inferred",
    "alert tag suppress suppress-inferred",
    "over runs",
    "no yes",
    "spent free",
    "short enough",
    "unasked waiting acked no broken",
)
CAUSES = {
    "overrun": s.CAUSE_ACTIVATION_OVERRUN,
    "unknown": s.CAUSE_UNKNOWN_DURATION,
    "loss": s.CAUSE_SUPPLY_LOSS,
    "activation": s.CAUSE_FIRMWARE_ACTIVATION,
}
LEVELS = {"plain": s.LEVEL_PLAIN, "tagged": s.LEVEL_TAGGED, "held": s.LEVEL_HELD, "ask": s.LEVEL_ASKED}

# One text, a line for each row, then its reason: a table of tuples would cost a device five times its heap.
# name             level  cause      known flag     policy   window told mute  energy hold
TABLE = """
held-then-reboot   plain  overrun    -     -        -        -      -    -     -      broken
 the hub restarted while it held an outage back: nothing it believed then is sure
duration-unproven  plain  unknown    no    -        -        -      -    -     -      -
 supply was lost, and nothing proves that it was for less than 180 s
flag-withdrawn     plain  overrun    -     none     -        -      yes  -     -      -
 the flag that explained this outage is gone, and supply is still out
no-flag            plain  loss       -     none     -        -      -    -     -      -
 no valid flag was pending when supply was lost
policy-alert       plain  loss       -     -        alert    -      -    -     -      -
 the policy is to alert plainly, whatever the flag says
window-over        plain  overrun    -     -        -        over   -    -     -      -
 the activation was to be over by now, and supply is still out
policy-tag         tagged activation -     -        tag      -      -    -     -      -
 a valid flag, and the policy is to tag
inferred-not-held  tagged activation -     inferred suppress -      -    -     -      -
 an inferred flag is tagged, unless the policy is suppress-inferred
held-once-today    tagged activation -     -        -        -      -    spent -      -
 one outage in 24 h has been held already, or that cannot be ruled out
energy-ran-short   plain  overrun    -     -        -        -      -    -     short  acked
 held so far, but the hold-up no longer lasts to the end of the window
energy-short       tagged activation -     -        -        -      -    -     short  -
 the hold-up would not last to the end of the window: speak while it is possible
hold-refused       tagged activation -     -        -        -      -    -     -      no
 the head-end has not taken over the watch
held               held   activation -     -        -        -      -    -     -      acked
 the head-end watches, and raises the alert itself if supply is not back by the window's end
ask                ask    activation -     -        -        -      -    -     -      -
 all is in place to hold: ask the head-end to take over the watch
"""


def rows():
    """Yield (name, level, cause, eight words, reason) of each row, in order."""
    at = 1
    while at < len(TABLE):
        middle = TABLE.index("\n", at)
        end = TABLE.index("\n", middle + 1)
        words = TABLE[at:middle].split()
        yield words[0], LEVELS[words[1]], CAUSES[words[2]], words[3:], TABLE[middle + 2 : end]
        at = end + 1


def decide(inputs: tuple):
    """(row, level, cause) of the first row that matches `inputs`, numbers in the order of COLUMNS. The last matches all.

    The numbers are those of schema.SOURCE_*, schema.POLICY_* and of the constants above: the words' places in VALUES.
    """
    have = [VALUES[at].split()[inputs[at]] for at in range(len(VALUES))]
    row = 0
    for _name, level, cause, wanted, _reason in rows():
        for at in range(len(wanted)):
            if wanted[at] != "-" and wanted[at] != have[at]:
                break
        else:
            return row, level, cause
        row += 1
    raise ValueError("the policy table is not total")
