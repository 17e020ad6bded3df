"""A hub that has booted and settled stays in the heap; says what of it stands for the board's flash and lines."""

from narrow_board import NarrowBoard, Peers, result, settings

from chf.shell import Shell

shell = Shell(NarrowBoard(settings()["identity"]))
Peers(shell).settle()
files = sum([len(held[0]) for held in shell.board.store._files.values()])
result(files=files, lines=sum([len(line.out) for line in shell.board.links]))
