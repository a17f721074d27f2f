"""Finds out whether one program runs another: a mark is put where the other one begins, and looked for afterwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from environments.programs.parsing import parsed

LEAST_SHARE = 0.5
"""Of the lines of the reported program that must stand in what is run: an exploration may change some."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_IDLE = (*_DEFINITIONS, ast.Import, ast.ImportFrom)
_Block = list[ast.stmt]


@dataclass(frozen=True, slots=True)
class Probed:
    """A program with a mark in it."""

    code: str
    mark: str
    """What stands in its standard error once it got there; made from the whole program, so that none can hold it."""


def probed(code: str, program: str, *, function: str | None = None) -> Probed | None:
    """The code with a mark in it; None where the reported program, or its function, does not stand in it."""
    tree, reported = parsed(code), parsed(program)
    if tree is None or reported is None:
        return None
    body = next(_units(reported, function), [])
    wanted, run = _lines(body), _lines([statement for statement in body if not isinstance(statement, _IDLE)])
    for unit in _units(tree, function):
        if not wanted or _share(wanted, _lines(unit)) < LEAST_SHARE:
            continue
        place = _entry(unit, run, descends=False) or _entry(unit, run, descends=True)
        if place is not None:
            return _marked(tree, place, blake2b(f"{code}\0{program}".encode(errors="replace")).hexdigest())
    return None


def _marked(tree: ast.Module, place: tuple[_Block, int], mark: str) -> Probed | None:
    block, position = place
    # Turned round, so that a program which shows its own source or constants shows no mark.
    block.insert(position, ast.parse(f'__import__("os").write(2, bytes(reversed(b"{mark[::-1]}")))').body[0])
    try:
        return Probed(f"{ast.unparse(ast.fix_missing_locations(tree))}\n", mark)
    except (RecursionError, ValueError):
        return None


def _units(tree: ast.Module, function: str | None) -> Iterator[_Block]:
    """The bodies of the function, wherever it is defined; of a program without one, the whole."""
    if function is None:
        yield tree.body
        return
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and node.name == function:
            yield node.body


def _entry(block: _Block, run: set[str], *, descends: bool) -> tuple[_Block, int] | None:
    """Where the first statement stands that the reported program would run too; definitions by themselves run nothing.

    `descends` looks into them as well: the whole may have been put into a function, which then has to be called.
    """
    for position, statement in enumerate(block):
        if not isinstance(statement, _IDLE) and _header(statement) in run:
            return block, position
        if isinstance(statement, _DEFINITIONS) and not descends:
            continue
        for inner in _inner(statement):
            found = _entry(inner, run, descends=descends)
            if found is not None:
                return found
    return None


def _inner(statement: ast.stmt) -> Iterator[_Block]:
    """The blocks within a statement."""
    for node in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block


def _header(statement: ast.stmt) -> str:
    try:
        return ast.unparse(statement).partition("\n")[0].strip()
    except (RecursionError, ValueError):
        return ""


def _lines(block: _Block) -> set[str]:
    """The lines of the statements as one would write them, without comments and indentation."""
    try:
        text = "\n".join(ast.unparse(statement) for statement in block)
    except (RecursionError, ValueError):
        return set()
    return {line.strip() for line in text.split("\n") if line.strip()}


def _share(wanted: set[str], found: set[str]) -> float:
    return len(wanted & found) / len(wanted)
