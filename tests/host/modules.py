"""Runs a handful of modules, given as texts, as one program in an import system of their own."""

from __future__ import annotations

import builtins
import types
from collections.abc import Mapping, Sequence
from typing import Any


class Program:
    """Modules that see one another under absolute or relative names, and the standard library. No package needs a
    text of its own."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._loaded: dict[str, types.ModuleType] = {}
        self._packages = {name.rpartition(".")[0] for name in sources} - {""}

    def run(self, name: str) -> dict[str, Any]:
        """The globals that a module has in the end."""
        return vars(self._load(name))

    def _load(self, name: str) -> types.ModuleType:
        if name in self._loaded:
            return self._loaded[name]
        parent, _, last = name.rpartition(".")
        if name not in self._sources and name not in self._packages:
            raise ModuleNotFoundError(name)
        above = self._load(parent) if parent else None
        module = self._loaded[name] = types.ModuleType(name)
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._import}
        vars(module)["__package__"] = name if name in self._packages else parent
        exec(compile(self._sources.get(name, ""), name, "exec"), vars(module))
        if above is not None:
            setattr(above, last, module)
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: object = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        if level:
            parts = str((globals or {})["__package__"]).split(".")
            name = ".".join([*parts[: len(parts) - level + 1], *filter(None, [name])])
        if name.partition(".")[0] not in {one.partition(".")[0] for one in self._sources}:
            return builtins.__import__(name, globals, None, fromlist, 0)
        module = self._load(name)
        for one in fromlist or ():
            if not hasattr(module, one) and f"{name}.{one}" in self._sources:
                self._load(f"{name}.{one}")
        return module if fromlist else self._load(name.partition(".")[0])


def result(sources: Mapping[str, str]) -> Any:
    """What the module `main` leaves in `result`."""
    return Program(sources).run("main")["result"]
