"""The fixture rig: a second board switches the hub's supply and power and drives its lines (boards/rig_pico)."""

from __future__ import annotations

import time
from typing import Any

from chf.wire import schema as s
from host_tools import frames
from host_tools.bench import Line
from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.link import serial_line
from host_tools.link.capture import POWER_ON, Power
from host_tools.link.recorded import Doings
from host_tools.link.sense_wires import SenseWires
from host_tools.virtual.supply import Supply

ABLE = {
    s.FIXTURE_SUPPLY: "supply",
    s.FIXTURE_LINES: "sense-lines",
    s.FIXTURE_HOLDUP: "holdup",
    s.FIXTURE_POWER: "power-cut",
}
ANSWER_MS = 500  # a fixture board answers within 5 ms; its USB port may wait for a busy host
TRIES = 3
CHECK_S = 1.0  # how often it is asked whether it is still the one that was set
LEVEL_S = 1.0  # for the filter behind its PWM, which needs 50 ms
LEVEL_OFF_MV = 250  # resistors, reference and amplifier; more is a wire
STEP_MV = 5  # a falling level is told again when it has fallen by so much
DRIVEN = "supply, lines and hold-up level are driven by a fixture board, which works out how the hold-up drains"


class FixtureBoard:
    """The fixture board at a URL, spoken to in real time. Every method raises BenchError."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.able = 0
        self._line = serial_line.open_line(url)
        self._deframer = frames.Deframer()
        self._number = 0
        self._checked = 0.0
        try:
            self.text = bytes(self._ask(0, {})["text"]).decode("utf-8", "replace")
        except BenchError:
            self.close()
            raise

    def set(self, bits: int, power: bool, holdup_mv: int) -> None:
        """All outputs at once; they are set on return."""
        self.check()
        number = self._number % 255 + 1
        self._ask(number, {"bits": bits, "power": int(power), "holdup_mv": holdup_mv})
        self._number = number

    def check(self) -> None:
        """Raises BenchError where the board has restarted, and so has taken supply and power from the hub."""
        if self._number and self._ask(0, {})["number"] != self._number:
            raise BenchError(
                f"The fixture board at {self.url} has restarted in mid-test, and the hub lost its supply and power: "
                "check the fixture's own supply."
            )
        self._checked = time.monotonic()

    def check_now_and_then(self) -> None:
        """As check(), no more often than every CHECK_S."""
        if time.monotonic() - self._checked >= CHECK_S:
            self.check()

    def measured_mv(self) -> int:
        """What stands at the hub's hold-up input."""
        return int(self._ask(0, {})["measured_mv"])

    def wait_for_level(self, holdup_mv: int) -> None:
        """Raises BenchError where the hold-up input does not get there."""
        end = time.monotonic() + LEVEL_S
        while abs(self.measured_mv() - holdup_mv) > LEVEL_OFF_MV:
            if time.monotonic() > end:
                raise BenchError(
                    f"The fixture board gives {holdup_mv} mV and measures {self.measured_mv()} mV at the hub's "
                    "hold-up input: check the amplifier, its 12 V, and the jumper to HOLDUP."
                )

    def _ask(self, number: int, values: dict[str, int]) -> dict[str, Any]:
        asked = {"number": number, "bits": 0, "power": 0, "holdup_mv": 0, **values}
        for _ in range(TRIES):
            self._line.write("bench", frames.to_wire(frames.build("fixture_set", asked)))
            end = self._line.now_ms + ANSWER_MS
            while self._line.now_ms < end:
                for _index, octets in self._line.step(end):
                    told = self._told(octets)
                    # To a question any answer will do; to an order only its own.
                    if told is not None and number in (0, told["number"]):
                        self.able = told["able"]
                        return told
        raise BenchError(
            f"No fixture board answers at {self.url}: is this its port, and does it run boards/rig_pico?", EXIT_NO_BOARD
        )

    def _told(self, octets: bytes) -> dict[str, Any] | None:
        last = None
        for content in self._deframer.feed(octets):
            try:
                frame = frames.parse(content)
            except frames.FrameError:
                continue
            if frame.name == "fixture":
                last = frame.fields
        return last

    def close(self) -> None:
        self._line.close()


class FixtureRig(SenseWires):
    """The rig that VirtualRig and SoftRig are, too; also the bench's line, over which it keeps time.

    board: the fixture. line: to the hub. supply: how its hold-up drains while the 12 V is out, worked out here and
    given to the hub's hold-up input; at its end the hub's power is cut. powered: whether it has its power already.
    """

    simulated = DRIVEN

    def __init__(self, board: FixtureBoard, line: Any, supply: Supply | None = None, powered: bool = False) -> None:
        super().__init__()
        self.board = board
        self.capabilities = frozenset(name for bit, name in ABLE.items() if board.able & bit)
        self.speed: int = max(1, getattr(line, "speed", 1))
        self.supply = supply or Supply()
        self.powered = powered
        self._line: Line = line
        self._told: tuple[int, bool, int] | None = None
        self._at_ms = line.now_ms
        self._wan_octets = 0
        self.doings = Doings()  # for captures

    # ---- the bench's line

    @property
    def now_ms(self) -> int:
        return self._line.now_ms

    def write(self, link: str, octets: bytes) -> None:
        self._line.write(link, octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """As of the line beneath; meanwhile the hold-up drains, and a hub that is off starts when 12 V is good."""
        if not self.powered and self.supply.rail_good:
            self.power_on()
        self._drain()
        self.board.check_now_and_then()
        said = self._line.step(self.supply.step_end_ms(self.now_ms, until_ms) if self.powered else until_ms)
        self._wan_octets += sum(len(octets) for index, octets in said if index == 1)
        self._drain()
        return said

    def _drain(self) -> None:
        now_ms = self.now_ms
        if self.powered:
            self.supply.spend(now_ms - self._at_ms, self._wan_octets)
        self._at_ms, self._wan_octets = now_ms, 0
        if self.powered and self.supply.dead:
            self._cut("hold-up empty")
        else:
            self.tell()

    # ---- what a person at the bench would do with their hands

    def power_on(self) -> list[tuple[int, bytes]]:
        """Give the hub its power. Raises BenchError where the hold-up level does not arrive."""
        begins = not self.powered
        if begins:
            self.powered = True
            self._at_ms = self.now_ms
        self.tell()
        self.board.wait_for_level(int(self.supply.holdup_mv))
        if begins:
            self.doings.add(Power(self.now_ms, True, POWER_ON))
        return []

    def cut_power(self) -> None:
        """The hub loses its power in this instant, hold-up and all."""
        if self.powered:
            self._cut("power cut")

    def _cut(self, why: str) -> None:
        self.powered = False
        self.tell()
        self.doings.add(Power(self.now_ms, False, why))

    def set_supply(self, good: bool) -> None:
        """12 V good or gone. A hub that is off starts when it is good again."""
        self._drain()
        self.supply.rail_good = good
        if good:
            self.supply.spend(0)
        self.tell()

    def tell(self) -> None:
        """Set the fixture board where anything has changed, a level that creeps only after STEP_MV."""
        bits = self.bits(self.supply.rail_good)
        mv = int(self.supply.holdup_mv)
        if self._told is not None and self._told[:2] == (bits, self.powered) and abs(self._told[2] - mv) < STEP_MV:
            return
        self.board.set(bits, self.powered, mv)
        self._told = (bits, self.powered, mv)
        self.doings.measures(self.now_ms, {"bits": bits, "holdup_mv": mv})

    def close(self) -> None:
        self.board.close()
