"""IndexError and KeyError: reaching for what is not there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from random import Random

from environments.programs.bugs.source import Edit, Source, guards, is_call, is_method

_TABLE_TYPES = ("dict", "set", "Counter", "defaultdict", "OrderedDict")


def index_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A range one too long, an index one too far, a guard dropped before a list is used."""
    for call in source.all(ast.Call):
        if is_call(call, "range") and call.args:
            stop = call.args[0] if len(call.args) == 1 else call.args[1]
            yield source.replaced(stop, f"{source.code(stop)} + 1", "ran a range one too far")
        elif is_method(call, "pop", "popleft"):
            text = source.code(call)
            yield source.replaced(call, f"({text}, {text})[1]", "took two for one", raises_here=True)
    for node in source.all(ast.Subscript):
        yield from _too_far(source, node)
    for test in source.all(ast.Compare):
        if len(test.ops) == 1 and isinstance(test.ops[0], ast.Lt):
            text = f"{source.code(test.left)} <= {source.code(test.comparators[0])}"
            yield source.replaced(test, text, "ran a condition one too far")
    yield from _unguarded(source)


def key_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """`get` made an index, a default or a test dropped, a plain dictionary for one with defaults."""
    tables = _tables(source)
    if not tables:
        return
    for call in source.all(ast.Call):
        yield from _without_default(source, call)
    for node in source.all(ast.Subscript):
        if source.code(node.value) in tables:
            yield from _wrong_key(source, node)
    for display in source.all(ast.Dict):
        if display.keys and isinstance(source.parent(display), (ast.Assign, ast.AnnAssign)):
            yield source.replaced(display, "{}", "forgot a dictionary's entries")
    for check in source.all(ast.If):
        if any(isinstance(op, (ast.In, ast.NotIn)) for node in ast.walk(check.test) for op in _operators(node)):
            yield from source.deleted(check, "dropped a test for a key")
    yield from _unguarded(source)


def _tables(source: Source) -> set[str]:
    """What is used like a dictionary or a set, as it is written."""
    found: set[str] = set()
    for node in source.all(ast.Attribute):
        if node.attr in ("add", "discard", "get", "items", "keys", "pop", "popitem", "remove", "setdefault", "values"):
            found.add(source.code(node.value))
    for assignment in source.all(ast.Assign):
        value = assignment.value
        if isinstance(value, (ast.Dict, ast.DictComp, ast.Set)) or is_call(value, *_TABLE_TYPES):
            found |= {source.code(target) for target in assignment.targets}
    for item in source.all(ast.Subscript):
        if isinstance(item.slice, ast.Constant) and isinstance(item.slice.value, str):
            found.add(source.code(item.value))
    for test in source.all(ast.Compare):
        if any(isinstance(operator, (ast.In, ast.NotIn)) for operator in test.ops):
            found.add(source.code(test.comparators[-1]))
    return found


def _too_far(source: Source, node: ast.Subscript) -> Iterator[Edit]:
    index = node.slice
    if isinstance(index, (ast.Slice, ast.Tuple)):
        return
    text = source.code(index)
    if isinstance(index, (ast.UnaryOp, ast.Constant)):
        owner = source.code(node.value)
        yield source.replaced(index, f"len({owner})", "took an index from the wrong end", raises_here=True)
    else:
        yield source.replaced(index, f"{text} + 1", "shifted an index", raises_here=True)
        yield source.replaced(index, f"{text} - 1", "shifted an index")
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Sub):
        yield source.replaced(index, source.code(index.left), "forgot to shift an index", raises_here=True)


def _unguarded(source: Source) -> Iterator[Edit]:
    for guard in guards(source):
        yield from source.deleted(guard, "dropped a guard")
    for test in source.all(ast.BoolOp):
        for i in range(len(test.values)):
            joint = " and " if isinstance(test.op, ast.And) else " or "
            kept = [source.code(value) for j, value in enumerate(test.values) if j != i]
            yield source.replaced(test, joint.join(kept), "dropped part of a condition")
    for choice in source.all(ast.IfExp):
        yield source.replaced(choice, source.code(choice.body), "dropped a condition")
        yield source.replaced(choice, source.code(choice.orelse), "dropped a condition")


def _without_default(source: Source, call: ast.Call) -> Iterator[Edit]:
    if isinstance(call.func, ast.Attribute):
        owner = source.code(call.func.value)
        if call.func.attr in ("get", "setdefault") and call.args:
            key = source.code(call.args[0])
            yield source.replaced(call, f"{owner}[{key}]", f"{call.func.attr} made an index", raises_here=True)
        elif call.func.attr == "pop" and len(call.args) == 2:
            yield source.replaced(
                call, f"{owner}.pop({source.code(call.args[0])})", "dropped a default", raises_here=True
            )
        elif call.func.attr in ("add", "discard") and len(call.args) == 1:
            yield source.replaced(call.func, f"{owner}.remove", "removed what is not there", raises_here=True)
    elif is_call(call, "defaultdict", "Counter"):
        yield source.replaced(call, "{}", "took a dictionary without defaults")


def _wrong_key(source: Source, node: ast.Subscript) -> Iterator[Edit]:
    key = node.slice
    if isinstance(key, (ast.Slice, ast.Tuple)) or not isinstance(node.ctx, ast.Load):
        return
    text = source.code(key)
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        yield source.replaced(key, repr(key.value + "s"), "misspelt a key", raises_here=True)
    for wrong in (f"str({text})", f"{text} + 1", f"{text}.upper()", f"({text},)"):
        yield source.replaced(key, wrong, "looked up the wrong key", raises_here=True)


def _operators(node: ast.AST) -> list[ast.cmpop]:
    return node.ops if isinstance(node, ast.Compare) else []
