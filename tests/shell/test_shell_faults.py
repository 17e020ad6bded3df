"""No exception leaves the shell: any octets, any lines, a store that fails or tears at any call, lost files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chf.journal.journal import FILES, Journal
from chf.shell import READ_TRIES, Shell
from chf.wire import schema as s
from chf.wire.codec import items, message, numbers
from tests.shell import narrow

COUNTERS, OUTAGES = FILES
FAULTS = st.lists(st.sampled_from([narrow.WORKS] * 3 + [narrow.REFUSES, narrow.LATE, narrow.TEARS]), max_size=24)
TO_HUB = [message(number) for number in numbers(s.MESSAGES) if not message(number)[2]]
TO_HUB = [row for row in TO_HUB if row[1] != s.LINK_RIG]


def value(kind):
    if kind == "*":
        return st.binary(max_size=100)
    if kind[0] == "u":
        return st.integers(0, 2 ** int(kind[1:]) - 1) | st.integers(0, 5)
    return st.binary(min_size=int(kind[1:]), max_size=int(kind[1:]))


KNOWN = {
    "esme": st.just(narrow.ESME),
    "hub": st.just(narrow.HUB),
    "counter": st.integers(1, 9).map(lambda n: bytes(7) + bytes((n,))),
}
MESSAGES = st.sampled_from(TO_HUB).flatmap(
    lambda row: st.tuples(
        st.just("say"),
        st.just(row[0]),
        st.fixed_dictionaries({name: KNOWN.get(name, value(kind)) for name, kind in items(row[4])}),
    )
)
STEPS = st.one_of(
    MESSAGES,
    st.tuples(st.just("octets"), st.integers(0, 2), st.binary(max_size=80)),
    st.tuples(st.just("lines"), st.integers(0, 7), st.sampled_from([0, 1_999, 2_000, 2_201, 5_000, 65_535])),
    st.tuples(st.just("pass"), st.sampled_from([0, 1, 700, 5_000, 61_000, 181_000, 700_000])),
    st.tuples(st.just("late"), st.sampled_from([1, 20_000, 500_000])),
    st.tuples(st.just("store"), FAULTS),
    st.tuples(st.just("boot"), st.sampled_from([s.RESET_POWER_ON, s.RESET_OTHER]), FAULTS),
)  # fmt: skip


class Hub:
    """A hub that is acted upon. Whatever its shell raises fails the test."""

    def __init__(self, strapped=True, files=None, faults=(), answers=True, policy=s.POLICY_TAG):
        self.text = narrow.identity_text(policy=policy)
        self.store = narrow.Store(files)
        self.strapped = strapped
        self.answers = answers
        self.said = []
        self.board = narrow.Board(strapped=strapped)
        self.boot(s.RESET_POWER_ON, faults)

    def boot(self, reset, faults=()):
        before = self.board
        self.store.faults = list(faults)
        self.board = narrow.Board(self.store, self.text, strapped=self.strapped, reset=reset, now=before.now)
        self.board.bits, self.board.mv = before.bits, before.mv
        self.shell = Shell(self.board)
        # A random command may rotate a key at any time: the peers follow, and lose what was sealed before.
        self.peers = narrow.Peers(self.board, strict=False)
        self.peers.endpoint.keys = self.shell.endpoint.keys

    def act(self, step):
        what, *more = step
        try:
            if what == "say":
                self.peers.say(more[0], **more[1])
                self.passes(5)
            elif what == "octets":
                self.board.links[more[0]].rx += more[1]
                self.passes(5)
            elif what == "lines":
                self.board.bits, self.board.mv = more
                self.passes(0)
            elif what == "late":
                self.board.now = (self.board.now + more[0]) & narrow.TICKS_MASK
            elif what == "store":
                self.store.faults = list(more[0])
            elif what == "boot":
                self.boot(*more)
            else:
                self.passes(*more)
        except narrow.Restarted:
            self.boot(s.RESET_OTHER)

    def passes(self, ms):
        self.said += narrow.run(self.shell, self.peers, ms, self.answers)

    def heard(self, name):
        return [fields for told, fields in self.said if told == name]


@settings(max_examples=250)
@given(st.booleans(), FAULTS, st.booleans(), st.integers(0, 3), st.lists(STEPS, max_size=14))
def test_no_exception_leaves_the_shell(strapped, faults, answers, policy, steps):
    hub = Hub(strapped, faults=faults, answers=answers, policy=policy)
    for step in steps:
        hub.act(step)
    hub.store.faults = []
    hub.act(("say", "identify", {}))
    assert hub.heard("identity"), "it still answers"


@settings(max_examples=60)
@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
def test_a_journal_of_any_octets_boots_and_alerts(counters, outages, whole):
    """whole: the octets follow a true file, so that they are met as records."""
    files = {COUNTERS: counters, OUTAGES: outages}
    if whole:
        good = Hub()
        good.passes(3_000)
        files = {name: good.store.files[name] + files[name] for name in files}
    hub = Hub(files=files)
    hub.passes(70_000)
    hub.act(("lines", 0, 5_000))
    hub.passes(190_000)
    assert s.LEVEL_PLAIN in [fields["level"] for fields in hub.heard("ad1")]


@settings(max_examples=100)
@given(FAULTS, FAULTS, st.sampled_from([s.POLICY_TAG, s.POLICY_SUPPRESS]))
def test_what_is_acknowledged_is_still_there_after_a_power_cut(faults, more, policy):
    hub = Hub()
    hub.passes(5_000)
    hub.store.faults = list(faults)
    hub.act(("say", "set_policy", {"counter": bytes(7) + b"\x01", "policy": policy}))
    hub.store.faults += more
    hub.peers.flag()
    hub.passes(5)
    acknowledged = [fields["type"] for name, fields in hub.said if name in ("flag_ack", "command_ack")]
    hub.said.clear()
    hub.boot(s.RESET_OTHER)
    hub.passes(5_000)
    hub.act(("say", "state_request", {}))
    (state,) = hub.heard("state")
    if 0x28 in acknowledged:
        assert state["policy"] == policy
    if 0x10 in acknowledged:
        assert state["flag"] == s.FLAG_PENDING


@settings(max_examples=100)
@given(FAULTS, FAULTS)
def test_an_outage_is_alerted_however_the_store_fails(at_loss, at_decision):
    hub = Hub()
    hub.passes(5_000)
    hub.peers.flag()
    hub.passes(5)
    hub.store.faults = list(at_loss)
    hub.act(("lines", 0, 5_000))
    hub.passes(100_000)
    hub.store.faults = list(at_decision)
    hub.passes(90_000)
    assert hub.heard("ad1"), "within 10 s of 180.000 s"


# ---- Files that are lost, or cannot be read


def run_in():
    """The files of a hub that has known a flag and an outage."""
    hub = Hub()
    hub.passes(5_000)
    hub.peers.flag()
    hub.passes(5)
    hub.act(("lines", 0, 5_000))
    hub.passes(10_000)
    hub.act(("lines", 1, 5_000))
    hub.passes(10_000)
    return hub.store.files


def test_a_counter_file_that_is_missing_beside_an_outage_file_is_damage():
    files = run_in()
    del files[COUNTERS]
    hub = Hub(files=files)
    hub.passes(70_000)
    hub.act(("say", "state_request", {}))
    assert hub.heard("state")[-1]["damaged"] & 1
    hub.peers.counter = 100
    hub.peers.flag()
    hub.passes(5)
    refusal = hub.heard("flag_refusal")[-1]
    assert refusal["reason"] == s.REFUSED_UNSYNCED and refusal["nonce"] != bytes(8)
    hub.boot(s.RESET_OTHER)
    hub.passes(5_000)
    assert hub.shell.counters.damaged, "a restart does not mend it"
    hub.peers.counter = 200
    hub.peers.flag()
    hub.passes(5)
    nonce = hub.heard("flag_refusal")[-1]["nonce"]
    hub.peers.say("counter_sync", esme=narrow.ESME, hub=narrow.HUB, counter=hub.peers.next_counter(), nonce=nonce)
    hub.passes(5)
    hub.peers.flag()
    hub.passes(5)
    assert [fields["type"] for fields in hub.heard("flag_ack")] == [0x13, 0x10]
    assert not hub.shell.counters.damaged


def test_a_new_hub_has_both_files_and_no_damage():
    hub = Hub()
    hub.passes(5_000)
    assert set(hub.store.files) == {COUNTERS, OUTAGES}
    hub.boot(s.RESET_POWER_ON)
    assert not hub.shell.counters.damaged and not hub.shell.outages.damaged


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_damage_and_is_not_overwritten(name):
    files = run_in()
    before = files[name]
    hub = Hub()
    hub.store.files = dict(files)
    hub.store.blind = (name,)
    hub.store.log.clear()
    hub.boot(s.RESET_OTHER)
    hub.passes(70_000)
    hub.act(("lines", 0, 5_000))
    hub.passes(200_000)
    hub.act(("lines", 1, 5_000))
    hub.passes(10_000)
    assert hub.store.files[name] == before
    assert not [call for call, tried in hub.store.log if tried == name], "nothing even tries"
    assert s.LEVEL_PLAIN in [fields["level"] for fields in hub.heard("ad1")]
    hub.act(("say", "state_request", {}))
    assert hub.heard("state")[-1]["damaged"] & (1 << FILES.index(name))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_read_at_the_second_try_or_the_third_is_whole(name):
    files = run_in()
    for refused in range(1, READ_TRIES):
        hub = Hub()
        hub.store.files = dict(files)
        hub.boot(s.RESET_OTHER, [narrow.WORKS] * FILES.index(name) + [narrow.REFUSES] * refused)
        assert not hub.shell.counters.damaged and not hub.shell.outages.damaged


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_could_not_be_read_is_never_written_anew(name):
    files = run_in()
    hub = Hub()
    hub.store.files = dict(files)
    hub.boot(s.RESET_OTHER, [narrow.WORKS] * FILES.index(name) + [narrow.REFUSES] * READ_TRIES)
    assert [hub.shell.counters.damaged, hub.shell.outages.damaged] == [name == one for one in FILES]
    hub.passes(100_000)
    assert hub.store.files[name].startswith(files[name])
    assert name not in [tried for call, tried in hub.store.log if call == "replace"][2:], "but for a new hub's own"


@pytest.mark.parametrize("fault", [narrow.REFUSES, narrow.LATE, narrow.TEARS])
@pytest.mark.parametrize("fails", [1, 2, 5])
def test_a_record_that_was_refused_is_in_its_file_once_the_store_takes_writes_again(fault, fails):
    """fails: how many writes in a row: the append, the file written whole, and what is tried after."""
    hub = Hub()
    hub.passes(5_000)
    hub.act(("store", [fault] * fails))
    hub.act(("lines", 0, 5_000))
    hub.passes(170_000)
    assert not hub.store.faults
    journal = Journal(hub.store, OUTAGES)
    seen = [name for name, _ in journal.recover()]
    assert seen.count("loss") == 1 and not journal.damaged and not journal.torn


def test_an_alert_for_which_the_heap_had_no_room_is_sealed_once_more():
    hub = Hub()
    hub.passes(5_000)
    hub.act(("lines", 0, 5_000))
    hub.passes(179_000)
    seal, refused = hub.shell.endpoint.seal, []

    def no_room(name, fields):
        if name == "ad1" and not refused:
            refused.append(name)
            raise MemoryError
        return seal(name, fields)

    hub.shell.endpoint.seal = no_room
    hub.passes(2_000)
    assert refused and hub.heard("ad1") and not hub.shell.supervisor.store_fault


def test_a_hub_with_a_blind_counter_file_takes_no_flag_and_no_command():
    hub = Hub(files=run_in())
    hub.store.blind = (COUNTERS,)
    hub.boot(s.RESET_OTHER)
    hub.passes(70_000)
    hub.peers.counter = 100
    hub.peers.flag()
    hub.act(("say", "set_policy", {"counter": bytes(7) + b"\x7f", "policy": s.POLICY_SUPPRESS}))
    hub.passes(5)
    assert not hub.heard("flag_ack") and not hub.heard("command_ack")


def test_an_outage_file_that_can_be_read_again_still_holds_its_outage():
    first = Hub()
    first.passes(5_000)
    first.act(("lines", 0, 5_000))
    first.passes(10_000)
    epoch = first.shell.supervisor.session[:4]
    hub = Hub(files=first.store.files)
    hub.board.bits = 0
    hub.store.blind = (OUTAGES,)
    hub.boot(s.RESET_OTHER)
    hub.passes(30_000)
    assert epoch not in [fields["id"][:4] for fields in hub.heard("ad1")]
    hub.store.blind = ()
    hub.boot(s.RESET_OTHER)
    hub.passes(200_000)
    assert epoch in [fields["id"][:4] for fields in hub.heard("ad1")]


def test_a_store_that_never_works_still_alerts():
    hub = Hub(faults=[narrow.REFUSES] * 10_000)
    hub.passes(5_000)
    hub.act(("lines", 0, 5_000))
    hub.passes(190_000)
    assert hub.store.files == {} and hub.heard("ad1")[0]["bits"] & s.SENSE_STORE_FAULT
    hub.act(("say", "state_request", {}))
    assert hub.heard("state")[-1]["damaged"] == 0b111
    hub.act(("say", "identify", {}))
    assert b"; " in hub.heard("identity")[-1]["text"].split(b"MicroPython")[1], "a fault"


def test_a_journal_that_cannot_be_rewritten_is_said():
    # The soft rig's file and both journals are read, none is there, none can be made.
    hub = Hub(faults=[narrow.WORKS] * 3 + [narrow.REFUSES])
    hub.act(("say", "identify", {}))
    assert b"the journal cannot be rewritten" in hub.heard("identity")[-1]["text"]
