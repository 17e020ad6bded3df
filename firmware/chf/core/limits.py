"""Every time, size and rate that the core is bound by, with its unit and its reason."""

AD1_THRESHOLD_MS = 180_000  # supply lost for three minutes (MP102, DCC PM12.1); at exactly 180.000 s we alert
RESTORE_QUALIFY_MS = 2_000  # supply must be good this long, unbroken, before it counts as restored
LOSS_JOURNAL_MS = 5_000  # a loss becomes durable here, or at the dying voltage
CHECKPOINT_MS = 30_000  # elapsed time becomes durable this often until the outage is decided
CHECKPOINT_DECIDED_MS = 600_000  # and this often after, to spare the flash
OUTAGE_POLL_MS = 1_000  # hold-up is looked at this often while an outage is held

VALID_MAX_S = 3_600  # a declared flag waits for its loss no longer than this
WINDOW_MAX_S = 600  # a flag explains no more of an outage than this
SHORT_OUTAGE_MS = 5_000  # the first restored outage this long ...
AFTER_SHORT_MS = 120_000  # ... leaves the flag so much life: the reboot has happened
INFERRED_MAX = 4  # future-dated activations kept at once
INFERRED_EARLY_S = 60  # a future-dated one is pending from this long before its time: the meter's clock is not ours
INFERRED_LOOK_S = 60  # one whose time has come, and whose place is taken, is looked at again this often
AFTER_RESULT_MS = 900_000  # after the meter has reported success: many answer first and reboot after
VERSION_BURST = 8  # versions that cost a flash write, as declarations: relayed traffic is not authentic
MUTE_PERIOD_MS = 86_400_000  # at most one held outage in 24 h
DECLARATIONS_BURST = 8  # declarations that cost a flash write: so many at once ...
DECLARATION_REFILL_MS = 450_000  # ... and one more each 7.5 min, 8 an hour

HOLD_RETRY_MS = 2_000  # a HoldNotice is repeated ...
HOLD_WAIT_MS = 6_000  # ... until this long after the decision; then the outage is tagged

LOSS_BURST = 16  # losses journaled at 5 s: so many at once, then one each 10 min; others wait for 30 s (wear)
LOSS_REFILL_MS = 600_000

BOOT_PROOF_MS = 60_000  # after boot, how long to wait for a time that proves an outage short
BEFORE_BOOT_MS = 45_000  # a loss found at boot is no older: 30 s not durable, a watchdog of 8.4 s, and the start
TIME_NONCE_MS = 2_000  # a time counts only this soon after its nonce
TIME_RETRY_MS = 5_000  # while the time is needed
TIME_DOUBT_MS = 12_000  # after a reply that did not agree: over twice the slack, so that a clock that sticks shows it
TIME_REFRESH_MS = 21_600_000  # 6 h
TIME_STALE_MS = 86_400_000  # 24 h without a fresh one: the time is unknown again
TIME_SLACK_S = 5  # two times that differ by more than this from the ticks between them: neither is trusted

QUEUE_MAX = 8  # outages kept apart; beyond it the oldest are merged and counted
RETRY_FIRST_MS = 5_000
RETRY_MAX_MS = 300_000
LOG_MAX = 16  # outages whose end stays in the journal

AC_LO_SETTLE_MS = 1_000  # AC_LO seen high from this long before the loss voids the mains hint


class Config:
    """What a hub is provisioned with, beside its keys. Energy defaults fit the virtual board; measure your own.

    policy: POLICY_* until the head-end sets another. capacitance_mf: hold-up capacitor, millifarad.
    holdup_min_mv: below this the hub is dead. dying_mv: below this the loss is made durable at once.
    load_mw: drawn while supply is out. send_mj: one WAN transmission. margin_mj: kept in hand.
    """

    def __init__(
        self,
        hub: bytes,
        esme: bytes,
        policy: int = 1,
        capacitance_mf: int = 10_000,
        holdup_min_mv: int = 2_000,
        dying_mv: int = 2_200,
        load_mw: int = 60,
        send_mj: int = 400,
        margin_mj: int = 1_000,
    ):
        self.hub = hub
        self.esme = esme
        self.policy = policy
        self.capacitance_mf = capacitance_mf
        self.holdup_min_mv = holdup_min_mv
        self.dying_mv = dying_mv
        self.load_mw = load_mw
        self.send_mj = send_mj
        self.margin_mj = margin_mj
