"""The one definition of every message: literals only, read by the firmware and by the host tools.

A frame, once unstuffed, is: version, address, type, body, [MAC of 16 octets], FCS of 2 octets. SPEC.md says the rest.

The messages stand in one text, a line each: a table of tuples would cost a device ten times its heap. codec.py reads
it.
Fields are written "name:kind". Kinds: "u8", "u16", "u32" are unsigned, most significant octet first; "bN" is N octets;
"*" is all that is left, 0 to GBCS_MAX octets, and stands last. Counters, EUIs and ids are octets ("b8", "b12"),
compared as octets: an integer of 2**30 or more would allocate on a 32-bit board.
"""

WIRE_VERSION = 1

# Address octet: logical link in bits 0-2, direction in bit 6, bench mark in bit 7.
LINK_HAN = 1  # hub <-> electricity meter (ESME)
LINK_WAN = 2  # hub <-> head-end
LINK_BENCH = 3  # hub <-> test bench: identity, state, journal, soft rig
LINK_RIG = 4  # bench <-> rig: physical signals and stepped time; never spoken by a hub's own UARTs
LINK_MASK = 0x07
TYPE_BENCH_FIRST = 0x40  # message types from here on are the bench's and the rig's
FROM_HUB = 0x40
BENCH_MARK = 0x80  # set on every HAN and WAN frame while the bench strap is fitted: test keys only

HEADER_LEN = 3
MAC_LEN = 16
FCS_LEN = 2
GBCS_MAX = 1500  # octets; the largest message that the hub's tunnel takes
FRAME_MAX = 1536  # octets, unstuffed, FCS included: GBCS_MAX, header, counter, MAC, FCS, rounded up

# The id of an outage: journal epoch (random, drawn when the journal is formatted), boot counter, outage number.
ID_LEN = 12
UNKNOWN_S = 0xFFFFFFFF  # a duration that is not proven
UTC_MAX = 0xF0000000  # the year 2127: the latest time that is taken, so that no sum of times leaves its 32 bits
NO_UTC = 0  # a time that is not known; times are seconds since 2000-01-01T00:00:00Z (ZigBee UTCTime)

# How loud the hub is about one outage. It only ever rises.
LEVEL_NONE = 0  # not decided: under the threshold
LEVEL_ASKED = 1  # a HoldNotice is on its way; nothing is held yet
LEVEL_HELD = 2  # the head-end has acknowledged the HoldNotice and will itself raise the alert
LEVEL_TAGGED = 3  # AD1 with cause firmware-activation
LEVEL_PLAIN = 4  # AD1 as for a genuine outage

CAUSE_NONE = 0
CAUSE_SUPPLY_LOSS = 1
CAUSE_FIRMWARE_ACTIVATION = 2
CAUSE_ACTIVATION_OVERRUN = 3
CAUSE_UNKNOWN_DURATION = 4
CAUSE_MAINS_HINTED = 6  # as supply-loss, and AC_LO hints that the mains was there: the meter's own supply, or its plug
CAUSE_HUB_REMOVED_HINTED = 7  # as supply-loss, and MT_PR hints that the hub was pulled off the meter
CAUSE_MERGED = 5  # stands for several old alerts that the full queue could not keep apart

SOURCE_NONE = 0
SOURCE_DECLARED = 1  # by the meter, with its MAC
SOURCE_INFERRED = 2  # by the hub, from a CS06 that it relayed

# What supply did since the meter's running firmware was last seen.
GAP_NONE = 0
GAP_UNDECLARED = 1  # an interruption, and no declared flag
GAP_DECLARED = 2

# What says which firmware the meter runs.
EVIDENCE_COMPLETE = 1  # its own activation_complete
EVIDENCE_RESULT = 2  # the relayed CS06 response, or alert 8F66
EVIDENCE_READ = 3  # the relayed answer to the head-end that has read it (ECS52)

POLICY_ALERT = 0
POLICY_TAG = 1
POLICY_SUPPRESS = 2
POLICY_SUPPRESS_INFERRED = 3

# Bits of the sense lines, as sampled.
SENSE_SUPPLY = 0x01  # 12 V within range
SENSE_AC_LO = 0x02  # ICHIS pin 9 high: the meter says "no AC"
SENSE_MT_PR = 0x04  # ICHIS pin 6 active: the meter says that it is there
SENSE_MAINS_HINT = 0x40  # computed: AC_LO was low from 1 s before the loss until now. A hint for people, never proof
SENSE_STORE_FAULT = 0x80  # computed: the journal could not be written, or is damaged

FLAG_NONE = 0
FLAG_PENDING = 1
FLAG_CONSUMED = 2
FLAG_CONFIRMED = 3
FLAG_EXPIRED = 4
FLAG_REVOKED = 5

