"""The decision at 180.000 s without supply, and again whenever an input changes: one total table, first match wins.

Levels only rise: asked < held < tagged < plain. The supervisor ignores a row whose level is not above the present one.
Nothing that the sense lines hint at (AC_LO, MT_PR) is an input: a dead meter's pins prove nothing.
"""

from chf.wire import schema as s

# Inputs, in the order of the columns below. None in a row means "any".
# known:  is it certain that 180 s have passed?       no only after a boot that could not prove the duration
# flag:   SOURCE_NONE also when expired, consumed, revoked, or of an age that cannot be proven
# policy: POLICY_*
# window: does the flag's window still run?
# told:   has the head-end been told of an activation for this outage (asked, held or tagged)?
# mute:   has no outage been held in the last 24 h?
# energy: enough hold-up for the rest of the window, one transmission and the margin?
# hold:   what became of the HoldNotice
NO = 0
YES = 1
HOLD_UNASKED = 0
HOLD_WAITING = 1
HOLD_ACKED = 2
HOLD_IMPOSSIBLE = 3  # declined, not acknowledged in time, or supply is already back
HOLD_BROKEN = 4  # the hub restarted while asked or held

_DECLARED = s.SOURCE_DECLARED
_INFERRED = s.SOURCE_INFERRED

# fmt: off
ROWS = (
    # name, level, cause,
    #   known  flag           policy              window told  mute  energy hold
    ("held-then-reboot", s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN,
        (None, None,          None,               None,  None, None, None, HOLD_BROKEN),
        "the hub restarted while it held an outage back, so nothing it believed then is sure"),
    ("duration-unproven", s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION,
        (NO,   None,          None,               None,  None, None, None, None),
        "supply was lost and nothing proves that it was for less than 180 s"),
    ("flag-withdrawn", s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN,
        (None, s.SOURCE_NONE, None,               None,  YES,  None, None, None),
        "the flag that explained this outage is gone, and supply is still out"),
    ("no-flag", s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS,
        (None, s.SOURCE_NONE, None,               None,  None, None, None, None),
        "no valid flag was pending when supply was lost"),
    ("policy-alert", s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS,
        (None, None,          s.POLICY_ALERT,     None,  None, None, None, None),
        "the policy is to alert plainly whatever the flag says"),
    ("window-over", s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN,
        (None, None,          None,               NO,    None, None, None, None),
        "the activation was to be over by now, and supply is still out"),
    ("policy-tag", s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION,
        (None, None,          s.POLICY_TAG,       None,  None, None, None, None),
        "a valid flag, and the policy is to tag"),
    ("inferred-not-held", s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION,
        (None, _INFERRED,     s.POLICY_SUPPRESS,  None,  None, None, None, None),
        "an inferred flag is tagged unless the policy says suppress-inferred"),
    ("held-once-today", s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION,
        (None, None,          None,               None,  None, NO,   None, None),
        "one outage in 24 h has been held already, or that cannot be ruled out"),
    ("energy-ran-short", s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN,
        (None, None,          None,               None,  None, None, NO,   HOLD_ACKED),
        "held so far, but the hold-up no longer lasts to the end of the window"),
    ("energy-short", s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION,
        (None, None,          None,               None,  None, None, NO,   None),
        "the hold-up would not last to the end of the window: speak while it is possible"),
    ("hold-refused", s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION,
        (None, None,          None,               None,  None, None, None, HOLD_IMPOSSIBLE),
        "the head-end has not taken over the watch"),
    ("held", s.LEVEL_HELD, s.CAUSE_FIRMWARE_ACTIVATION,
        (None, None,          None,               None,  None, None, None, HOLD_ACKED),
        "the head-end watches, and raises the alert itself if supply is not back by the window's end"),
    ("ask", s.LEVEL_ASKED, s.CAUSE_FIRMWARE_ACTIVATION,
        (None, None,          None,               None,  None, None, None, None),
        "all is in place to hold; ask the head-end to take over the watch"),
)
# fmt: on

COLUMNS = ("known", "flag", "policy", "window", "told", "mute", "energy", "hold")


def decide(inputs: tuple) -> int:
    """Index of the first row that matches `inputs`, a tuple in the order of COLUMNS. The last row matches all."""
    index = 0
    for row in ROWS:
        for want, have in zip(row[3], inputs):
            if want is not None and want != have:
                break
        else:
            return index
        index += 1
    raise ValueError("policy.ROWS is not total")
