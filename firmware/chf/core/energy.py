"""What the hold-up capacitor still gives, and what a decision needs of it: integers, millijoules, rounded down."""


def available_mj(holdup_mv: int, min_mv: int, capacitance_mf: int) -> int:
    """Energy between `holdup_mv` and `min_mv`, C*(V^2 - Vmin^2)/2, never rounded up.

    In steps of 10 mV, so that 10 V and 50 F stay under 2**30: small integers on a 32-bit board.
    """
    high = holdup_mv // 10
    low = (min_mv + 9) // 10
    if high <= low:
        return 0
    return (high * high - low * low) // 100 * capacitance_mf // 200


def hold_needs_mj(config, left_s: int) -> int:
    """To stay silent for `left_s` more and still be able to speak: the load, one transmission, the margin."""
    return config.load_mw * left_s + config.send_mj + config.margin_mj


def can_hold(config, holdup_mv: int, left_s: int) -> bool:
    return available_mj(holdup_mv, config.holdup_min_mv, config.capacitance_mf) >= hold_needs_mj(config, left_s)


def can_retry(config, holdup_mv: int, left_s: int) -> bool:
    """A repeat may be sent only if another could follow in `left_s`, when the next alert may be due, and the margin."""
    have = available_mj(holdup_mv, config.holdup_min_mv, config.capacitance_mf)
    return have >= config.load_mw * left_s + 2 * config.send_mj + config.margin_mj
