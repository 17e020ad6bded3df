"""Boot: find the board, build the shell, run. A failure restarts the hub, which goes on from its journal."""

import micropython
import sys

from hub_board import open_board

from chf.shell import Shell


def main():
    board = open_board()
    micropython.kbd_intr(-1)  # a corrupted octet can be 0x03: it must not end the firmware
    try:
        Shell(board).run()
    except Exception as error:  # the last line of defence: a critical task never dies in silence
        sys.print_exception(error)
        board.restart()


main()
