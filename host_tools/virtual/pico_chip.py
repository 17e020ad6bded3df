"""One power-on of an emulated RP2040 (rp2040py): its time in steps, its pins and ADC, two UARTs and the USB port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError

FLASH_START = 0x1000_0000
UF2_BLOCK_OCTETS = 512
UARTS = 2
ADC_PIN = 26  # GPIO of the first of its inputs
ADC_STEPS = 4_095
WORD_MS = 1  # what comes within so long of its first octet is one piece
BITS = 10  # of an octet on a UART, 8N1
_UART_SENT = 1 << 5  # PL011: the transmit interrupt
_TICKS = 64  # instructions between two looks at the clock, where no alarm is due before


def rp2040py() -> Any:
    """The modules of the emulator. Raises BenchError where it is not installed."""
    try:
        import rp2040py.boards
        import rp2040py.device.base_device
        import rp2040py.execute_batch
    except ImportError:
        raise BenchError(
            "rp2040py is not installed, and emu:pico needs it: python -m pip install rp2040py.", EXIT_NO_BOARD
        ) from None
    return rp2040py


class PicoChip:
    """The chip from a power-on until it is dropped. A reset of its own, or by its watchdog, keeps flash and wires.

    uf2: MicroPython for it. flash: octets at an offset that replace what the file says. said(port, octets): "usb",
    0 or 1 for a UART. reset(): its watchdog or its firmware has reset it.
    Raises BenchError where the file is no UF2.
    """

    def __init__(
        self,
        uf2: Path,
        flash: Mapping[int, bytes],
        said: Callable[[Any, bytes], None],
        reset: Callable[[], None],
        baud: int,
    ) -> None:
        emulator = rp2040py()
        self._run = emulator.execute_batch.execute_batch
        if not uf2.stat().st_size or uf2.stat().st_size % UF2_BLOCK_OCTETS:  # the emulator would run what is whole
            raise BenchError(f"{uf2} is no UF2 file for an RP2040: it is not made of blocks.", EXIT_USAGE)
        try:
            self._device = emulator.device.base_device.BaseDevice(board=emulator.boards.BoardSpec(image=uf2))
        except (ValueError, IndexError) as error:
            raise BenchError(f"{uf2} is no UF2 file for an RP2040: {error}.", EXIT_USAGE) from None
        except OSError as error:
            raise BenchError(f"{uf2} cannot be read: {error.strerror}.", EXIT_USAGE) from None
        self._chip = self._device.mcu
        for offset, octets in flash.items():
            self._chip.flash[offset : offset + len(octets)] = octets
        self._said = said
        self._on_reset = reset
        self._octet_ns = BITS * 1e9 / baud
        self._end_ns = 0.0  # of the step that runs
        self._stop = self._chip.clock.create_alarm(self._stopped)
        self._chip.watchdog.on_watchdog_trigger = self._bitten
        self._wire_usb()
        self._to_uart = [bytearray() for _ in range(UARTS)]
        self._feeds = [self._chip.clock.create_alarm(lambda index=i: self._feed(index)) for i in range(UARTS)]
        for index in range(UARTS):
            self._wire_uart(index)
        self._chip.core.pc = FLASH_START

    # ---- wires

    def set_pin(self, pin: int, high: bool) -> None:
        """What drives a GPIO from outside."""
        self._chip.gpio[pin].set_input_value(high)

    def set_adc(self, pin: int, mv: float, full_mv: int) -> None:
        """The voltage at an analogue input, 0 to full_mv."""
        steps = int(mv * (ADC_STEPS + 1) / full_mv)
        self._chip.adc.channel_values[pin - ADC_PIN] = max(0, min(ADC_STEPS, steps))

    def flash(self, offset: int, length: int) -> bytes:
        """What an instrument would read from the flash chip."""
        return bytes(self._chip.flash[offset : offset + length])

    def write_uart(self, index: int, octets: bytes) -> None:
        """Octets to a UART: they arrive at the line's rate."""
        if octets and not self._to_uart[index]:
            self._feeds[index].schedule(self._octet_ns)
        self._to_uart[index] += octets

    def write_usb(self, octets: bytes) -> None:
        """Octets to the USB port: they arrive as fast as the firmware takes them."""
        self._to_usb += octets
        self._serve_usb()

    @property
    def on_usb(self) -> bool:
        """Whether its host knows it as a serial port: MicroPython is there within a tenth of a second."""
        return bool(self._cdc._out_endpoint >= 0)

    # ---- time

    @property
    def now_ns(self) -> float:
        """Nanoseconds since the power-on."""
        return float(self._chip.clock.nanos)

    def advance(self, ns: float) -> None:
        """Let it run for so long, or until a word of what it says is over."""
        self._end_ns = self.now_ns + max(1.0, ns)
        self._stop.schedule(max(1.0, ns))
        simulator = self._device.simulator
        simulator.stopped = False
        while not simulator.stopped:
            self._run(simulator, _TICKS)
        self._stop.cancel()

    def _stopped(self) -> None:
        self._device.simulator.stopped = True

    def _word(self, port: Any, octets: bytes) -> None:
        """It says something: what follows within WORD_MS comes with it."""
        self._said(port, octets)
        self._stop.schedule(max(1.0, min(WORD_MS * 1e6, self._end_ns - self.now_ns)))

    # ---- UARTs: the emulator's ask for octets to send without an end; a real one asks when it has sent some

    def _wire_uart(self, index: int) -> None:
        uart = self._chip.uart[index]

        def check_interrupts() -> None:
            self._chip.set_interrupt(uart.irq, bool(uart._interrupt_status & uart._interrupt_mask))

        def on_byte(octet: int) -> None:
            uart._interrupt_status |= _UART_SENT
            check_interrupts()
            self._word(index, bytes((octet,)))

        uart.check_interrupts = check_interrupts
        uart.on_byte = on_byte

    def _feed(self, index: int) -> None:
        waiting = self._to_uart[index]
        if waiting:
            self._chip.uart[index].feed_byte(waiting.pop(0))
        if waiting:
            self._feeds[index].schedule(self._octet_ns)

    # ---- USB: the emulator's host hands over an empty packet at each poll; a real one waits until it has octets

    def _wire_usb(self) -> None:
        self._to_usb = bytearray()
        self._asked: int | None = None  # how much the device takes, while the host has nothing for it
        self._cdc = self._device.cdc
        self._emulators_own = self._chip.usb_ctrl.on_endpoint_read
        self._chip.usb_ctrl.on_endpoint_read = self._endpoint_read
        self._cdc.on_serial_data = lambda octets: self._word("usb", bytes(octets))

    def _endpoint_read(self, endpoint: int, size: int) -> None:
        if endpoint == self._cdc._out_endpoint:
            self._asked = size
            self._serve_usb()
        else:
            self._emulators_own(endpoint, size)

    def _serve_usb(self) -> None:
        if self._asked is None or not self._to_usb:
            return
        size, self._asked = self._asked, None
        octets = bytes(self._to_usb[:size])
        del self._to_usb[:size]
        self._chip.usb_ctrl.endpoint_read_done(self._cdc._out_endpoint, octets)

    def _bitten(self) -> None:
        from rp2040py.device.base_device import ResetCause

        self._to_usb.clear()
        self._asked = None
        for waiting, feed in zip(self._to_uart, self._feeds, strict=True):
            waiting.clear()
            feed.cancel()
        self._device.hard_reset(cause=ResetCause.WATCHDOG)
        self._on_reset()
