"""What comes first in one pass of the loop, and what a full heap costs: an answer, never the hub."""

import pytest

from chf.journal.journal import FILES
from chf.shell import Shell
from chf.wire import schema as s
from tests.shell import narrow


class Full(narrow.Store):
    """A store whose reads or rewritings find no memory while `full` names them."""

    full = ""

    def read(self, name):
        if self.full == "read":
            raise MemoryError
        return super().read(name)

    def replace(self, name, pieces):
        if self.full == "replace":
            raise MemoryError
        super().replace(name, pieces)


def hub(store=None):
    board = narrow.Board(store=store)
    shell = Shell(board)
    peers = narrow.Peers(board)
    narrow.run(shell, peers, 5_000)
    return shell, peers, board


def test_a_flag_that_comes_in_the_same_pass_as_the_loss_is_too_late():
    shell, peers, board = hub()
    peers.flag()
    board.bits = s.SENSE_AC_LO | s.SENSE_MT_PR
    ((name, fields),) = narrow.run(shell, peers, 5)
    assert (name, fields["reason"]) == ("flag_refusal", s.REFUSED_BUSY)
    alerts = [fields for name, fields in narrow.run(shell, peers, 181_000) if name == "ad1"]
    assert [alert["cause"] for alert in alerts] == [s.CAUSE_SUPPLY_LOSS]


def test_a_message_at_the_threshold_is_decided_with_the_energy_of_now():
    shell, peers, board = hub()
    peers.say("set_policy", counter=peers.next_counter(), policy=s.POLICY_SUPPRESS)
    peers.flag()
    narrow.run(shell, peers, 5)
    board.bits = 0
    narrow.run(shell, peers, 179_990)
    board.mv = 2_300  # gone since the last look, and enough for one transmission only
    board.now += 20
    peers.say("gbcs_from_esme", gbcs=b"anything")
    told = [(name, fields) for name, fields in narrow.run(shell, peers, 5) if name in ("ad1", "hold_notice")]
    assert [(name, fields["holdup_mv"]) for name, fields in told] == [("ad1", 2_300)]


def test_a_soft_rig_is_looked_at_as_soon_as_it_is_set():
    shell, peers, _board = hub()
    peers.say("rig_set", mask=s.SENSE_SUPPLY, bits=0, holdup_mv=0)
    shell.step()
    assert shell.supervisor.outage is not None


def test_a_read_out_that_finds_no_memory_is_refused_and_the_hub_goes_on():
    shell, peers, board = hub(Full())
    board.store.full = "read"
    peers.say("journal_request", file=0, offset=0)
    ((name, fields),) = narrow.run(shell, peers, 5)
    assert (name, fields["reason"]) == ("bench_refusal", s.REFUSED_STORE)
    board.store.full = ""
    peers.say("journal_request", file=0, offset=0)
    assert narrow.run(shell, peers, 5)[0][0] == "journal_data"


@pytest.mark.parametrize("which", FILES)
def test_a_journal_that_finds_no_memory_to_be_rewritten_stays_and_grows(which):
    shell, peers, board = hub(Full())
    board.store.full = "replace"
    journal = shell.counters if which == FILES[0] else shell.outages
    size = len(board.store.files[which])
    journal.limit = 0
    peers.flag()
    assert narrow.run(shell, peers, 5)[0][0] == "flag_ack"
    board.bits = 0
    assert "ad1" in [name for name, _ in narrow.run(shell, peers, 181_000)]
    assert len(board.store.files[which]) > size and shell.fault == "", "no fault of the flash"
