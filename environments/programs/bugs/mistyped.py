"""TypeError, AttributeError and ValueError: right operations on the wrong kind of thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from random import Random

from environments.programs.bugs.source import Edit, Source, guards, is_call, is_method
from environments.programs.bugs.undefined import misspelt

_FOREIGN = {
    "append": ("push", "add"),
    "add": ("append",),
    "appendleft": ("unshift",),
    "discard": ("delete",),
    "extend": ("concat", "addAll"),
    "find": ("indexOf",),
    "get": ("fetch",),
    "isdigit": ("is_digit",),
    "items": ("iteritems", "entries"),
    "join": ("concat",),
    "keys": ("keySet",),
    "lower": ("toLowerCase",),
    "lstrip": ("trimStart",),
    "pop": ("shift",),
    "popleft": ("shift",),
    "rstrip": ("trimEnd",),
    "setdefault": ("computeIfAbsent",),
    "sort": ("sorted",),
    "split": ("explode",),
    "startswith": ("startsWith",),
    "strip": ("trim",),
    "upper": ("toUpperCase",),
    "values": ("itervalues",),
}


def type_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A forgotten conversion, a missing argument, arithmetic on None, a number called like a function."""
    own = {node.name for node in source.all(ast.FunctionDef)}
    for call in source.all(ast.Call):
        yield from _unconverted(source, call)
        yield from _too_few(source, call, own)
    for node in source.all(ast.expr):
        yield from _not_a_value(source, node)


def attribute_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A misspelt method, a method of another language or type, a list that became a tuple."""
    methods = {node.attr for node in source.all(ast.Attribute)}
    for node in source.all(ast.Attribute):
        if not isinstance(node.ctx, ast.Load):
            continue
        owner = source.code(node.value)
        if wrong := misspelt(node.attr, methods, rng):
            yield source.replaced(node, f"{owner}.{wrong}", "misspelt an attribute", raises_here=True)
        for foreign in _FOREIGN.get(node.attr, ()):
            yield source.replaced(node, f"{owner}.{foreign}", "called a foreign method", raises_here=True)
    yield from _wrong_container(source)


def value_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A number read from what is none, a list unpacked into too few names, a search that must succeed."""
    for call in source.all(ast.Call):
        yield from _badly_parsed(source, call)
    for target in source.all(ast.Tuple):
        if isinstance(target.ctx, ast.Store) and len(target.elts) > 1:
            dropped = rng.randrange(len(target.elts))
            kept = [source.code(name) for i, name in enumerate(target.elts) if i != dropped]
            names = ", ".join(kept) + ("," if len(kept) == 1 else "")
            written = source.code(target)
            wrapped = f"({names})" if written.startswith("(") else names
            yield source.replaced(target, wrapped, "unpacked into too few names", raises_here=True)
            extra = written[:-1] + ", extra)" if written.startswith("(") else written + ", extra"
            yield source.replaced(target, extra, "unpacked into too many names", raises_here=True)
    for loop in source.all(ast.For):
        if isinstance(loop.target, ast.Name):
            names = f"{loop.target.id}, extra"
            yield source.replaced(loop.target, names, "unpacked into too many names", raises_here=True)
    for guard in guards(source):
        yield from source.deleted(guard, "dropped a guard")


def _wrong_container(source: Source) -> Iterator[Edit]:
    for call in source.all(ast.Call):
        if is_call(call, "len") and isinstance(call.args[0] if call.args else None, ast.Name):
            yield source.replaced(
                call, source.code(call.args[0]) + ".length", "called a foreign method", raises_here=True
            )
        elif is_call(call, "set", "deque", "defaultdict", "Counter", "OrderedDict"):
            yield source.replaced(call, "[]", "made a list of what is none")
    for display in source.all(ast.expr):
        if isinstance(display, ast.List) and isinstance(source.parent(display), ast.Assign):
            inner = source.code(display)[1:-1].strip().rstrip(",")
            yield source.replaced(display, f"({inner},)" if inner else "()", "made a tuple of a list")
        elif isinstance(display, ast.Dict) and not display.keys:
            yield source.replaced(display, "[]", "made a list of a dictionary")


def _unconverted(source: Source, call: ast.Call) -> Iterator[Edit]:
    if is_call(call, "int", "float", "str", "list", "len", "ord", "sum", "tuple") and len(call.args) == 1:
        yield source.replaced(call, source.code(call.args[0]), f"forgot {source.code(call.func)}()")
    if is_call(call, "map") and len(call.args) == 2 and source.code(call.args[0]) in ("int", "float", "str"):
        yield source.replaced(call, source.code(call.args[1]), f"forgot {source.code(call.args[0])}()")
    if is_call(call, "sorted") and len(call.args) == 1 and not call.keywords:
        yield source.replaced(call, f"{source.code(call.args[0])}.sort()", "used the None that sort() returns")


def _too_few(source: Source, call: ast.Call, own: set[str]) -> Iterator[Edit]:
    if isinstance(call.func, ast.Name) and call.func.id in own and call.args:
        left = source.end(call.args[-2]) if len(call.args) > 1 else source.start(call.args[-1])
        yield Edit(left, source.end(call.args[-1]), "", "left out an argument", call.lineno)


def _not_a_value(source: Source, node: ast.expr) -> Iterator[Edit]:
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
        called = f"{source.code(node.value)}({source.code(node.slice)})"
        yield source.replaced(node, called, "called what is no function", raises_here=True)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        if isinstance(source.parent(node), (ast.Assign, ast.Return)):
            yield source.replaced(node, "None", "calculated with None")
        yield source.replaced(node, f'"{source.code(node)}"', "put a number in quotes")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and isinstance(node.right, ast.Name):
        yield source.replaced(node.right, f"str({node.right.id})", "added a text to a number")


def _badly_parsed(source: Source, call: ast.Call) -> Iterator[Edit]:
    text = source.code(call)
    if is_call(call, "int", "float") and len(call.args) == 1:
        inner = source.code(call.args[0])
        yield source.replaced(call, f'int({inner} + ".0")', "read a number from a bad text", raises_here=True)
        yield source.replaced(call, f"int({inner}[1:])", "read a number from a bad text", raises_here=True)
    elif is_method(call, "split") and not call.args:
        yield source.replaced(call, text[:-1] + '",")', "split at the wrong separator")
        yield source.replaced(call, text[:-1] + '" ")', "split at the wrong separator")
        yield source.replaced(call, text.rpartition(".")[0], "forgot to split")
    elif is_method(call, "split", "join", "find"):
        yield source.replaced(call, text.replace(".find(", ".index("), "searched with index()")
        yield source.replaced(call, text.replace(".split(", ".partition("), "split in three")
    elif is_call(call, "max", "min") and len(call.args) == 1:
        for keyword in call.keywords:
            if keyword.arg == "default":
                yield source.replaced(
                    call, f"{source.code(call.func)}({source.code(call.args[0])})", "dropped a default"
                )
    elif is_call(call, "range") and len(call.args) >= 1:
        first = ", ".join(["0", *map(source.code, call.args)][-2:])
        yield source.replaced(call, f"range({first}, 0)", "counted in steps of 0", raises_here=True)
    elif is_call(call, "ord", "isqrt", "sqrt") and len(call.args) == 1:
        yield source.replaced(call, text[:-1] + " - 2**40)", "took a number out of the domain")
