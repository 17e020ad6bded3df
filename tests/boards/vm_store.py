"""Runs on the MicroPython VM: drives the store on littlefs on the virtual flash, power cuts included."""

import errno
import os

from boards.common.lfs_store import LfsStore, StoreDamaged, mount
from boards.virtual.flash import flip_bits
from tests.boards.vm_bench import PowerCut, errno_of, run

OLD = b"".join(b"record %03d of the old generation. " % i for i in range(12))
NEW = b"the compacted generation " * 20


def steps_of(bench, work):
    """How many octets and erase steps the work takes from the saved image."""
    bench.restore()
    store = bench.start()
    limit = bench.flash.cut_after = 1 << 28
    for _ in work(store):
        pass
    taken = limit - bench.flash.cut_after
    bench.power_off()
    return taken


def cut_everywhere(bench, work, stride):
    """Cut power at every stride-th step of the work; the store must then hold the last acknowledged state, or the one
    that was being written, and must go on working.

    work(store) is a generator that yields (content before, content after) ahead of each write: once it is asked for
    the next, that write has been acknowledged.
    """
    total = steps_of(bench, work)
    wrong = []
    new = 0
    for cut in range(0, total, stride):
        bench.restore()
        store = bench.start()
        bench.flash.cut_after = cut
        promised = []
        try:
            for states in work(store):
                promised = states
            wrong.append((cut, "no cut"))
        except (PowerCut, OSError):
            pass
        bench.power_off()
        try:
            store = bench.start()
            content = store.read("log")
            if content not in promised:
                wrong.append((cut, "content"))
            new += content == promised[1]
            store.append("log", b"afterwards")
            bench.power_off()
            store = bench.start()
            if store.read("log") != content + b"afterwards":
                wrong.append((cut, "append afterwards"))
            stale = [entry for entry in os.listdir("/flash/store") if entry.endswith(".new")]
            if stale:
                wrong.append((cut, "stale"))
        except OSError as error:
            wrong.append((cut, repr(error)))
        bench.power_off()
    return {"steps": total, "cuts": (total + stride - 1) // stride, "new": new, "wrong": wrong[:5]}


def one_append(store):
    content = store.read("log")
    yield content, content + b"one more record of forty-eight octets, no less.."
    store.append("log", b"one more record of forty-eight octets, no less..")


def one_replace(store):
    yield store.read("log"), NEW
    store.replace("log", (NEW,))


def a_while(store):
    """Appends across several segments, a compaction, appends after it: commits, erases and removals among them."""
    content = store.read("log")
    for i in range(24):
        data = b"%02d." % i + b"x" * 45
        yield content, content + data
        store.append("log", data)
        content += data
        if i == 15:
            yield content, NEW
            store.replace("log", (NEW,))
            content = NEW


def cuts(bench):
    """Power cuts at each octet of an append, each second one of a replacement, and along a longer life."""
    bench.blank()
    store = bench.start()
    store.append("log", OLD)
    store.append("other", b"bystander")
    bench.power_off()
    bench.save()
    return {
        "append": cut_everywhere(bench, one_append, 1),
        "replace": cut_everywhere(bench, one_replace, 2),
        "life": cut_everywhere(bench, a_while, 47),
    }


def first_start(bench):
    """Power cuts in the very first start, format and folder included: the next start must succeed."""
    bench.blank()
    flash = bench.power_on()
    limit = flash.cut_after = 1 << 28
    mount(flash, "/flash")
    LfsStore("/flash", "store").append("log", b"first")
    total = limit - flash.cut_after
    bench.power_off()
    wrong = []
    for cut in range(0, total, 5):
        bench.blank()
        flash = bench.power_on()
        flash.cut_after = cut
        try:
            mount(flash, "/flash")
            LfsStore("/flash", "store").append("log", b"first")
            wrong.append((cut, "no cut"))
        except (PowerCut, OSError):
            pass
        bench.power_off()
        try:
            store = bench.start()
            store.append("log", b"second")
            if store.read("log") not in (b"second", b"firstsecond"):
                wrong.append((cut, "content"))
        except OSError as error:
            wrong.append((cut, repr(error)))
        bench.power_off()
    return {"cuts": (total + 4) // 5, "wrong": wrong[:5]}


def damage(bench):
    """A flash that holds something unreadable is left alone, and says so."""
    bench.blank()
    store = bench.start()
    store.append("log", OLD)
    bench.power_off()
    for block in (0, 1):
        for offset in range(0, 4096, 64):
            flip_bits(bench.path, block * 4096 + offset, 0x55)
    bench.save()
    seen = {}
    try:
        bench.start()
    except StoreDamaged as error:
        seen["damaged"] = str(error)
    bench.flash.close()
    with open(bench.path, "rb") as file:
        seen["untouched"] = file.read() == bench.image
    bench.blank()
    flash = bench.power_on()
    flash.readblocks = lambda block, buf, offset=0: -errno.EIO
    seen["unreadable"] = errno_of(mount, flash, "/flash")
    return seen


def lost_part(bench):
    """A segment that is missing is damage, not a shorter log; the name can be written anew."""
    bench.blank()
    store = bench.start()
    for _ in range(30):
        store.append("log", bytes(60))
    entries = sorted(os.listdir("/flash/store"))
    os.remove("/flash/store/" + entries[1])
    store = LfsStore("/flash", "store")
    seen = {"segments": len(entries)}
    for name, call in (("read", lambda: store.read("log")), ("append", lambda: store.append("log", b"x"))):
        try:
            call()
        except StoreDamaged as error:
            seen[name] = str(error)
    store.replace("log", (b"anew",))
    seen["anew"] = store.read("log").decode()
    bench.power_off()
    return seen


def refusals(bench):
    """A full flash and a broken flash: an OSError with its errno, and nothing that was durable is lost."""
    bench.blank()
    store = bench.start()
    store.append("log", OLD)
    seen = {"missing": store.read("nothing")}
    piece = bytes(4096)
    grown = 0
    while grown < 100:
        full = errno_of(store.append, "ballast", piece)
        if full is not None:
            break
        grown += 1
    seen["pieces"] = grown
    seen["full"] = full
    seen["full_replace"] = errno_of(store.replace, "log", (bytes(3 * 4096),))
    seen["kept_when_full"] = store.read("log") == OLD and ballast_octets() == grown * 4096
    bench.flash.failing = True
    seen["broken"] = [errno_of(store.append, "log", b"x" * 48), errno_of(store.replace, "log", (b"x" * 48,))]
    bench.flash.failing = False
    bench.power_off()
    store = bench.start()
    seen["kept"] = store.read("log") == OLD and ballast_octets() == grown * 4096
    bench.power_off()
    return seen


def ballast_octets():
    entries = [entry for entry in os.listdir("/flash/store") if entry.startswith("ballast.")]
    return sum(os.stat("/flash/store/" + entry)[6] for entry in entries)


def costs(bench):
    """What an append costs, over several fillings of a 4 KiB log, at the stock block count."""
    bench.blank()
    mount(bench.power_on(blocks=64), "/flash")
    store = LfsStore("/flash", "store")
    appends = octets = erases = us = most_us = most_erases = 0
    for _ in range(8):
        size = 0
        while size < 4096:
            programmed, erased, busy = bench.flash.programmed, bench.flash.erase_total, bench.busy_us
            store.append("log", bytes(48))
            size += 48
            appends += 1
            octets += bench.flash.programmed - programmed
            erases += bench.flash.erase_total - erased
            most_erases = max(most_erases, bench.flash.erase_total - erased)
            us += bench.busy_us - busy
            most_us = max(most_us, bench.busy_us - busy)
        store.replace("log", (bytes(200),))
    seen = {
        "appends": appends,
        "octets_per_append": octets / appends,
        "erases_per_append": erases / appends,
        "most_erases": most_erases,
        "ms_per_append": us / appends / 1000,
        "most_ms": most_us / 1000,
        "set_attempts": bench.flash.set_attempts,
        "most_worn": max(bench.flash.erases),
        "erases": bench.flash.erase_total,
    }
    bench.power_off()
    return seen


run(
    {
        "cuts": cuts,
        "first_start": first_start,
        "damage": damage,
        "lost_part": lost_part,
        "refusals": refusals,
        "costs": costs,
    }
)
