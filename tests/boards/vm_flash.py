"""Runs on the MicroPython VM: drives the virtual flash as a block device."""

from boards.virtual.flash import ERASE_STEP_OCTETS, flip_bits
from tests.boards.vm_bench import BLOCKS, PowerCut, run


def bits(bench):
    """Program, program again, erase: what the flash holds, what it counted, what time it took."""
    bench.blank()
    flash = bench.power_on()
    page = bytearray(4)
    flash.readblocks(3, page, 8)
    seen = {"fresh": list(page)}
    flash.writeblocks(3, b"\xf0\x0f\xaa\x00", 8)
    flash.writeblocks(3, b"\x3c\x0f\xff\x01", 8)
    flash.readblocks(3, page, 8)
    seen["and"] = list(page)
    seen["set_attempts"] = flash.set_attempts
    seen["programmed"] = flash.programmed
    seen["two_programs_us"] = bench.busy_us
    bench.busy_us = 0
    flash.writeblocks(3, bytes(300), 200)
    seen["across_a_page_us"] = bench.busy_us
    bench.busy_us = 0
    seen["erase"] = flash.ioctl(6, 3)
    seen["erase_us"] = bench.busy_us
    flash.readblocks(3, page, 8)
    seen["erased"] = list(page)
    seen["erases"] = list(flash.erases)[:5]
    seen["beyond"] = [flash.writeblocks(BLOCKS, page, 0), flash.readblocks(BLOCKS - 1, page, 4094), flash.ioctl(6, 16)]
    flash.failing = True
    seen["failing"] = [flash.writeblocks(0, page, 0), flash.ioctl(6, 0), flash.readblocks(0, page, 0)]
    flash.close()
    flip_bits(bench.path, 3 * 4096 + 8, 0x81)
    flash = bench.power_on()
    flash.readblocks(3, page, 8)
    seen["flipped"] = list(page)
    seen["other_size"] = None
    flash.close()
    try:
        bench.power_on(blocks=BLOCKS + 1)
    except ValueError as error:
        seen["other_size"] = str(error)
    return seen


def tears(bench):
    """A program torn in its fifth octet and an erase torn in its third step; the flash is dead afterwards."""
    bench.blank()
    flash = bench.power_on()
    seen = {}
    flash.cut_after = 4
    try:
        flash.writeblocks(1, bytes(8), 0)
    except PowerCut:
        seen["after"] = [flash.writeblocks(1, bytes(8), 0), flash.ioctl(6, 1), flash.readblocks(1, bytearray(8), 0)]
    flash = bench.power_on()
    page = bytearray(8)
    flash.readblocks(1, page, 0)
    seen["program"] = list(page)
    flash.writeblocks(1, bytes(4096), 0)
    flash.cut_after = 2
    try:
        flash.ioctl(6, 1)
    except PowerCut:
        seen["erase_cut"] = True
    flash = bench.power_on()
    steps = []
    page = bytearray(ERASE_STEP_OCTETS)
    for offset in range(0, 4096, ERASE_STEP_OCTETS):
        flash.readblocks(1, page, offset)
        steps.append("erased" if set(page) == {255} else "old" if set(page) == {0} else "mixed")
    seen["erase"] = steps
    return seen


run({"bits": bits, "tears": tears})
