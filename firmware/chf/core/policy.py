"""The decision at 180.000 s without supply, and again whenever an input changes: one total table, first match wins.

Levels only rise: asked < held < tagged < plain. The supervisor ignores a row whose level is not above the present one.
What the sense lines hint at (AC_LO, MT_PR) names the cause of a plain alert and changes no level: a dead meter's pins
prove nothing.
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
# hint:   what the sense lines say of the loss, for people
COLUMNS = ("known", "flag", "policy", "window", "told", "mute", "energy", "hold", "hint")
NO = 0
YES = 1
HOLD_UNASKED = 0
HOLD_WAITING = 1
HOLD_ACKED = 2
HOLD_IMPOSSIBLE = 3
HOLD_BROKEN = 4
HINT_NONE = 0
HINT_MAINS = 1
HINT_REMOVED = 2
VALUES = (
    "no yes",
    "none declared inferred",
    "alert tag suppress suppress-inferred",
    "over runs",
    "no yes",
    "spent free",
    "short enough",
    "unasked waiting acked no broken",
    "none mains removed",
)
CAUSES = {
    "overrun": s.CAUSE_ACTIVATION_OVERRUN,
    "unknown": s.CAUSE_UNKNOWN_DURATION,
    "loss": s.CAUSE_SUPPLY_LOSS,
    "mains": s.CAUSE_MAINS_HINTED,
    "removed": s.CAUSE_HUB_REMOVED_HINTED,
    "activation": s.CAUSE_FIRMWARE_ACTIVATION,
}
LEVELS = {"plain": s.LEVEL_PLAIN, "tagged": s.LEVEL_TAGGED, "held": s.LEVEL_HELD, "ask": s.LEVEL_ASKED}

# One text, a line for each row, and above it its reason: a table of tuples would cost a device five times its heap.
# fmt: off
TABLE = (
    # name              level  cause      known flag     policy   window told mute  energy hold    hint
    # the hub restarted while it held an outage back: nothing it believed then is sure
    "\nheld-then-reboot   plain  overrun    -     -        -        -      -    -     -      broken  -"
    # supply was lost, and nothing proves that it was for less than 180 s
    "\nduration-unproven  plain  unknown    no    -        -        -      -    -     -      -       -"
    # the flag that explained this outage is gone, and supply is still out
    "\nflag-withdrawn     plain  overrun    -     none     -        -      yes  -     -      -       -"
    # no valid flag was pending when supply was lost; the meter's "I am here" line says that the hub was pulled off
    "\nno-flag-removed    plain  removed    -     none     -        -      -    -     -      -       removed"
    # no valid flag; the meter's "no AC" line says that the mains is there, if the meter drives it at all
    "\nno-flag-mains      plain  mains      -     none     -        -      -    -     -      -       mains"
    # no valid flag was pending when supply was lost
    "\nno-flag            plain  loss       -     none     -        -      -    -     -      -       -"
    # the policy is to alert plainly, whatever the flag says
    "\npolicy-alert       plain  loss       -     -        alert    -      -    -     -      -       -"
    # the activation was to be over by now, and supply is still out
    "\nwindow-over        plain  overrun    -     -        -        over   -    -     -      -       -"
    # a valid flag, and the policy is to tag
    "\npolicy-tag         tagged activation -     -        tag      -      -    -     -      -       -"
    # an inferred flag is tagged, unless the policy is suppress-inferred
    "\ninferred-not-held  tagged activation -     inferred suppress -      -    -     -      -       -"
    # one outage in 24 h has been held already, or that cannot be ruled out
    "\nheld-once-today    tagged activation -     -        -        -      -    spent -      -       -"
    # held so far, but the hold-up no longer lasts to the end of the window
    "\nenergy-ran-short   plain  overrun    -     -        -        -      -    -     short  acked   -"
    # the hold-up would not last to the end of the window: speak while it is possible
    "\nenergy-short       tagged activation -     -        -        -      -    -     short  -       -"
    # the head-end has not taken over the watch
    "\nhold-refused       tagged activation -     -        -        -      -    -     -      no      -"
    # the head-end watches, and raises the alert itself if supply is not back by the window's end
    "\nheld               held   activation -     -        -        -      -    -     -      acked   -"
    # all is in place to hold: ask the head-end to take over the watch
    "\nask                ask    activation -     -        -        -      -    -     -      -       -"
    "\n"
)
# fmt: on


def rows():
    """Yield (name, level, cause, a word a column) of each row, in order. Its reason is the comment above it."""
    at = 1
    while at < len(TABLE):
        end = TABLE.index("\n", at)
        words = TABLE[at:end].split()
        yield words[0], LEVELS[words[1]], CAUSES[words[2]], words[3:]
        at = end + 1


def decide(inputs: tuple):
    """(row, level, cause) of the first row that matches `inputs`, numbers in COLUMNS' order. The last matches all.

    The numbers are those of schema.SOURCE_*, schema.POLICY_* and of the constants above: the words' places in VALUES.
    """
    have = [VALUES[at].split()[inputs[at]] for at in range(len(VALUES))]
    row = 0
    for _name, level, cause, wanted in rows():
        for at in range(len(wanted)):
            if wanted[at] != "-" and wanted[at] != have[at]:
                break
        else:
            return row, level, cause
        row += 1
    raise ValueError("the policy table is not total")
