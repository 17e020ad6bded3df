"""The one definition of every journal record, read by the firmware and by the host tools.

Fields are written as in the wire schema. SPEC.md, beside this file, says how records are framed and what they mean.
"""

from chf.wire import codec

JOURNAL_VERSION = 1

# kind (two hex digits), name, fields. Kinds below 20 live in the counter file, the others in the outage file.
#
# counter, tag: of the message by which a peer made the hub change this
# flag        valid_s: left when written
# life        the flag's remaining life was cut to this
# sync        the meter's floor, agreed anew
# inferred    gbcs: counter of the CS06. due: its execution time, NO_UTC where it is pending already. valid_s: left then
# uninferred  what was inferred from that CS06 is void, and the pending flag, if inferred; zeros: all of them
# version     the meter's running firmware; before: zeros, or the one before, while an interruption may still follow;
#             gap: GAP_*, what supply did since the version was last seen
# decision    "=ad1": what was decided is what is sent
# loss        utc: of the loss itself. flag_counter: of the flag that was valid then, zeros without one
# absorbed    the full queue merged this outage into another
# alive       supply was good at this time; clean: no outage until the next boot
# muted       when an outage was last held; over: 24 h since have been proven
# format      the outage file is new: ids under this epoch from here on
RECORDS = (
    "\n10 flag counter:b8 tag:b16 source:u8 image_hash:b32 expected_outage_s:u16 valid_s:u16 utc:u32"
    "\n11 clear counter:b8 tag:b16 state:u8"
    "\n12 life left_s:u16 utc:u32"
    "\n13 sync counter:b8 tag:b16"
    "\n14 policy counter:b8 tag:b16 policy:u8"
    "\n15 key counter:b8 tag:b16 peer:u8 key:b32"
    "\n16 esme counter:b8 tag:b16 esme:b8 key:b32"
    "\n17 wan_floor counter:b8 tag:b16"
    "\n18 inferred counter:b8 tag:b16 gbcs:b8 image_hash:b32 due:u32 valid_s:u16 utc:u32"
    "\n19 uninferred counter:b8 tag:b16 gbcs:b8"
    "\n1a version version:u32 before:u32 gap:u8"
    "\n2f format version:u8 epoch:b4"
    "\n20 boot boot:u32 reset:u8 utc:u32"
    "\n21 loss id:b12 elapsed_s:u32 utc:u32 bits:u8 holdup_mv:u16 flag_counter:b8 source:u8 window_s:u16"
    "\n22 checkpoint id:b12 elapsed_s:u32"
    "\n23 decision =ad1"
    "\n24 end id:b12 duration_s:u32 end_utc:u32 bits:u8 holdup_mv:u16"
    "\n25 acked id:b12 revision:u8 what:u8"
    "\n26 absorbed id:b12 into:b12"
    "\n27 alive utc:u32 clean:u8"
    "\n28 muted utc:u32 over:u8"
    "\n29 without_notice =without_notice"
    "\n"
)

ACKED_AD1 = 1
ACKED_RESTORED = 2
ACKED_NOTICE = 3


def kind_of(name):
    """Return the kind of a record, None where there is no such record."""
    return codec.number_of(RECORDS, name)


def record(kind):
    """Return [name, fields] of a record's kind, None where there is none."""
    line = codec.row(RECORDS, kind)
    if line is None:
        return None
    name, fields = line.split(" ", 1)
    if fields[0] == "=":
        fields = codec.message(codec.type_of(fields[1:]))[4]
    return [name, fields]
