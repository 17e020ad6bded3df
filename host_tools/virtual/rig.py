"""The virtual rig: carries supply, sense lines, flash file and time of a simulated hub, and outlives its runs."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from chf.wire import schema as s
from host_tools.deploy.firmware_build import BuildError, build
from host_tools.errors import BenchError
from host_tools.link.capture import (
    FLASH_DAMAGED,
    FLASH_FAILING,
    FLASH_REPLACED,
    FLASH_WORKING,
    POWER_ON,
    RESET,
    Flash,
    Power,
)
from host_tools.link.recorded import Doings
from host_tools.virtual.image import damaged, provisioned
from host_tools.virtual.process import EXIT_POWER_CUT, HEAP, HubProcess, Pty
from host_tools.virtual.supply import Supply

EXIT_WATCHDOG = 71
EXIT_RESTART = 72
RESTART_MS = 50  # simulated: from a reset until the firmware runs again
RESTARTS_MAX = 8  # in a row, with no time between them
OFFER_OCTETS = 1_024  # half of what the hub's receive ring takes
LINKS = ("han", "wan", "bench")
_MASKS = (1 << s.LINK_HAN, 1 << s.LINK_WAN, 1 << s.LINK_BENCH)
TICKS_START = (1 << 30) - 100_000  # the hub's ticks wrap 100 s into every run, as a board's do after 12 days

CAPABILITIES = frozenset(
    {
        "supply",
        "holdup",
        "sense-lines",
        "power-cut",
        "send-cut",
        "flash-fault",
        "stepped-time",
        "strap",
        "journal-image",
        "erase-count",
    }
)


class VirtualRig:
    """A hub to test and the rig around it. Everything here is simulated but the firmware and the VM that runs it.

    identity: what the hub is provisioned with (chf.identity), as a dict. speed: 0 for the stepped clock, else how many
    times faster than real time. one_cable: all links on one PTY. seed: of the hub's random octets, so a run repeats.
    """

    capabilities = CAPABILITIES
    simulated = "hub supply, sense lines, flash and time are simulated; the firmware runs on the real MicroPython VM"

    def __init__(
        self,
        identity: dict[str, Any],
        *,
        strapped: bool = True,
        speed: int = 0,
        one_cable: bool = False,
        baud: int = 115_200,
        seed: int = 0,
        heap: str = HEAP,
        supply: Supply | None = None,
        ticks_start: int = TICKS_START,
    ) -> None:
        try:
            self._folder = build("virtual")
        except BuildError as error:
            raise BenchError(str(error)) from None
        image = provisioned(self._folder, identity)
        self._work = Path(tempfile.mkdtemp(prefix="chf-hub-"))
        self._flash = self._work / "flash.bin"
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self._work, ignore_errors=True)
            shutil.copyfile(image, self._flash)
            self._stderr = undo.enter_context((self._work / "vm.txt").open("wb"))
            self._ptys = [Pty() for _ in (LINKS[:1] if one_cable else LINKS)]
            undo.pop_all()
        self.supply = supply or Supply()
        self.strapped = strapped
        self.speed = speed
        self.now_ms = 0
        self.ac_lo = True  # as of a meter that does not drive it: the pull-up says "no AC"
        self.mt_pr = True
        self.powered = False
        self.runs = 0
        self.resets: list[tuple[int, str]] = []  # (ms, why) of each end of a run
        self.doings = Doings()  # for captures
        self._heap = heap
        self.baud = baud
        self._ticks_start = ticks_start
        self._random = random.Random(seed)
        self._masks = [sum(_MASKS)] if one_cable else list(_MASKS)
        self._outbox = [bytearray() for _ in self._ptys]
        self._hub: HubProcess | None = None
        self._cut = (s.CUT_NONE, 0)
        self._flash_failing = False
        self._wan_octets = 0
        self.erases = 0  # over all runs that have ended, and the present one
        self._erases_before = 0

    @property
    def paths(self) -> list[str]:
        """The PTYs' paths, by link; one where one cable carries all."""
        return [pty.path for pty in self._ptys]

    # ---- what a person at the bench would do with their hands

    def power_on(self) -> list[tuple[int, bytes]]:
        """Give the hub its power; its first words come back, as from step()."""
        if self.powered:
            return []
        return self._start(s.RESET_POWER_ON)

    def cut_power(self) -> None:
        """The hub loses its power in this instant, hold-up and all."""
        if self._hub is not None:
            self._hub.kill()
            self._end("power cut")

    def set_supply(self, good: bool) -> None:
        """12 V good or gone. A hub that is off starts when it is good again."""
        self.supply.rail_good = good
        if good:
            self.supply.spend(0)

    def cut_after_flash_octets(self, n: int) -> None:
        """Power fails in the middle of a flash operation, n octets or erase steps from now."""
        self._cut = (s.CUT_FLASH_OCTET, n)

    def cut_after_wan_octets(self, n: int) -> None:
        """Power fails in the middle of a transmission, n octets from now."""
        self._cut = (s.CUT_WAN_OCTET, n)

    def set_flash_failing(self, failing: bool) -> None:
        """From the next power-on the flash takes no writes."""
        self._flash_failing = failing
        self.doings.add(Flash(self.now_ms, FLASH_FAILING if failing else FLASH_WORKING))

    def flash_image(self) -> bytes:
        """What an instrument would read from the flash chip."""
        return self._flash.read_bytes()

    def restore_flash(self, image: bytes) -> None:
        """Write the flash chip. Only while the hub is off."""
        self._write_flash(image, FLASH_REPLACED)

    def damage_journal(self, file: int) -> None:
        """Flip one bit in a journal file (schema.JOURNAL_*) on the flash chip. Only while the hub is off."""
        image = damaged(self.flash_image(), "bench" if self.strapped else "live", file)
        self._write_flash(image, FLASH_DAMAGED[file])

    def _write_flash(self, image: bytes, what: str) -> None:
        if self.powered:
            raise BenchError("The flash can only be written while the hub is off: cut its power first.")
        self._flash.write_bytes(image)
        self.doings.add(Flash(self.now_ms, what))

    def console(self) -> str:
        """What the VM has printed: empty unless the firmware failed."""
        self._stderr.flush()
        return (self._work / "vm.txt").read_text(errors="replace")

    # ---- octets and time

    def write(self, link: str, octets: bytes) -> None:
        """Put octets on a link; the hub gets them as time passes. With its power off they are lost."""
        if self.powered:
            self._outbox[0 if len(self._ptys) == 1 else LINKS.index(link)] += octets

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """Let time pass, at most to until_ms, at least to the next thing the hub says: [(link index, octets)]."""
        if not self.powered:
            if self.supply.rail_good:
                return self._start(s.RESET_POWER_ON)
            self.now_ms = max(self.now_ms, until_ms)
            return []
        assert self._hub is not None
        limit = self.supply.step_end_ms(self.now_ms, max(until_ms, self.now_ms))
        if self._offer():
            limit = min(limit, self.now_ms + OFFER_OCTETS * 10_000 // self.baud)  # 10 bits an octet, 8N1
        cut, cut_after = self._cut
        self._cut = (s.CUT_NONE, 0)
        fields: dict[str, Any] = {"until_ms": limit, "cut": cut, "cut_after": cut_after, **self._signals(limit)}
        self.doings.measures(self.now_ms, fields)
        for index, name in enumerate(LINKS):
            fields[name] = self._hub.sent[index] if index < len(self._ptys) else 0
        self._hub.start_step(fields)
        return self._after(self._hub.wait_stepped())

    def _offer(self) -> bool:
        """Give the hub what its receive ring takes; whether there is more, which goes with the steps that follow."""
        assert self._hub is not None
        for index, octets in enumerate(self._outbox):
            if octets:
                del octets[: self._hub.write(index, bytes(octets[:OFFER_OCTETS]))]
        return any(self._outbox)

    def _signals(self, at_ms: int) -> dict[str, int]:
        bits = (
            (s.SENSE_SUPPLY if self.supply.rail_good else 0)
            | (s.SENSE_AC_LO if self.ac_lo else 0)
            | (s.SENSE_MT_PR if self.mt_pr else 0)
        )
        projected = Supply(**vars(self.supply))
        projected.spend(max(0, at_ms - self.now_ms))
        return {"bits": bits, "holdup_mv": int(projected.holdup_mv)}

    def _after(self, code: int | None) -> list[tuple[int, bytes]]:
        """Account for a step: time, energy, what the hub said; and what follows when its run has ended."""
        hub = self._hub
        assert hub is not None
        stepped = hub.stepped
        if stepped:
            passed_ms = max(0, stepped["now_ms"] - self.now_ms)
            octets = hub.taken[-2] - self._wan_octets if len(self._ptys) > 1 else 0
            self._wan_octets += octets
            self.supply.spend(passed_ms, octets)
            self.now_ms += passed_ms
            self.erases = self._erases_before + stepped["erases"]
        said = [(index, bytes(octets)) for index, octets in enumerate(hub.inbox) if octets]
        for octets_of_link in hub.inbox:
            octets_of_link.clear()
        if code == EXIT_POWER_CUT:
            self._end("power cut")
        elif code in (EXIT_WATCHDOG, EXIT_RESTART):
            self._end("watchdog" if code == EXIT_WATCHDOG else "restart")
            self._check_restarts()
            self.now_ms += RESTART_MS
            self.supply.spend(RESTART_MS)
            said += self._start(s.RESET_OTHER)
        elif code is not None:
            raise BenchError(f"The virtual hub ended by itself (exit code {code}): {self._last_words()}.")
        elif self.supply.dead:
            hub.kill()
            self._end("hold-up empty")
        return said

    # ---- runs

    def _start(self, reset: int) -> list[tuple[int, bytes]]:
        for pty in self._ptys:
            pty.flush()
        for octets in self._outbox:
            octets.clear()
        settings: dict[str, Any] = {
            "flash": str(self._flash),
            "links": list(zip([pty.path for pty in self._ptys], self._masks, strict=True)),
            "strapped": self.strapped,
            "reset": reset,
            "speed": self.speed,
            "baud": self.baud,
            "now_ms": self.now_ms,
            "ticks": (self._ticks_start + self.now_ms) & ((1 << 30) - 1),
            "seed": self._random.randbytes(16).hex(),
            "signals": {"cut": s.CUT_NONE, **self._signals(self.now_ms)},
            "flash_failing": self._flash_failing,
        }
        self.doings.measures(self.now_ms, settings["signals"])
        self.doings.add(Power(self.now_ms, True, POWER_ON if reset == s.RESET_POWER_ON else RESET))
        if self._cut[0] == s.CUT_FLASH_OCTET:
            settings["flash_cut_after"] = self._cut[1]
            self._cut = (s.CUT_NONE, 0)
        self._hub = HubProcess(self._folder, self._ptys, settings, self._heap, self._stderr)
        self.powered = True
        self.runs += 1
        self._wan_octets = 0
        self._erases_before = self.erases
        if self.speed:
            return []
        return self._after(self._hub.wait_stepped())

    def _end(self, why: str) -> None:
        assert self._hub is not None
        self._hub.close()
        self._hub = None
        self.powered = False
        self.resets.append((self.now_ms, why))
        self.doings.add(Power(self.now_ms, False, why))

    def _check_restarts(self) -> None:
        """A hub that cannot even start would restart for ever."""
        recent = self.resets[-RESTARTS_MAX:]
        if len(recent) == RESTARTS_MAX and self.now_ms - recent[0][0] < RESTARTS_MAX * 2 * RESTART_MS:
            raise BenchError(f"The virtual hub restarts over and over: {self._last_words()}.")

    def _last_words(self) -> str:
        return (self.console().strip().splitlines() or ["it prints nothing"])[-1]

    def close(self) -> None:
        """End the hub and remove its files."""
        if self._hub is not None:
            self._hub.close()
            self._hub = None
        for pty in self._ptys:
            pty.close()
        self._stderr.close()
        shutil.rmtree(self._work, ignore_errors=True)
