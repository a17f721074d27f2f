"""What to look at when a program failed: one sentence or two, made from what its author can see anyway."""

from __future__ import annotations

import ast
import builtins
import collections
import re
from collections.abc import Callable
from difflib import get_close_matches

from environments.programs.parsing import parsed

LONGEST_QUOTE = 80
"""Characters of a line of code, of an output or of a message that are quoted."""


def suggest(
    error_type: str,
    message: str,
    code: str,
    line: int | None,
    *,
    expected: str | None = None,
    actual: str | None = None,
) -> str:
    """What to look at; `error_type` is an exception's name or a case's status. `expected` only of visible cases."""
    if error_type in ("wrong_answer", "test_failed"):
        return _wrong_answer(expected, actual)
    maker = _MAKERS.get(error_type)
    if maker is None:
        return f"{error_type}{_at(code, line)}: {_quoted(message) or 'no message'}. Look at what that line is given."
    return maker(message, code, line)


def _name_error(message: str, code: str, line: int | None) -> str:
    name = _first_quoted(message)
    if name is None:
        return f"A name is not defined{_at(code, line)}: check its spelling and that it is assigned before its use."
    close = get_close_matches(name, sorted(_known_names(code) - {name}), n=1)
    mend = f"did you mean {close[0]!r}?" if close else "assign or import it before its use."
    return f"The name {name!r} is not defined{_at(code, line)}: {mend}"


def _unbound(message: str, code: str, line: int | None) -> str:
    name = _first_quoted(message) or "a variable"
    return (
        f"The local variable {name!r} is used before it has a value{_at(code, line)}: assign it on every way that "
        "leads there, or declare it global if the outer one is meant."
    )


def _syntax(message: str, code: str, line: int | None) -> str:
    return (
        f"The program does not parse{_at(code, line)}: {_quoted(message)}. Check brackets, colon, quotes and "
        "indentation there and on the line before."
    )


def _indentation(message: str, code: str, line: int | None) -> str:
    return (
        f"The indentation is wrong{_at(code, line)}: {_quoted(message)}. Indent each block by four spaces below the "
        "line that ends in a colon, and no other line; do not mix tabs and spaces."
    )


def _type_error(message: str, code: str, line: int | None) -> str:
    types = re.findall(r"""['"]([A-Za-z_.]+)['"]|concatenate (\w+)""", message)
    if "argument" in message and ("missing" in message or "takes" in message):
        return (
            f"A call does not fit its function{_at(code, line)}: {_quoted(message)}. Compare arguments and parameters."
        )
    if "NoneType" in message:
        return (
            f"A value is None{_at(code, line)}: {_quoted(message)}. Check what should have set or returned it; "
            "list.sort() and functions without return give None."
        )
    if "not callable" in message:
        return f"Something is called that is no function{_at(code, line)}: {_quoted(message)}. Use [...] for an index."
    involved = " and ".join(dict.fromkeys(one or other for one, other in types)) or "see the message"
    return (
        f"Operand or argument types do not fit{_at(code, line)} ({involved}): {_quoted(message)}. Convert with int(), "
        "str() or list() where the value comes from."
    )


def _index_error(message: str, code: str, line: int | None) -> str:
    if "pop" in message or "empty" in message:
        return f"Something is taken from an empty list{_at(code, line)}: check that it holds an element first."
    return (
        f"An index is beyond the length{_at(code, line)}: valid are 0 to len - 1. Check the bounds of the loop and "
        "what happens for an empty or short list."
    )


def _zero_division(message: str, code: str, line: int | None) -> str:
    denominators = _denominators(code, line)
    named = f" ({', '.join(denominators)})" if denominators else ""
    return f"The denominator{named} is 0{_at(code, line)}: guard that case before dividing."


