"""What can happen to the core. An event is a tuple that begins with one of these; a failure replays as (now, event)."""

BOOT = 0  # (BOOT, reset cause, sense bits, holdup_mv, 16 random octets); once, first
SAMPLE = 1  # (SAMPLE, sense bits, holdup_mv); also how time passes
MESSAGE = 2  # (MESSAGE, name, fields, MAC): authentic, from the peer that the link belongs to
STORE_FAILED = 3  # (STORE_FAILED,): a Journal effect could not be made durable
CLEAN_STOP = 4  # (CLEAN_STOP,): the hub is about to restart at somebody's command
