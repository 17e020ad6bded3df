"""Fakes of the few methods that boards/common uses of pins, ADCs and UARTs; nothing stands in for `machine`."""


class Pin:
    def __init__(self, level):
        self.level = level
        self.handler = None

    def value(self):
        return self.level

    def irq(self, handler, trigger):
        self.handler = handler
        self.trigger = trigger


class Adc:
    def __init__(self, u16):
        self.u16 = u16

    def read_u16(self):
        return self.u16


class Uart:
    """any(), readinto() and write() as the drivers have them: write() gives None where nothing fits."""

    def __init__(self):
        self.waiting = bytearray()
        self.sent = bytearray()
        self.room = 1000
        self.asked = []

    def any(self):
        return len(self.waiting)

    def readinto(self, buf, n):
        for i in range(n):
            buf[i] = self.waiting[i]
        self.waiting[:n] = b""
        return n

    def write(self, octets):
        self.asked.append(len(octets))
        n = min(self.room, len(octets))
        self.sent.extend(octets[:n])
        self.room -= n
        return n or None


class Steps:
    """An ADC input in volts of a divider's source."""

    def __init__(self):
        self.steps = 0

    def read(self):
        return self.steps


class Level:
    def __init__(self):
        self.is_good = True

    def good(self):
        return self.is_good