def _attribute_error(message: str, code: str, line: int | None) -> str:
    found = re.search(r"'([A-Za-z_.]+)' object has no attribute '(\w+)'", message)
    if found is None:
        return f"An attribute does not exist{_at(code, line)}: {_quoted(message)}. Check the name and what owns it."
    owner, name = found.groups()
    if owner == "NoneType":
        return f"A value is None{_at(code, line)} where .{name} is wanted: check what should have set or returned it."
    if name in ("length", "size", "len"):
        return f"A {owner} has no attribute {name!r}{_at(code, line)}; its length is len(...)."
    methods = _methods_of(owner, code)
    close = [_EQUIVALENT[name]] if _EQUIVALENT.get(name) in methods else get_close_matches(name, methods, n=3)
    mend = f"near it: {', '.join(close)}." if close else f"its methods are: {', '.join(methods[:12]) or 'its own'}."
    return f"A {owner} has no attribute {name!r}{_at(code, line)}; {mend}"


def _key_error(message: str, code: str, line: int | None) -> str:
    return (
        f"The key {_quoted(message)} is not there{_at(code, line)}: test with `in`, use .get() with a default, or "
        "check how the keys are made (type, case, spaces)."
    )


def _value_error(message: str, code: str, line: int | None) -> str:
    if "unpack" in message:
        return f"The number of values and of names differ{_at(code, line)}: {_quoted(message)}. Check what is split."
    if "int()" in message or "float" in message:
        return f"A text is no number{_at(code, line)}: {_quoted(message)}. Check how the input is split and stripped."
    return f"A value has the right type but cannot be used{_at(code, line)}: {_quoted(message)}."


def _recursion(message: str, code: str, line: int | None) -> str:
    return (
        f"The recursion does not end{_at(code, line)}: check that the base case is reached and that each call comes "
        "nearer to it."
    )


def _end_of_input(message: str, code: str, line: int | None) -> str:
    return (
        f"More input is read than there is{_at(code, line)}: check how many lines the task promises, also when empty."
    )


def _timeout(message: str, code: str, line: int | None) -> str:
    loops = [node.lineno for node in _nodes(code) if isinstance(node, ast.While)]
    where = f" (while loops at line {', '.join(map(str, loops[:5]))})" if loops else ""
    return (
        f"The program did not end in time{where}: check that each loop advances what its condition tests, then the "
        "cost for large inputs."
    )


def _memory(message: str, code: str, line: int | None) -> str:
    return "The program used too much memory: check for a list or text that grows without end, and for huge tables."


def _output_limit(message: str, code: str, line: int | None) -> str:
    return "The program printed too much: check for a print inside a loop that does not end."


def _missing_module(message: str, code: str, line: int | None) -> str:
    return f"A module cannot be imported{_at(code, line)}: {_quoted(message)}. Use the standard library only."


_MAKERS: dict[str, Callable[[str, str, int | None], str]] = {
    "NameError": _name_error,
    "UnboundLocalError": _unbound,
    "SyntaxError": _syntax,
    "IndentationError": _indentation,
    "TabError": _indentation,
    "TypeError": _type_error,
    "IndexError": _index_error,
    "ZeroDivisionError": _zero_division,
    "AttributeError": _attribute_error,
    "KeyError": _key_error,
    "ValueError": _value_error,
    "RecursionError": _recursion,
    "EOFError": _end_of_input,
    "ImportError": _missing_module,
    "ModuleNotFoundError": _missing_module,
    "timeout": _timeout,
    "memory": _memory,
    "MemoryError": _memory,
    "output_limit": _output_limit,
}
_EQUIVALENT = {
    "push": "append",
    "add": "append",
    "append": "add",
    "concat": "extend",
    "addAll": "extend",
    "unshift": "insert",
    "shift": "pop",
    "indexOf": "index",
    "fetch": "get",
    "iteritems": "items",
    "entries": "items",
    "keySet": "keys",
    "toLowerCase": "lower",
    "toUpperCase": "upper",
    "trim": "strip",
    "trimStart": "lstrip",
    "trimEnd": "rstrip",
    "explode": "split",
}


