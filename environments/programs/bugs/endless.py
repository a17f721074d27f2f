"""RecursionError and timeouts: what never ends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from random import Random

from environments.programs.bugs.source import Edit, Source, calls_itself, is_method, names_in

_STEP_BACK = {ast.Add: "-", ast.Sub: "+"}


def recursion_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A base case dropped or never met, a recursive call that comes no nearer to it."""
    for function in source.all(ast.FunctionDef):
        calls = [node for node in ast.walk(function) if calls_itself(function, node)]
        if not calls:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.If) and source.parent(node) is not None:
                yield from source.deleted(node, "dropped a base case")
                yield source.replaced(node.test, "False", "made a base case unreachable")
            elif isinstance(node, ast.Compare) and len(node.ops) == 1 and source.parent(node) is not None:
                right = source.code(node.comparators[0])
                yield source.replaced(node, f"{source.code(node.left)} == -{right}", "asked for the wrong base case")
        for call in calls:
            if isinstance(call, ast.Call) and source.parent(call) is not None:
                yield from _no_nearer(source, function, call)


def timeouts(source: Source, rng: Random) -> Iterator[Edit]:
    """A loop variable that is not advanced, or the wrong way; an end that is never reached."""
    for loop in source.all(ast.While):
        watched = names_in(loop.test)
        yield source.replaced(loop.test, "True", "made a loop endless")
        for node in ast.walk(loop):
            if isinstance(node, ast.stmt) and node is not loop and source.parent(node) is not None:
                yield from _not_advanced(source, node, watched)
        for test in ast.walk(loop.test):
            if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Lt, ast.Gt)):
                sign = "<=" if isinstance(test.ops[0], ast.Lt) else ">="
                text = f"{source.code(test.left)} {sign} {source.code(test.comparators[0])}"
                yield source.replaced(test, text, "ran a condition one too far")
    for loop_over in source.all(ast.For):
        yield from _grown_meanwhile(source, loop_over)


def _no_nearer(source: Source, function: ast.FunctionDef, call: ast.Call) -> Iterator[Edit]:
    parameters = [argument.arg for argument in function.args.args if argument.arg != "self"]
    for parameter, argument in zip(parameters, call.args, strict=False):
        if source.code(argument) != parameter:
            yield source.replaced(argument, parameter, "called itself with the same value")
        if isinstance(argument, ast.BinOp) and type(argument.op) in _STEP_BACK:
            sign = _STEP_BACK[type(argument.op)]
            text = f"{source.code(argument.left)} {sign} {source.code(argument.right)}"
            yield source.replaced(argument, text, "went away from the base case")


def _not_advanced(source: Source, node: ast.stmt, watched: set[str]) -> Iterator[Edit]:
    if isinstance(node, ast.AugAssign):
        yield from source.deleted(node, "did not advance a loop variable")
        if type(node.op) in _STEP_BACK:
            text = f"{source.code(node.target)} {_STEP_BACK[type(node.op)]}= {source.code(node.value)}"
            yield source.replaced(node, text, "advanced a loop variable the wrong way")
        elif isinstance(node.op, (ast.FloorDiv, ast.Mult)):
            yield source.replaced(node.value, "1", "advanced a loop variable by nothing")
    elif isinstance(node, ast.Assign):
        yield from source.deleted(node, "did not advance a loop variable")
        if isinstance(node.value, ast.BinOp) and watched & names_in(node.targets[0]):
            yield source.replaced(node.value, source.code(node.value.left), "advanced a loop variable by nothing")
    elif isinstance(node, ast.Break):
        yield source.replaced(node, "continue", "went on instead of leaving a loop")
    elif isinstance(node, ast.Expr) and is_method(node.value, "pop", "popleft", "remove", "add", "append"):
        yield from source.deleted(node, "did not take or mark what was done")
    elif isinstance(node, ast.If) and any(isinstance(inner, (ast.Break, ast.Continue)) for inner in node.body):
        yield from source.deleted(node, "dropped the way out of a loop")


def _grown_meanwhile(source: Source, loop: ast.For) -> Iterator[Edit]:
    """The loop's list grows while it is gone through."""
    if isinstance(loop.iter, ast.Name) and isinstance(loop.target, ast.Name):
        body = loop.body[0]
        if body.lineno > loop.lineno:
            text = f"{loop.iter.id}.append({loop.target.id})\n{' ' * body.col_offset}"
            start = source.start(body)
            yield Edit(start, start, text, "grew a list while going through it", body.lineno)
