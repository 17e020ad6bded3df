"""What the core asks of the shell. Carried out in order; an effect is a tuple whose first item is one of these."""

JOURNAL = 0  # (JOURNAL, record name, fields): durable before the next effect
SEND = 1  # (SEND, message name, fields)
SEND_IF_DURABLE = 2  # (..): only if every JOURNAL effect of the same list succeeded; else the core hears STORE_FAILED
STALE = 4  # (STALE,): the message was authentic, but answers nothing that is waiting
REKEY = 3  # (REKEY, peer, 32 octets): from now on this key is the peer's
