"""Inputs and ports of boards/common on the MicroPython VM: `vm_parts.py CASE FOLDER`; prints RESULT and JSON."""

import json
import micropython
import sys

import analog
import timer_watchdog
import wiring
from channel_input import ChannelInput
from raw_input import RawInput
from sense_lines import SenseLines
from serial_ports import ReplPort, UartPort
from vm_fakes import Adc, Level, Pin, Steps, Uart

from chf.wire import schema as s


def volts():
    """Every reading of every configuration that the host gives, as millivolts; and the largest product on the way."""
    seen = []
    for full_mv, offset, permille in json.loads(sys.argv[3]):
        steps = Steps()
        largest = 0
        columns = []
        for divider in analog.dividers(steps.read, steps.read, full_mv, offset, permille):
            column = []
            for steps.steps in range(4096):
                column.append(divider.millivolts())
            largest = max(largest, 4095 * divider._mv_of_all_steps)
            columns.append(column)
        seen.append([columns, largest])
    adc = RawInput(Adc(65535))
    return {"seen": seen, "raw": [adc.read(), RawInput(Adc(15)).read(), RawInput(Adc(16)).read()]}


def hysteresis():
    class Mv:
        def millivolts(self):
            return self.mv

    source = Mv()
    supply = analog.Supply(source, wiring.SUPPLY_GOOD_MV, wiring.SUPPLY_LOST_MV, wiring.SUPPLY_MAX_MV)
    seen = []
    for source.mv in (8_500, 8_999, 9_000, 8_999, 8_000, 7_999, 8_999, 9_000, 15_500, 15_501, 9_000, 0):
        seen.append(supply.good())
    return seen


def lines():
    supply, ac_lo, mt_pr = Level(), Pin(0), Pin(0)
    sense = SenseLines(supply, ac_lo, mt_pr)
    sense.watch(7)
    seen = {"trigger": ac_lo.trigger, "quiet": sense.take(), "unchanged": sense.changed()}
    micropython.heap_lock()
    ac_lo.handler(ac_lo)  # an interrupt must not allocate, nor may looking
    changed = sense.changed()
    still = sense.changed()
    pulse = sense.take()
    after = sense.changed()
    gone = sense.take()
    micropython.heap_unlock()
    seen["pulse"] = [changed, still, pulse, after, gone]
    ac_lo.level = 1
    mt_pr.level = 1
    supply.is_good = False
    seen["high"] = [sense.changed(), sense.take(), sense.changed()]
    return seen


def uart_port():
    uart = Uart()
    port = UartPort(uart, 1 << s.LINK_HAN)
    buf = bytearray(8)
    seen = {"links": port.links, "nothing": [port.any(), port.readinto(buf)]}
    uart.waiting[:] = b"0123456789"
    seen["read"] = [port.any(), port.readinto(buf), bytes(buf).decode(), port.readinto(buf), bytes(buf[:2]).decode()]
    uart.room = 70
    whole = bytes(range(200))
    seen["written"] = [port.write(whole, 10, 200), port.write(whole, 74, 200), port.write(whole, 80, 200)]
    seen["sent"] = uart.sent == whole[10:80]
    seen["asked"] = max(uart.asked)
    return seen


def slow_uart():
    port = UartPort(Uart(), 1 << s.LINK_HAN, 16)
    return [port.write(bytes(40), at, 40) for at in (0, 16, 32)]


class Recorder:
    """A stream that takes all, and a poll that counts how often it is asked."""

    def __init__(self):
        self.writes = []
        self.asked = 0

    def write(self, octets):
        self.writes.append(len(octets))
        return len(octets)

    def ipoll(self, _timeout):
        self.asked += 1
        return ()


def blind():
    port = ReplPort(1 << s.LINK_BENCH, True)
    port._stdout = port._out = stream = Recorder()
    written = [port.write(bytes(100), 0, 100), port.write(bytes(100), 90, 100)]
    return {"written": written, "writes": stream.writes, "asked": stream.asked}


def unread():
    """What a port takes whose other end reads nothing; it must not wait for it."""
    port = ReplPort(1 << s.LINK_BENCH)
    whole = bytes(1000)
    largest = taken = 0
    while taken < 1_000_000:
        n = port.write(whole, 0, len(whole))
        if n == 0:
            break
        largest = max(largest, n)
        taken += n
    sys.stderr.write(f"{largest} {taken}")
    sys.exit(0)


def soft_watchdog():
    resets = []
    handlers = []
    feed = timer_watchdog.start(handlers.append, lambda: resets.append(1))
    (tick,) = handlers
    seen = {"handler": str(type(tick))}
    micropython.heap_lock()
    for _ in range(timer_watchdog.TICKS_MAX):
        tick(None)
    feed()
    for _ in range(timer_watchdog.TICKS_MAX):
        tick(None)
    micropython.heap_unlock()
    seen["fed"] = len(resets)
    tick(None)
    seen["starved"] = len(resets)
    return seen


def channels():
    """Two inputs of an ADC that, as the nrf port's, knows only the channel that was made last."""
    steps = {0: 100, 1: 2_000}
    made = [None]

    class Channel:
        def __init__(self, number):
            self.number = number

        def read_u16(self):
            return steps[made[0]] << 4 if made[0] is not None else 0

    both = [Channel(0), Channel(1)]

    def adc(number):
        made[0] = number
        return both[number]

    supply, holdup = ChannelInput(adc, 0), ChannelInput(adc, 1)
    micropython.heap_lock()
    first = supply.read()
    second = holdup.read()
    again = supply.read()
    micropython.heap_unlock()
    return [first, second, again]


print("RESULT " + json.dumps(globals()[sys.argv[1]]()))