# Why a flag message or a command was refused.
REFUSED_COUNTER = 1  # not above the floor: the floor is in the refusal
REFUSED_PEER = 2  # names another meter or another hub
REFUSED_RANGE = 3  # a time that does not fit
REFUSED_BUSY = 4  # an outage is being decided, or too many declarations in an hour
REFUSED_STORE = 5  # could not be made durable
REFUSED_UNSYNCED = 6  # the counter journal is damaged: send CounterSync with the nonce given here
REFUSED_NONCE = 7  # CounterSync with a nonce that is not the one given
REFUSED_VALUE = 8  # a policy or peer that does not exist
REFUSED_STRAP = 9  # BENCH: the strap is not fitted

RESULT_SUCCESS = 0

PEER_ESME = 0
PEER_HEAD_END = 1

RESTART_RESET = 0
RESTART_WATCHDOG = 1  # stop feeding the watchdog and let it bite

RESET_POWER_ON = 0
RESET_OTHER = 1  # watchdog, soft reset: the hub did not lose its own power

RIG_HOLDUP = 0x80  # in rig_set's mask: holdup_mv is given too

# What a fixture board can do, bits.
FIXTURE_SUPPLY = 0x01  # switch the 12 V line
FIXTURE_LINES = 0x02  # drive AC_LO and MT_PR
FIXTURE_HOLDUP = 0x04  # set the voltage at the hub's hold-up input
FIXTURE_POWER = 0x08  # cut the hub's own power

JOURNAL_COUNTERS = 0
JOURNAL_OUTAGES = 1
RECORD_OUTAGES_FIRST = 0x20  # journal records of this kind and above live in the outage file

# Why a frame was dropped; the index into the State message's drop counts.
DROP_FCS = 0
DROP_LONG = 1  # longer than FRAME_MAX, or than the memory that is free
DROP_SHORT = 2
DROP_ABORT = 3
DROP_VERSION = 4
DROP_ADDRESS = 5  # a link that this port does not carry, or the wrong direction
DROP_TYPE = 6
DROP_LENGTH = 7
DROP_MARK = 8  # bench mark where there must be none, or none where there must be one
DROP_MAC = 9
DROP_STALE = 10  # authentic, but answers nothing that is waiting
DROPS = 11

CUT_NONE = 0
CUT_FLASH_OCTET = 1  # die after so many more octets are programmed or erase steps are made
CUT_WAN_OCTET = 2  # die after so many more octets have left on the WAN link

LINKS = {"han": LINK_HAN, "wan": LINK_WAN, "bench": LINK_BENCH, "rig": LINK_RIG}

