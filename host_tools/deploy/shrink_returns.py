"""A function's body in a place that it does not return from: its end is reached where it returned."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

RESULT = "_result"  # the variable that gets what is returned
Block = list[ast.stmt]
Finish = Callable[[ast.expr | None], Block]  # what stands for `return value`; for the end of the body, None


class Unfit(Exception):
    """It cannot be put there."""


def discarding(value: ast.expr | None) -> Block:
    return [] if value is None or isinstance(value, ast.Constant | ast.Name) else [ast.Expr(value)]


def assigning(value: ast.expr | None) -> Block:
    return [ast.Assign([ast.Name(RESULT, ast.Store())], value or ast.Constant(None))]


def ended(block: Block, finish: Finish) -> Block:
    """A function's block, so that its end is reached where it returned: by its ifs alone, or out of a loop."""
    try:
        return _tail(copy.deepcopy(block), finish)
    except Unfit:
        loop = ast.While(ast.Constant(True), block, [])
        inside = [node for each in block for node in ast.walk(each)]
        loops = [node for node in inside if isinstance(node, ast.For | ast.While)]
        if any(_returns(each) for each in loops):
            raise
        _Breaking(finish).visit(loop)
        loop.body += [*finish(None), ast.Break()]
        return [loop]


def _returns(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Return) for node in ast.walk(statement))


def leaves(block: Block) -> bool:
    """Whether its end is never reached."""
    last = block[-1] if block else None
    if isinstance(last, ast.If):
        return bool(last.orelse) and leaves(last.body) and leaves(last.orelse)
    return isinstance(last, ast.Return | ast.Raise)


def _tail(block: Block, finish: Finish) -> Block:
    """The block of a function, so that its end is reached where it returned. Raises Unfit."""
    made: Block = []
    for at, statement in enumerate(block):
        rest = block[at + 1 :]
        if isinstance(statement, ast.Return):
            return made + finish(statement.value)
        if isinstance(statement, ast.Raise):
            return [*made, statement]
        if not _returns(statement):
            made.append(statement)
            continue
        if isinstance(statement, ast.If):
            return made + _tail_if(statement, rest, finish)
        if isinstance(statement, ast.For | ast.While):
            return [*made, _tail_loop(statement, rest, finish)]
        if isinstance(statement, ast.Try) and not (rest or statement.orelse or statement.finalbody):
            statement.body = _tail(statement.body, finish) or [ast.Pass()]
            for handler in statement.handlers:
                handler.body = _tail(handler.body, finish) or [ast.Pass()]
            return [*made, statement]
        raise Unfit
    return made + finish(None)


def _tail_if(statement: ast.If, rest: Block, finish: Finish) -> Block:
    if leaves(statement.body):
        body, orelse = statement.body, [*statement.orelse, *rest]
    elif statement.orelse and leaves(statement.orelse):
        body, orelse = [*statement.body, *rest], statement.orelse
    elif rest:
        raise Unfit
    else:
        body, orelse = statement.body, statement.orelse
    body, orelse = _tail(body, finish), _tail(orelse, finish)
    if not body and orelse:
        return [ast.If(ast.UnaryOp(ast.Not(), statement.test), orelse, [])]
    return [ast.If(statement.test, body or [ast.Pass()], orelse)]


def _tail_loop(statement: ast.For | ast.While, rest: Block, finish: Finish) -> ast.stmt:
    """A loop that returns: it breaks there, and what follows it is its else."""
    inside = [node for each in statement.body for node in ast.walk(each)]
    if statement.orelse or any(isinstance(node, ast.Break | ast.For | ast.While | ast.Try) for node in inside):
        raise Unfit
    _Breaking(finish).visit(statement)
    statement.orelse = _tail(rest, finish)
    return statement


class _Breaking(ast.NodeTransformer):
    def __init__(self, finish: Finish) -> None:
        self._finish = finish

    def visit_Return(self, node: ast.Return) -> Block:
        return [*self._finish(node.value), ast.Break()]
