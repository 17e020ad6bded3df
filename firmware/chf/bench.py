"""The BENCH link: who the hub is, for anybody; what it thinks and what it sees, only with the strap fitted."""

import sys

import chf
from chf.wire import schema as s
from chf.wire.codec import type_of


class Bench:
    """Answers one bench message at a time for the shell that owns it.

    mask, bits; override_mv, mv: what the bench says in the place of sense lines and hold-up, nothing without the strap.
    starve: the watchdog is to bite.
    """

    def __init__(self, shell):
        self.shell = shell
        self.mask = 0
        self.bits = 0
        self.mv = 0
        self.override_mv = False
        self.starve = False
        self._strap = None
        if shell.board.strapped:
            from chf.strap import Strap  # a live hub has no heap to spare for what it never does

            self._strap = Strap(self)

    def on_message(self, name, fields, now) -> None:
        shell = self.shell
        if name == "identify":
            shell.send("identity", self._identity())
        elif self._strap is None:
            shell.send("bench_refusal", {"type": type_of(name), "reason": s.REFUSED_STRAP})
        else:
            self._strap.take(name, fields, now)

    def _identity(self):
        shell = self.shell
        version = ".".join([str(n) for n in sys.implementation.version[:3]])
        text = "chf %s; %s; MicroPython %s" % (chf.__version__, shell.board.name, version)
        if shell.fault:
            text += "; " + shell.fault
        session = shell.supervisor.session
        return {
            "strapped": int(shell.board.strapped),
            "hub": shell.config.hub,
            "esme": shell.config.esme,
            "epoch": session[:4],
            "boot": shell.supervisor.boot,
            "text": text.encode(),
        }