# type (two hex digits), name, link, ">hub" to the hub or "<hub" from it, "mac" where it carries one, fields ("-": none)
#
# ad1           row: which row of policy.TABLE decided, from 0. elapsed_s: without supply when decided, UNKNOWN_S where
#               not proven. window_s: the flag's window, from the loss, 0 without a flag. flag_counter: of the flag that
#               was bound, zeros without one. merged: outages that this alert stands for beyond its own
# hold_notice   left_s: of the window, when this frame was sent
# restored      revision, level: the last decided; HELD here ends a suppression
# time_reply    counter: the last that the head-end used
# log_data      of the outages that were decided, the one `index` back from the latest; count: how many there are. data:
#               the fields of its last ad1 or hold_notice decision, then, if it is over, those of the journal's `end`;
#               nothing where there is none
# without_notice  id: of the interruption, zeros where not known. before, after: firmware. evidence: EVIDENCE_*
# identity      text: UTF-8, "chf VERSION; BOARD; MicroPython VERSION"
# state         phase: index into states.PHASES. flag_left_s: until the loss must have begun. queued: outages with a
#               message that is not acknowledged. damaged: bit 0 counter journal, bit 1 outage journal, bit 2 last write
#               failed. drops: DROPS counts of two octets, saturating
# step          until_ms: since the rig's start, not the hub's. han, wan, bench: octets that the bench has written on
#               each link since the hub's power-on
# stepped       deadline_ms: of the hub's own next act; UNKNOWN_S when its power has failed. han, wan, bench: octets
#               that the hub has written; overruns: octets lost in its UARTs; since power-on
# time_skip     the hub's clock jumps ahead by so long, until its next restart
# fixture_set   all outputs of a fixture board at once; number 0: it only asks
# fixture       number: of the last fixture_set, 0 since its own start. measured_mv: at the hub's hold-up input. text:
#               UTF-8, "chf fixture VERSION; BOARD; MicroPython VERSION"
MESSAGES = (
    "\n10 activation_pending han >hub mac esme:b8 hub:b8 counter:b8 image_hash:b32 expected_outage_s:u16 valid_s:u16"
    "\n11 activation_complete han >hub mac esme:b8 hub:b8 counter:b8 image_hash:b32 result:u8 version:u32"
    "\n12 activation_cancel han >hub mac esme:b8 hub:b8 counter:b8"
    "\n13 counter_sync han >hub mac esme:b8 hub:b8 counter:b8 nonce:b8"
    "\n14 flag_ack han <hub mac esme:b8 hub:b8 type:u8 counter:b8"
    "\n15 flag_refusal han <hub mac esme:b8 hub:b8 type:u8 counter:b8 reason:u8 floor:b8 nonce:b8"
    "\n18 gbcs_to_esme han <hub no gbcs:*"
    "\n19 gbcs_from_esme han >hub no gbcs:*"
    "\n20 ad1 wan <hub mac id:b12 revision:u8 level:u8 cause:u8 source:u8 row:u8 policy:u8 elapsed_s:u32 "
    "loss_utc:u32 window_s:u16 flag_counter:b8 loss_bits:u8 loss_holdup_mv:u16 bits:u8 holdup_mv:u16 merged:u16"
    "\n21 ad1_ack wan >hub mac id:b12 revision:u8"
    "\n22 hold_notice wan <hub mac id:b12 window_s:u16 left_s:u16 source:u8 flag_counter:b8 loss_utc:u32 "
    "holdup_mv:u16"
    "\n23 hold_ack wan >hub mac id:b12 window_s:u16 accepted:u8"
    "\n24 restored wan <hub mac id:b12 revision:u8 level:u8 duration_s:u32 end_utc:u32 bits:u8 holdup_mv:u16"
    "\n25 restored_ack wan >hub mac id:b12"
    "\n26 time_request wan <hub mac nonce:b8 epoch:b4 boot:u32"
    "\n27 time_reply wan >hub mac nonce:b8 utc:u32 counter:b8"
    "\n28 set_policy wan >hub mac counter:b8 policy:u8"
    "\n29 rotate_key wan >hub mac counter:b8 peer:u8 wrapped:b32"
    "\n2a exchange_esme wan >hub mac counter:b8 esme:b8 wrapped:b32"
    "\n2b command_ack wan <hub mac type:u8 counter:b8"
    "\n2c command_refusal wan <hub mac type:u8 counter:b8 reason:u8 floor:b8"
    "\n2d gbcs_down wan >hub mac counter:b8 gbcs:*"
    "\n2e gbcs_up wan <hub mac gbcs:*"
    "\n2f log_request wan >hub mac nonce:b8 index:u8"
    "\n30 log_data wan <hub mac nonce:b8 index:u8 count:u8 data:*"
    "\n31 without_notice wan <hub mac id:b12 before:u32 after:u32 evidence:u8"
    "\n32 without_notice_ack wan >hub mac id:b12 after:u32"
    "\n40 identify bench >hub no -"
    "\n41 identity bench <hub no strapped:u8 hub:b8 esme:b8 epoch:b4 boot:u32 text:*"
    "\n42 state_request bench >hub no -"
    "\n43 state bench <hub no phase:u8 level:u8 policy:u8 flag:u8 source:u8 flag_left_s:u16 bits:u8 holdup_mv:u16 "
    "elapsed_s:u32 utc:u32 queued:u8 damaged:u8 drops:b22"
    "\n44 journal_request bench >hub no file:u8 offset:u32"
    "\n45 journal_data bench <hub no file:u8 offset:u32 total:u32 data:*"
    "\n46 trace_request bench >hub no -"
    "\n47 trace_data bench <hub no lost:u32 entries:*"
    "\n48 rig_set bench >hub no mask:u8 bits:u8 holdup_mv:u16"
    "\n49 restart bench >hub no kind:u8"
    "\n4a bench_ack bench <hub no type:u8"
    "\n4b bench_refusal bench <hub no type:u8 reason:u8"
    "\n4c bench_log_request bench >hub no index:u8"
    "\n4d bench_log_data bench <hub no index:u8 count:u8 data:*"
    "\n4e time_skip bench >hub no ms:u16"
    "\n60 step rig >hub no until_ms:u32 han:u32 wan:u32 bench:u32 bits:u8 holdup_mv:u16 cut:u8 cut_after:u32"
    "\n61 stepped rig <hub no now_ms:u32 deadline_ms:u32 han:u32 wan:u32 bench:u32 flash_octets:u32 erases:u32 "
    "overruns:u32"
    "\n62 fixture_set rig >hub no number:u8 bits:u8 power:u8 holdup_mv:u16"
    "\n63 fixture rig <hub no number:u8 able:u8 bits:u8 power:u8 holdup_mv:u16 measured_mv:u16 text:*"
    "\n"
)
