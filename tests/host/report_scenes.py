"""Seven scenes as the demo records them, made by arithmetic instead of a hub."""

from __future__ import annotations

from host_tools.report import Alert, Scene, Step

SIMULATED = (
    "the supply, the hold-up capacitor, the flash, the meter and the head-end; the hub's firmware is the real one, "
    "on the MicroPython VM, with a stepped clock"
)
FULL_MV = 5200
RESERVE_MV = 3300
LOSS = 60.0


def holdup(back: float, rate: float = 2.2e4, dies_mv: float = 2700) -> list[tuple[float, float]]:
    """Constant power out of a capacitor: the square of its voltage falls in proportion to time."""
    points = [(0.0, float(FULL_MV))]
    at = LOSS
    while at < back:
        square = FULL_MV**2 - rate * (at - LOSS)
        mv = max(square, dies_mv**2) ** 0.5
        points.append((at, round(mv)))
        if mv <= dies_mv:
            return points
        at += 2.0
    points += [(back, points[-1][1]), (back + 20, FULL_MV - 150), (back + 40, FULL_MV)]
    return points


def scene(name: str, title: str, expected: str, back: float, end: float, **fields: object) -> Scene:
    """A scene with supply lost at LOSS and good again at `back`, seconds in the scene's time."""
    values: dict[str, object] = {
        "simulated": SIMULATED,
        "got": expected,
        "ok": True,
        "loss_s": LOSS,
        "reserve_mv": RESERVE_MV,
        "rail": [(0.0, True), (LOSS, False), (back, True), (end, True)],
        "holdup_mv": holdup(back),
        "ac_lo": [(0.0, False), (LOSS, True), (back, False)],
        "mt_pr": [(0.0, True)],
        "flag": [(0.0, "none")],
        "hub": [(0.0, "powered"), (LOSS, "lost"), (LOSS + 180, "plain"), (back + 2, "powered")],
    }
    values.update(fields)
    return Scene(name=name, title=title, expected=expected, **values)  # type: ignore[arg-type]


def declared(name: str, title: str, expected: str, **fields: object) -> Scene:
    """An activation that the meter declared 30 s before it reboots, over after 230 s."""
    back = LOSS + 230
    values: dict[str, object] = {
        "window_end_s": LOSS + 400,
        "flag": [(0.0, "none"), (30.0, "pending"), (LOSS + 180, "consumed"), (back + 12, "confirmed")],
        "ac_lo": [(0.0, False)],
        "story": [
            Step(30.0, "meter", "declares an activation: 400 s at most, to begin within 600 s"),
            Step(30.2, "hub", "has the flag durable in its journal, and only then acknowledges"),
            Step(LOSS, "meter", "reboots into the new image; the 12 V goes"),
            Step(LOSS + 5, "hub", "writes the loss to its journal"),
            Step(LOSS + 180, "hub", "decides: row policy-tag, a valid flag and the policy is to tag"),
            Step(back, "meter", "is back with the new image; the 12 V returns"),
            Step(back + 12, "meter", "reports the activation complete, version 0x00020001"),
        ],
        "numbers": {"Hold-up at the decision": "4,797 mV", "Decided after": "180.000 s", "Sent after": "180.012 s"},
    }
    values.update(fields)
    return scene(name, title, expected, back, back + 60, **values)


