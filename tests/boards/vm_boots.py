"""Boots and stores of boards/common on the MicroPython VM: `vm_boots.py CASE FOLDER`; prints RESULT and JSON."""

import json
import micropython
import os
import sys
import vfs
from time import sleep_ms, ticks_diff, ticks_ms

import maintenance
from flash import FileFlash
from mcu_board import McuBoard, open_mcu
from serial_ports import UartPort
from storage import LostStore, exists, open_store, remount
from vm_fakes import Pin, Uart

from chf.wire import schema as s

folder = sys.argv[2]


def ways_in():
    """How a boot ends: [in maintenance, waited the window, the file is left, what became of Ctrl-C]."""
    waited = []
    interrupts = []
    seen = {}

    def window(ms):
        waited.append(ms)
        if seen.get("interrupt"):
            raise KeyboardInterrupt

    class Repl:
        def kbd_intr(self, char):
            interrupts.append(char)

    maintenance.sleep_ms = window
    maintenance.micropython = Repl()
    path = folder + "/" + maintenance.FILE

    def boot(held):
        waited.clear()
        interrupts.clear()
        return [maintenance.wanted(folder, held), list(waited), exists(path), list(interrupts)]

    seen["plain"] = boot(False)
    open(path, "w").close()
    seen["pin"] = boot(True)
    seen["file"] = boot(False)
    seen["once"] = boot(False)
    seen["interrupt"] = True
    seen["ctrl_c"] = boot(False)
    return seen


def ctrl_c():
    """A real interrupt in the real window; the test sends it when it reads WINDOW."""

    def window(ms):
        print("WINDOW")
        sleep_ms(30_000)

    maintenance.sleep_ms = window
    return maintenance.wanted(folder, False)


def pins_and_modes():
    """What open_mcu makes of the straps: [mode, store's folder, masks of the ports]."""
    maintenance.sleep_ms = lambda ms: None
    opened = []
    mounted = []

    def mount():
        mounted.append(1)

    def open_uart():
        opened.append(1)
        return Uart()

    def boot(strap, hold, kept_power, uarts):
        opened.clear()
        ac_lo = Pin(0)
        board = open_mcu(
            "fake",
            folder,
            mount,
            kept_power,
            (ac_lo, Pin(0), Pin(strap), Pin(hold)),
            Level(),
            Level(),
            7,
            uarts,
            None,
            None,
        )
        if board is None:
            return None
        return [
            board.strapped,
            board.reset_cause,
            os.listdir(folder),
            [port.links for port in board.links],
            len(opened),
            ac_lo.trigger,
        ]

    class Level:
        def millivolts(self):
            return 12_000

    two = ((s.LINK_HAN, open_uart, 64), (s.LINK_WAN, open_uart, 64))
    seen = {"held": boot(1, 0, False, two), "untouched": os.listdir(folder), "mounted_held": len(mounted)}
    seen["live"] = boot(1, 1, False, two)
    seen["bench"] = boot(0, 1, True, two)
    seen["one_uart"] = boot(1, 1, True, two[:1])
    open(folder + "/uarts", "w").close()
    seen["bench_uarts"] = boot(0, 1, True, two)
    seen["mounted"] = len(mounted)
    return seen


def waiting():
    """wait() ends at its tick, at once for input and for a change; without allocating. feed() arms once."""
    armed = []
    uart = Uart()
    port = UartPort(uart, 1 << s.LINK_HAN)

    class Changes:
        change = False

        def take(self):
            return 5

        def changed(self):
            return self.change

    class Mv:
        def millivolts(self):
            return 4_321

    def arm():
        armed.append("armed")
        return lambda: armed.append("fed")

    changes = Changes()
    board = McuBoard("fake", folder, False, 0, [port], changes, Mv(), arm, None)
    seen = {"sense": board.sense(), "holdup_mv": board.holdup_mv(), "identity": board.identity(), "armed": list(armed)}
    with open(folder + "/identity.json", "w") as file:
        file.write("{}")
    seen["identity_text"] = board.identity()
    board.feed()
    board.feed()
    seen["fed"] = armed
    mask = (1 << 30) - 1

    def until(ms):
        return (board.ticks_ms() + ms) & mask  # as the shell counts

    start = ticks_ms()
    micropython.heap_lock()
    board.wait(until(20))
    micropython.heap_unlock()
    seen["waited_ms"] = ticks_diff(ticks_ms(), start)
    far = until(3_600_000)
    uart.waiting[:] = b"x"
    board.wait(far)
    uart.waiting[:] = b""
    changes.change = True
    board.wait(far)
    board.wait(until(-10))
    seen["ended"] = True
    seen["random"] = len(set([bytes(board.random(8)) for _ in range(20)]))
    return seen


def stores():
    """remount() keeps what is there; where the new mount fails the old one comes back; no store is a LostStore."""
    flash = FileFlash(folder + "/flash.bin", blocks=16)

    class Fussy:
        """Fails the first reads: the mount that asks for them fails, the next one does not."""

        failures = 0

        def readblocks(self, block, buf, offset=0):
            if self.failures:
                self.failures -= 1
                return -5
            return flash.readblocks(block, buf, offset)

        def writeblocks(self, block, buf, offset=None):
            return flash.writeblocks(block, buf, offset)

        def ioctl(self, operation, argument):
            return flash.ioctl(operation, argument)

    bdev = Fussy()
    vfs.VfsLfs2.mkfs(bdev)
    vfs.mount(bdev, "/flash")
    with open("/flash/main.py", "w") as file:
        file.write("x = 1")
    seen = {}

    def appends():
        store = open_store("/flash", "live")
        before = flash.erase_total
        for _ in range(40):
            store.append("log", bytes(40))
        return flash.erase_total - before

    seen["erases_stock"] = appends()
    remount(bdev, "/flash", 128)
    seen["cwd"] = os.getcwd()
    seen["kept"] = [exists("/flash/main.py"), len(open_store("/flash", "live").read("log"))]
    seen["erases"] = appends()
    bdev.failures = 2
    remount(bdev, "/flash", 128)
    seen["failures_left"] = bdev.failures
    seen["back"] = [exists("/flash/main.py"), len(open_store("/flash", "live").read("log"))]
    lost = open_store("/flash/main.py", "live")
    seen["lost"] = isinstance(lost, LostStore)
    errors = []
    for call in (lambda: lost.read("a"), lambda: lost.append("a", b""), lambda: lost.replace("a", ())):
        try:
            call()
        except OSError as error:
            errors.append(error.args[0])
    seen["errors"] = errors
    return seen


print("RESULT " + json.dumps(globals()[sys.argv[1]]()))
