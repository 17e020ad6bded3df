"""The one definition of every journal record: literals only, read by the firmware and by the host tools.

Fields are written as in the wire schema. SPEC.md, beside this file, says how records are framed and what they mean.
"""

from chf.wire.schema import OUTAGE_FIELDS

JOURNAL_VERSION = 1

# kind: (name, fields). Kinds below 0x20 live in the counter file, the others in the outage file.
_PEER = "counter:b8 tag:b16 "  # what a peer made the hub change, with the counter and MAC of the message that did it

RECORDS = {
    # valid_s: left when written
    0x10: ("flag", _PEER + "source:u8 image_hash:b32 expected_outage_s:u16 valid_s:u16 utc:u32"),
    0x11: ("clear", _PEER + "state:u8"),
    # the flag's remaining life was cut to this
    0x12: ("life", "left_s:u16 utc:u32"),
    # the meter's floor, agreed anew
    0x13: ("sync", _PEER[:-1]),
    0x14: ("policy", _PEER + "policy:u8"),
    0x15: ("key", _PEER + "peer:u8 key:b32"),
    0x16: ("esme", _PEER + "esme:b8 key:b32"),
    0x17: ("wan_floor", _PEER[:-1]),
    # the outage file is new: ids under this epoch from here on
    0x2F: ("format", "version:u8 epoch:b4"),
    0x20: ("boot", "boot:u32 reset:u8 utc:u32"),
    # utc: of the loss itself. flag_counter: of the flag that was valid then, zeros without one
    0x21: ("loss", "id:b12 elapsed_s:u32 utc:u32 bits:u8 holdup_mv:u16 flag_counter:b8 source:u8 window_s:u16"),
    0x22: ("checkpoint", "id:b12 elapsed_s:u32"),
    0x23: ("decision", OUTAGE_FIELDS),
    0x24: ("end", "id:b12 duration_s:u32 end_utc:u32 bits:u8 holdup_mv:u16"),
    0x25: ("acked", "id:b12 revision:u8 what:u8"),
    # the full queue merged this outage into another
    0x26: ("absorbed", "id:b12 into:b12"),
    # supply good at this time; clean: no outage until the next boot
    0x27: ("alive", "utc:u32 clean:u8"),
    # when an outage was last held; over: 24 h since have been proven
    0x28: ("muted", "utc:u32 over:u8"),
}

KIND_OF = {RECORDS[kind][0]: kind for kind in RECORDS}

ACKED_AD1 = 1
ACKED_RESTORED = 2