def seven() -> list[Scene]:
    """The scenes of the demo."""
    genuine = scene(
        "genuine-outage",
        "A genuine outage",
        "AD1 plain at 180 s",
        LOSS + 300,
        LOSS + 360,
        alerts=[
            Alert(LOSS + 180.01, "AD1 plain", "supply-loss", 1, LOSS + 180.4),
            Alert(LOSS + 302, "Restored", "", 1, LOSS + 302.5),
        ],
        story=[
            Step(LOSS, "network", "loses the supply; AC_LO goes high, the 12 V goes"),
            Step(LOSS + 180, "hub", "decides: row no-flag, no valid flag was pending when supply was lost"),
            Step(LOSS + 180.01, "hub", "sends AD1, cause supply-loss, with the evidence and 4,797 mV of hold-up"),
            Step(LOSS + 180.4, "head-end", "acknowledges, raises the DCC Alert"),
            Step(LOSS + 300, "network", "is back"),
            Step(LOSS + 302, "hub", "has seen supply good for 2 s unbroken; sends Restored, 300 s"),
        ],
        numbers={
            "Hold-up at the decision": "4,797 mV",
            "Decided after": "180.000 s",
            "Left on the WAN link after": 0.012,
        },
    )
    tag = declared(
        "declared-tag",
        "A declared activation, policy tag",
        "AD1 tagged firmware-activation at 180 s",
        hub=[(0.0, "powered"), (LOSS, "lost"), (LOSS + 180, "tagged"), (LOSS + 232, "powered")],
        alerts=[
            Alert(LOSS + 180.01, "AD1 tagged", "firmware-activation", 1, LOSS + 180.4),
            Alert(LOSS + 232, "Restored", "", 1, LOSS + 232.5),
        ],
    )
    suppress = declared(
        "declared-suppress",
        "A declared activation, policy suppress",
        "HoldNotice at 180 s, no AD1",
        hub=[
            (0.0, "powered"),
            (LOSS, "lost"),
            (LOSS + 180, "asked"),
            (LOSS + 180.4, "held"),
            (LOSS + 232, "powered"),
        ],
        alerts=[
            Alert(LOSS + 180.01, "HoldNotice", "firmware-activation", None, LOSS + 180.4),
            Alert(LOSS + 232, "Restored", "firmware-activation", None, LOSS + 232.5),
        ],
    )
    alert = declared(
        "declared-alert",
        "A declared activation, policy alert",
        "AD1 plain at 180 s",
        alerts=[
            Alert(LOSS + 180.01, "AD1 plain", "supply-loss", 1, LOSS + 180.4),
            Alert(LOSS + 232, "Restored", "", 1, LOSS + 232.5),
        ],
    )
    overrun = declared(
        "overrun",
        "An activation that overruns its window",
        "held, then AD1 plain activation-overrun when the window ends",
        flag=[(0.0, "none"), (30.0, "pending"), (LOSS + 180, "consumed"), (LOSS + 400, "expired")],
        rail=[(0.0, True), (LOSS, False), (LOSS + 520, True), (LOSS + 560, True)],
        holdup_mv=holdup(LOSS + 520),
        hub=[
            (0.0, "powered"),
            (LOSS, "lost"),
            (LOSS + 180, "asked"),
            (LOSS + 180.4, "held"),
            (LOSS + 400, "plain"),
            (LOSS + 522, "powered"),
        ],
        alerts=[
            Alert(LOSS + 180.01, "HoldNotice", "firmware-activation", None, LOSS + 180.4),
            Alert(LOSS + 400.01, "AD1 plain", "activation-overrun", 1, LOSS + 400.3),
            Alert(LOSS + 400.0, "head-end alert", "no restoration by the window's end", None, LOSS + 400.0),
            Alert(LOSS + 522, "Restored", "", 1, LOSS + 522.5),
        ],
    )
    forged = scene(
        "forged-flag",
        "A forged flag",
        "the flag refused, AD1 plain at 180 s",
        LOSS + 240,
        LOSS + 280,
        alerts=[
            Alert(LOSS + 180.01, "AD1 plain", "supply-loss", 1, LOSS + 184.4),
            Alert(LOSS + 242, "Restored", "", 1, LOSS + 242.5),
        ],
        rail=[
            (0.0, True),
            (LOSS, False),
            (LOSS + 90, True),
            (LOSS + 91, False),
            (LOSS + 120, True),
            (LOSS + 121, False),
            (LOSS + 240, True),
            (LOSS + 280, True),
        ],
        story=[
            Step(30.0, "attacker", "declares an activation with a MAC of its own making; the hub drops it, drop-mac 1")
        ],
    )
    dies = scene(
        "holdup-dies",
        "The hold-up dies while the hub holds",
        "the head-end itself raises the alert at the window's end",
        LOSS + 520,
        LOSS + 600,
        got="no alert at the head-end by the window's end",
        ok=False,
        window_end_s=LOSS + 400,
        flag=[(0.0, "none"), (30.0, "pending"), (LOSS + 180, "consumed"), (LOSS + 280, "lost with the hub")],
        holdup_mv=[*holdup(LOSS + 520, rate=6.5e4), (LOSS + 500, 2300), (LOSS + 520, 2300), (LOSS + 540, 5000)],
        hub=[
            (0.0, "powered"),
            (LOSS, "lost"),
            (LOSS + 180, "asked"),
            (LOSS + 180.4, "held"),
            (LOSS + 304, "dead"),
            (LOSS + 522, "proving"),
            (LOSS + 526, "powered"),
        ],
        alerts=[
            Alert(LOSS + 180.01, "HoldNotice", "firmware-activation", None, LOSS + 180.4),
            Alert(LOSS + 400.0, "head-end alert", "no restoration by the window's end", None, LOSS + 400.0),
            Alert(LOSS + 526, "AD1 plain", "activation-overrun", 2, None),
        ],
    )
    return [genuine, tag, suppress, alert, overrun, forged, dies]
