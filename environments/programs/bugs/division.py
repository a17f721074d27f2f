"""ZeroDivisionError: a guard dropped, or a denominator that reaches 0."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from random import Random

from environments.programs.bugs.source import Edit, Source, guards, is_call, names_in

_DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod)


def zero_divisions(source: Source, rng: Random) -> Iterator[Edit]:
    """A guard dropped, a denominator shifted, a range that begins at 0, a start value of 0."""
    divisions = [node for node in source.all(ast.BinOp) if isinstance(node.op, _DIVISIONS)]
    shifted = [node.right for node in divisions]
    shifted += [call.args[1] for call in source.all(ast.Call) if is_call(call, "divmod") and len(call.args) == 2]
    shifted += [node.value for node in source.all(ast.AugAssign) if isinstance(node.op, _DIVISIONS)]
    if not shifted:
        return
    for denominator in shifted:
        if isinstance(denominator, ast.Constant) and isinstance(denominator.value, str):
            continue
        text = source.code(denominator)
        for shift in ("1", "2", "3"):
            yield source.replaced(denominator, f"({text} - {shift})", "shifted a denominator", raises_here=True)
        yield source.replaced(denominator, f"({text} // 10)", "shrank a denominator", raises_here=True)
    yield from _zero_starts(source, {name for node in shifted for name in names_in(node)})
    for guard in guards(source):
        yield from source.deleted(guard, "dropped a guard")


def _zero_starts(source: Source, denominators: set[str]) -> Iterator[Edit]:
    for call in source.all(ast.Call):
        if is_call(call, "range") and len(call.args) > 1:
            yield source.replaced(call.args[0], "0", "began a range at 0")
    for node in source.all(ast.Assign):
        names = {name for target in node.targets for name in names_in(target)}
        if names & denominators and isinstance(node.value, ast.Constant):
            yield source.replaced(node.value, "0", "began with a denominator of 0")
