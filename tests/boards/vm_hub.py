"""A hub on file_pins steps with the heap locked, on the MicroPython VM, and says so."""

import gc
import micropython

import hub_board

from chf.shell import Shell

board = hub_board.open_board()
shell = Shell(board)
for _ in range(5):
    shell.step()
for pin in hub_board.pins.values():  # a pin does not allocate, a file does: from here on they keep what they read
    pin.kept = pin.value()
gc.collect()
micropython.heap_lock()
for _ in range(20):
    shell.step()
board.wait((board.ticks_ms() + 15) & 0x3FFFFFFF)
micropython.heap_unlock()
print("idle without the heap")
