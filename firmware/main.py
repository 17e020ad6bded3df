"""Boot: find the board, build the shell, run. A failure restarts the hub, which goes on from its journal."""

import gc
import machine
import sys

gc.threshold(2048)  # collect often while the code loads: it packs tighter, and long buffers find room afterwards


def main():
    board = None
    try:
        from hub_board import open_board

        from chf.shell import Shell

        board = open_board()
        if board is None:
            return  # maintenance: the REPL takes over, no watchdog runs
        shell = Shell(board)
        gc.threshold(4096)
        shell.run()
    except Exception as error:  # the last line of defence: a critical task never dies in silence
        restart = getattr(machine, "reset", None) if board is None else board.restart
        if restart is None:
            raise  # on a PC: the process ends
        sys.print_exception(error)
        restart()


main()
