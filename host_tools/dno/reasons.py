"""The classes of AD1, and the reasons for them: one table. Whatever is in doubt is treated as an outage.

Only an alert that its hub tagged as a firmware activation, within its window, contradicted by nothing, is treated as
an activation; and even that one is watched until supply is back.
"""

from __future__ import annotations

from typing import NamedTuple

GENUINE = "genuine-loss"
DECLARED = "activation-declared"
INFERRED = "activation-inferred"
OVERRUN = "activation-overrun"
UNKNOWN = "unknown-duration"
MAINS = "mains-hinted"
REMOVED = "hub-removed-hinted"
SUSPECTED = "undeclared-suspected"
MERGED = "merged"
UNCLASSED = "unclassified"
CLASSES = (GENUINE, SUSPECTED, DECLARED, INFERRED, OVERRUN, UNKNOWN, MAINS, REMOVED, MERGED, UNCLASSED)
TAGS = (DECLARED, INFERRED)

OUTAGE, ACTIVATION = "outage", "activation"


class Reason(NamedTuple):
    """name: as in the JSON. classes: those it stands with; treat_as: OUTAGE or ACTIVATION."""

    name: str
    classes: tuple[str, ...]
    treat_as: str
    sentence: str


# The first that applies stands.
REASONS = (
    Reason("merged", (MERGED,), OUTAGE, "it stands for several alerts that a full queue could not keep apart"),
    Reason("no-cause", (UNCLASSED,), OUTAGE, "it carries no cause: any other hub's AD1 is so"),
    Reason("unknown-cause", (UNCLASSED,), OUTAGE, "its cause is one that these tools do not know"),
    Reason("overrun", (OVERRUN,), OUTAGE, "supply was not back when the activation was to be over"),
    Reason("unproven", (UNKNOWN,), OUTAGE, "nothing proves that supply was lost for under 3 minutes"),
    Reason("tag-doubted", (UNCLASSED,), OUTAGE, "it names an activation, and carries no tag or no source of one"),
    Reason("no-window", TAGS, OUTAGE, "tagged, but when it was lost or for how long it may be is not known"),
    Reason(
        "meter-confirms", (*TAGS, GENUINE, MAINS, REMOVED), OUTAGE, "the meter reports an outage of 3 minutes (8F36)"
    ),
    Reason(
        "outlasted", TAGS, OUTAGE, "tagged, but supply was gone for longer than its window, or nobody knows how long"
    ),
    Reason("not-back", TAGS, OUTAGE, "tagged, but its window is over and nothing says that supply is back"),
    Reason("mass-loss", TAGS, OUTAGE, "tagged, but over 50 hubs of the same window are treated as outages"),
    Reason("in-window", TAGS, ACTIVATION, "tagged, within its window, and nothing speaks against it"),
    Reason(
        "version-changed",
        (SUSPECTED,),
        OUTAGE,
        "the meter's firmware changed over it, undeclared: no proof, so an outage",
    ),
    Reason("mains-hinted", (MAINS,), OUTAGE, "AC_LO hints that the mains was there: a hint is no proof"),
    Reason("removed-hinted", (REMOVED,), OUTAGE, "MT_PR hints that the hub was pulled off: a hint is no proof"),
    Reason("meter-short", (GENUINE,), OUTAGE, "the meter itself reports under 3 minutes (8F35), the hub more"),
    Reason("supply-loss", (GENUINE,), OUTAGE, "supply was lost, and nothing says otherwise"),
)
NUMBER = {reason.name: number for number, reason in enumerate(REASONS)}
