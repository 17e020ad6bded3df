"""Boot of the fixture board; copied onto it as main.py."""

import sys

from fixture import Fixture
from rig_board import open_board


def main():
    board = open_board()
    if board is None:
        return  # maintenance: the REPL takes over, no watchdog runs
    try:
        fixture = Fixture(board)
        while True:
            fixture.step()
            board.wait()
    except Exception as error:  # the last line of defence: a start takes supply and power from the hub
        sys.print_exception(error)
        board.restart()


main()
