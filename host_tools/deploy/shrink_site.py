"""One call, and what stands for it where the body of the function that it calls is put there."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping

from host_tools.deploy.shrink_returns import RESULT, Block, Unfit, assigning, discarding, ended, leaves


class Site:
    """One call, and the function that it calls."""

    def __init__(
        self,
        caller: ast.FunctionDef,
        function: ast.FunctionDef,
        call: ast.Call,
        is_method: bool,
        inlined: tuple[set[str], set[str]],
    ) -> None:
        self._function = function = copy.deepcopy(function)
        inside = [node for statement in function.body for node in ast.walk(statement)]
        stored = {node.id for node in inside if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        stored |= {node.name for node in inside if isinstance(node, ast.ExceptHandler) and node.name}
        parameters = [each.arg for each in function.args.args]
        self._locals = {*parameters, *stored}
        for node in inside:
            if isinstance(node, ast.ListComp):
                self._look_at(node)
        others = {node.id for node in inside if isinstance(node, ast.Name)} - self._locals
        self._taken = {node.id for node in ast.walk(caller) if isinstance(node, ast.Name)}
        self._taken |= {each.arg for each in ast.walk(caller) if isinstance(each, ast.arg)}
        around, elsewhere = inlined
        self._taken = (self._taken - elsewhere) | around | others
        own = {each.arg for each in caller.args.args}
        own |= {n.id for n in ast.walk(caller) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        own -= {each for n in ast.walk(caller) if isinstance(n, ast.Global) for each in n.names}
        if others & own:
            raise Unfit  # what is the module's there would be the caller's here
        self._before: Block = []
        self._names: dict[str, str] = {}
        self._values: dict[str, ast.expr] = {}
        for name, value in self._arguments(parameters, call, is_method):
            simple = isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id in own)
            if simple and name not in stored:
                self._values[name] = value
            else:
                self._before.append(ast.Assign([ast.Name(self._fresh(name), ast.Store())], value))
        for name in sorted(stored):
            self._fresh(name)

    def _look_at(self, node: ast.ListComp) -> None:
        """A comprehension is a function of its own: it must use nothing of this one's but what it iterates over."""
        first = {each for each in ast.walk(node.generators[0].iter)}
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and each not in first}
        targets = {
            each.id
            for generator in node.generators
            for each in ast.walk(generator.target)
            if isinstance(each, ast.Name)
        }
        outside = [
            each.id
            for statement in self._function.body
            for each in ast.walk(statement)
            if isinstance(each, ast.Name) and each not in set(ast.walk(node))
        ]
        if (names - targets) & self._locals or targets & {*outside, *(each.arg for each in self._function.args.args)}:
            raise Unfit

    def _arguments(self, parameters: list[str], call: ast.Call, is_method: bool) -> list[tuple[str, ast.expr]]:
        if any(isinstance(each, ast.Starred) for each in call.args) or any(not each.arg for each in call.keywords):
            raise Unfit
        values = list(call.args)
        if is_method:
            assert isinstance(call.func, ast.Attribute)
            values.insert(0, call.func.value)
        if any(isinstance(node, ast.NamedExpr) for value in values for node in ast.walk(value)):
            raise Unfit
        given = [*zip(parameters, values, strict=False), *((str(each.arg), each.value) for each in call.keywords)]
        missing = [name for name in parameters if name not in dict(given)]
        defaults = dict(zip(reversed(parameters), reversed(self._function.args.defaults), strict=False))
        if len(values) > len(parameters) or any(name not in defaults for name in missing):
            raise Unfit
        return [*given, *((name, defaults[name]) for name in missing)]

    @property
    def names(self) -> set[str]:
        return set(self._names.values())

    def _fresh(self, name: str) -> str:
        """A name for a variable of the function that the caller does not use."""
        while name not in self._names:
            short = name
            while short in self._taken or (short != name and short in self._locals):
                short += "_"
            self._taken.add(short)
            self._names[name] = short
        return self._names[name]

    def instead(self, statement: ast.stmt) -> Block:
        """What stands for the statement."""
        renamer = _Renamer(self._names, self._values)
        after: Block = []
        if isinstance(statement, ast.Return):
            body = self._function.body
            if not leaves(body):
                body = [*body, ast.Return(None)]
            made = body
        elif isinstance(statement, ast.If):
            result = self._fresh(RESULT)
            negated = isinstance(statement.test, ast.UnaryOp)
            made = ended(self._function.body, assigning)
            test: ast.expr = ast.Name(result, ast.Load())
            statement.test = ast.UnaryOp(ast.Not(), test) if negated else test
            after = [statement]
        elif isinstance(statement, ast.Assign):
            # The caller's own target is no name of the function's: put there last.
            result = self._fresh(RESULT)
            made = ended(self._function.body, assigning)
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                renamer.names[RESULT] = target.id
            else:
                statement.value = ast.Name(result, ast.Load())
                after = [statement]
        else:
            made = ended(self._function.body, discarding)
        return [*self._before, *(renamer.visit(each) for each in made), *after] or [ast.Pass()]


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str], values: Mapping[str, ast.expr]) -> None:
        self.names = dict(names)
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._values:
            return copy.deepcopy(self._values[node.id])
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name) if node.name else None
        return node