def _wrong_answer(expected: str | None, actual: str | None) -> str:
    if expected is None or actual is None:
        return "The output is wrong: check edge cases such as empty input, equal values, negative numbers and limits."
    if not actual.strip():
        return "Nothing was printed: print the answer, and check that the function is called and returns it."
    wanted, got = _output_lines(expected), _output_lines(actual)
    for number, (one, other) in enumerate(zip(wanted, got, strict=False), 1):
        if one != other:
            difference = f"Line {number} differs: expected {_shown(one)}, got {_shown(other)}."
            return f"{difference} {_category(one, other)}"
    if len(wanted) != len(got):
        kind = "missing" if len(got) < len(wanted) else "too many"
        return f"Expected {len(wanted)} lines, got {len(got)}: lines are {kind}. Check what is printed, and how often."
    return "The outputs differ only in white space: check spaces and line ends."


def _category(wanted: str, got: str) -> str:
    left, right = wanted.split(), got.split()
    if wanted.lower() == got.lower():
        return "Only the case of letters differs."
    if "".join(left) == "".join(right):
        return "Only spaces differ: check the separator."
    if sorted(left) == sorted(right):
        return "The values are right but in another order: check the order and its direction."
    if len(left) != len(right):
        return f"{len(left)} values were expected, not {len(right)}: check bounds, and what is left out or repeated."
    differing = [(a, b) for a, b in zip(left, right, strict=True) if a != b]
    if all(_is_number(a) and _is_number(b) for a, b in differing):
        return _about_numbers(differing)
    return "Check the conditions that choose between the answers."


def _about_numbers(pairs: list[tuple[str, str]]) -> str:
    first, second = pairs[0]
    if len(first) < 300 and len(second) < 300:  # int() of long digit strings is slow, and refused
        wanted, got = float(first), float(second)
        if abs(wanted - got) == 1 and "." not in first + second:
            return "It is off by one: check the bounds of loops and comparisons."
        if wanted == -got:
            return "Only the sign differs: check the order of a subtraction."
        if wanted == got or abs(wanted - got) < 1e-3 * max(abs(wanted), 1):
            return "The numbers are nearly equal: check rounding, the form of printing, and / against //."
    return "A number is wrong: check start values, operators and edge cases."


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) is not None


def _output_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _at(code: str, line: int | None) -> str:
    if line is None:
        return ""
    lines = code.split("\n")
    written = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return f" at line {line}" + (f" (`{_quoted(written)}`)" if written else "")


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_QUOTE else flat[: LONGEST_QUOTE - 3] + "..."


def _shown(line: str) -> str:
    return repr(line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 3] + "...")


def _first_quoted(message: str) -> str | None:
    found = re.search(r"'([^']+)'", message)
    return found.group(1) if found else None


def _known_names(code: str) -> set[str]:
    """What the program itself defines or imports, and the built-in names."""
    names = {name for name in dir(builtins) if not name.startswith("_")}
    for node in _nodes(code):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    return names


def _methods_of(owner: str, code: str) -> list[str]:
    """The public attributes of a type: a built-in one, one of collections, or a class of the program."""
    for node in _nodes(code):
        if isinstance(node, ast.ClassDef) and node.name == owner:
            inner = list(ast.walk(node))
            methods = [item.name for item in inner if isinstance(item, ast.FunctionDef)]
            stored = [item for item in inner if isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store)]
            names = dict.fromkeys((*methods, *(item.attr for item in stored)))
            return [name for name in names if not name.startswith("_")]
    module = collections if owner.rpartition(".")[2] in collections.__all__ else builtins
    known = getattr(module, owner.rpartition(".")[2], object)
    return [name for name in dir(known) if not name.startswith("_")]


def _denominators(code: str, line: int | None) -> list[str]:
    found: list[ast.expr] = []
    for node in _nodes(code):
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, (ast.Div, ast.FloorDiv, ast.Mod))
            and node.lineno == line
        ):
            found.append(node.right)
        elif isinstance(node, ast.AugAssign) and node.lineno == line:
            found.append(node.value)
    texts = (ast.get_source_segment(code, denominator) for denominator in found)
    return list(dict.fromkeys(f"`{_quoted(text)}`" for text in texts if text))


def _nodes(code: str) -> list[ast.AST]:
    tree = parsed(code)
    return [] if tree is None else list(ast.walk(tree))
