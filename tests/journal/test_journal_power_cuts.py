"""littlefs under the journal, the power cut in the middle of every octet programmed and of every erase."""

import pytest
from journal_flash import Flash, LittlefsStore, images
from journal_stores import sample, samples

from chf.journal.journal import Journal

# (block size, blocks, read size, program size). Small blocks, so that appends cross littlefs's inline files, a block's
# end and its metadata's compaction; and those of a Raspberry Pi Pico.
SMALL = (256, 24, 16, 16)
PICO = (4096, 12, 256, 256)
NAME = "outages.chj"
PROBE = ("boot", sample("boot", 99))
EVERY = 5  # images; after so many the hub is also made to write on, which takes longer


def flash_with(records, geometry, tail=b""):
    """A flash whose journal holds these records, and then these octets."""
    block, blocks, read, prog = geometry
    flash = Flash(block, blocks)
    store = LittlefsStore(flash, read, prog, fresh=True)
    if records is not None:
        Journal(store, NAME).compact(records)
    if tail:
        store.append(NAME, tail)
    return flash


def mounted(image, geometry):
    block, blocks, read, prog = geometry
    store = LittlefsStore(Flash(block, blocks, image), read, prog)
    journal = Journal(store, NAME)
    return store, journal, journal.recover()


def cut_everywhere(flash, geometry, change, before, after, torn=0):
    """Run change(journal) once, then restart from each image: it must hold `before` or `after`. Returns the order."""
    start = bytes(flash.image)
    store = LittlefsStore(flash, *geometry[2:])
    journal = Journal(store, NAME)
    assert journal.recover() == before
    flash.history = []
    change(journal)
    cuts = 0
    seen = []
    for image in images(start, flash.history, geometry[0]):
        store, journal, records = mounted(image, geometry)
        assert records in (before, after), cuts
        assert not journal.damaged
        assert journal.torn == (0 if records == after != before else torn)
        if not seen or seen[-1] != records:
            seen.append(records)
        if cuts % EVERY == 0:
            journal.append(*PROBE)
            assert Journal(store, NAME).recover() == [*records, PROBE]
            assert mounted(store.flash.image, geometry)[2] == [*records, PROBE]
        cuts += 1
    assert records == after, "acknowledged, so it is there"
    assert cuts > 100
    return seen


@pytest.fixture(params=[SMALL, PICO], ids=["small", "pico"])
def geometry(request):
    return request.param


@pytest.mark.parametrize("count", [0, 1, 4, 9, 13])
def test_an_append_is_there_whole_or_not_at_all(count, geometry):
    """DurableBeforeClaim, NoReplay: in an inline file, in one block, over a block's end."""
    before = samples()[:count]
    record = ("flag", sample("flag", 1))
    flash = flash_with(before, geometry)
    seen = cut_everywhere(flash, geometry, lambda journal: journal.append(*record), before, [*before, record])
    assert seen == [before, [*before, record]]


def test_the_first_file_is_there_whole_or_not_at_all(geometry):
    cut_everywhere(flash_with(None, geometry), geometry, lambda journal: journal.append(*PROBE), [], [PROBE])


def test_a_compaction_leaves_the_old_generation_or_the_new_one(geometry):
    before, after = samples() * 2, samples()[:5]
    flash = flash_with(before, geometry)
    assert cut_everywhere(flash, geometry, lambda journal: journal.compact(after), before, after) == [before, after]


def test_the_rewriting_of_a_torn_file_loses_nothing_at_any_cut(geometry):
    before = samples()[:6]
    flash = flash_with(before, geometry, tail=b"\x27\x05")  # the first octets of an "alive" record
    cut_everywhere(flash, geometry, lambda journal: journal.append(*PROBE), before, [*before, PROBE], torn=2)


def test_a_cut_in_a_compaction_and_another_in_the_one_after_it():
    before, after = samples(), samples()[:3]
    flash = flash_with(before, SMALL)
    start = bytes(flash.image)
    flash.history = []
    Journal(LittlefsStore(flash, *SMALL[2:]), NAME).compact(after)
    firsts = list(images(start, flash.history, SMALL[0]))
    for image in firsts[:: len(firsts) // 9]:
        store, journal, records = mounted(image, SMALL)
        begun = bytes(store.flash.image)
        store.flash.history = []
        journal.compact(after)
        for second in list(images(begun, store.flash.history, SMALL[0]))[::3]:
            assert mounted(second, SMALL)[2] in (records, after)


def test_a_long_life_of_appends_and_compactions_cut_everywhere():
    flash = flash_with([], SMALL)
    journal = Journal(LittlefsStore(flash, *SMALL[2:]), NAME, limit=450)
    held = journal.recover()
    for step in range(40):
        start = bytes(flash.image)
        flash.history = []
        before = held
        record = samples(step)[step * 5 % len(samples())]
        if journal.room(record[0]):
            held = [*held, record]
            journal.append(*record)
        else:
            held = held[-2:]
            journal.compact(held)
        for image in images(start, flash.history, SMALL[0]):
            records = mounted(image, SMALL)[2]
            assert records in (before, held), step
        assert records == held
    assert journal.generation >= 4


def test_what_an_append_costs_is_what_the_spec_says():
    """One erased block and little more than one programmed, however full the file, on 4 KiB blocks."""
    for prog in (32, 256):
        flash = Flash(4096, 32)
        store = LittlefsStore(flash, 256, prog, fresh=True)
        journal = Journal(store, NAME)
        appends = 0
        while journal.room("checkpoint"):
            octets, blocks = flash.programmed, flash.erased
            journal.append("checkpoint", sample("checkpoint"))
            assert flash.programmed - octets <= 4096 + 512
            assert flash.erased - blocks <= 2
            appends += 1
        assert appends == 163
        assert flash.erased <= appends
        assert flash.programmed <= appends * 2500
