"""Wrong answers: the program runs to its end and says something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from random import Random

from environments.programs.bugs.source import Edit, Source, advances_a_loop, guards, is_call, is_method

_COMPARISONS: dict[type[ast.cmpop], tuple[tuple[str, str], ...]] = {
    ast.Lt: (("<=", "included a bound"), (">", "flipped a comparison")),
    ast.LtE: (("<", "left out a bound"), (">=", "flipped a comparison")),
    ast.Gt: ((">=", "included a bound"), ("<", "flipped a comparison")),
    ast.GtE: ((">", "left out a bound"), ("<=", "flipped a comparison")),
    ast.Eq: (("!=", "flipped a comparison"),),
    ast.NotEq: (("==", "flipped a comparison"),),
    ast.In: (("not in", "flipped a comparison"),),
    ast.NotIn: (("in", "flipped a comparison"),),
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.FloorDiv: "/",
    ast.Div: "//",
    ast.Mod: "//",
    ast.Pow: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.BitXor: "|",
}
_SIBLINGS = {"min": "max", "max": "min", "any": "all", "all": "any", "pop": "popleft", "popleft": "pop"}
_OPPOSITES = {"lower": "upper", "ljust": "rjust", "rjust": "ljust", "lstrip": "rstrip", "rstrip": "lstrip"}


def wrong_answers(source: Source, rng: Random) -> Iterator[Edit]:
    """Comparisons, bounds, operators, start values, returns, arguments, edge cases and orders got wrong."""
    for node in source.all(ast.expr):
        if not advances_a_loop(source, node):
            yield from _expression(source, node)
    for statement in source.all(ast.stmt):
        if not advances_a_loop(source, statement):
            yield from _statement(source, statement)
    for guard in guards(source):
        yield from source.deleted(guard, "dropped an edge case")


def _expression(source: Source, node: ast.expr) -> Iterator[Edit]:
    if isinstance(node, ast.Compare):
        yield from _comparison(source, node)
    elif isinstance(node, ast.BinOp):
        yield from _operation(source, node)
    elif isinstance(node, ast.BoolOp):
        joint = " or " if isinstance(node.op, ast.And) else " and "
        text = joint.join(source.code(value) for value in node.values)
        yield source.replaced(node, f"({text})", "mixed up and with or")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        mutation = "forgot a not" if isinstance(node.op, ast.Not) else "forgot a sign"
        yield source.replaced(node, source.code(node.operand), mutation)
    elif isinstance(node, ast.Call):
        yield from _call(source, node)
    elif isinstance(node, ast.Slice):
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield source.replaced(bound, f"{source.code(bound)} + 1", "shifted the bound of a slice")
    elif isinstance(node, ast.IfExp):
        yield source.replaced(node, source.code(node.body), "dropped an edge case")


def _comparison(source: Source, node: ast.Compare) -> Iterator[Edit]:
    for sign, mutation in _COMPARISONS.get(type(node.ops[0]), ()) if len(node.ops) == 1 else ():
        text = f"{source.code(node.left)} {sign} {source.code(node.comparators[0])}"
        yield source.replaced(node, text, mutation)


def _operation(source: Source, node: ast.BinOp) -> Iterator[Edit]:
    left, right = source.code(node.left), source.code(node.right)
    between = source.text[source.end(node.left) : source.start(node.right)]
    if type(node.op) in _OPERATORS and "(" not in between and ")" not in between:
        sign = _OPERATORS[type(node.op)]
        yield Edit(source.end(node.left), source.start(node.right), f" {sign} ", "took a wrong operator", node.lineno)
    if isinstance(node.op, ast.Mod):
        yield source.replaced(node, f"({left})", "forgot the remainder")
    elif isinstance(node.op, (ast.Add, ast.Sub)) and right == "1":
        yield source.replaced(node, left, "was off by one")
    elif isinstance(node.op, (ast.Sub, ast.Div, ast.FloorDiv)):
        yield source.replaced(node, f"({right} {_sign(node.op)} ({left}))", "swapped two operands")


def _sign(operator: ast.operator) -> str:
    return {ast.Sub: "-", ast.Div: "/", ast.FloorDiv: "//"}[type(operator)]


def _call(source: Source, call: ast.Call) -> Iterator[Edit]:
    arguments = [source.code(argument) for argument in call.args]
    if is_call(call, "range"):
        place = 0 if len(arguments) == 1 else 1
        yield source.replaced(call.args[place], f"{arguments[place]} - 1", "ended a range too early")
        if len(arguments) > 1:
            yield source.replaced(call.args[0], f"{arguments[0]} + 1", "began a range too late")
        else:
            yield source.replaced(call.args[0], f"1, {arguments[0]}", "began a range too late")
    elif is_call(call, "sorted") or is_method(call, "sort"):
        yield from _order(source, call)
    elif is_call(call, "abs", "set", "sorted", "reversed") and arguments:
        yield source.replaced(call, arguments[0], f"forgot {source.code(call.func)}()")
    elif is_method(call, "lower", "upper", "strip", "rstrip", "lstrip") and isinstance(call.func, ast.Attribute):
        yield source.replaced(call, source.code(call.func.value), f"forgot {call.func.attr}()")
    elif len(arguments) == 2 and isinstance(call.func, ast.Name) and arguments[0] != arguments[1]:
        start, end = source.start(call.args[0]), source.end(call.args[1])
        yield Edit(start, end, f"{arguments[1]}, {arguments[0]}", "swapped two arguments", call.lineno)
    yield from _sibling(source, call)


def _order(source: Source, call: ast.Call) -> Iterator[Edit]:
    text = source.code(call)
    for keyword in call.keywords:
        start = source.text.rfind(f"{keyword.arg}", source.start(call), source.start(keyword.value))
        comma = source.text.rfind(",", source.start(call), start)
        begin = comma if comma >= 0 and source.text[comma + 1 : start].isspace() else start
        yield Edit(begin, source.end(keyword.value), "", f"forgot the {keyword.arg} of an order", call.lineno)
    if not any(keyword.arg == "reverse" for keyword in call.keywords):
        joint = ", " if call.args or call.keywords else ""
        yield source.replaced(call, f"{text[:-1].rstrip(', ')}{joint}reverse=True)", "sorted in the wrong direction")


def _sibling(source: Source, call: ast.Call) -> Iterator[Edit]:
    if isinstance(call.func, ast.Name) and call.func.id in _SIBLINGS:
        yield source.replaced(call.func, _SIBLINGS[call.func.id], "took the opposite function")
    elif isinstance(call.func, ast.Attribute):
        name = call.func.attr
        other = _OPPOSITES.get(name) or _SIBLINGS.get(name)
        if other:
            yield source.replaced(call.func, f"{source.code(call.func.value)}.{other}", "took the opposite function")


def _statement(source: Source, node: ast.stmt) -> Iterator[Edit]:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        yield from _start_value(source, node.value)
    elif isinstance(node, ast.AugAssign):
        sign = source.text[source.end(node.target) : source.start(node.value)].strip()
        yield source.replaced(node, f"{source.code(node.target)} = {source.code(node.value)}", "forgot what was there")
        if sign in ("+=", "-="):
            text = f"{source.code(node.target)} {'-=' if sign == '+=' else '+='} {source.code(node.value)}"
            yield source.replaced(node, text, "took a wrong operator")
        yield from source.deleted(node, "left out a step")
    elif isinstance(node, ast.Return) and node.value is not None:
        yield source.replaced(node, source.code(node.value), "forgot to return")
        yield from _early(source, node)
    elif isinstance(node, (ast.Continue, ast.Break)):
        other = "break" if isinstance(node, ast.Continue) else "continue"
        yield source.replaced(node, other, "mixed up break and continue")
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from source.deleted(node, "left out a step")
    elif isinstance(node, ast.If) and not node.orelse:
        yield from source.deleted(node, "left out a case")


def _start_value(source: Source, value: ast.Constant) -> Iterator[Edit]:
    if isinstance(value.value, bool):
        yield source.replaced(value, str(not value.value), "began with a wrong value")
    elif isinstance(value.value, int):
        for wrong in (value.value + 1, value.value - 1):
            yield source.replaced(value, str(wrong), "began with a wrong value")


def _early(source: Source, node: ast.Return) -> Iterator[Edit]:
    """A return that comes after a loop moves into it."""
    block = source.block(node)
    at = block.index(node)
    loop = block[at - 1] if at > 0 else None
    if isinstance(loop, (ast.For, ast.While)) and not loop.orelse and loop.body[0].lineno > loop.lineno:
        start = source.start(node)
        deeper = " " * (loop.body[0].col_offset - loop.col_offset)
        yield Edit(start, start, deeper, "returned inside a loop", node.lineno)
