"""NameError: names that are nowhere defined."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from random import Random

from environments.programs.bugs.source import Edit, Source


def name_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A misspelt use, a dropped assignment, a missing import, a use before the definition."""
    yield from _misspelt(source, rng)
    for node in source.all(ast.stmt):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from source.deleted(node, "dropped an import")
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            yield from source.deleted(node, "dropped an assignment")
            yield from _too_late(source, node)


def misspelt(name: str, known: set[str], rng: Random) -> str | None:
    """A likely misspelling that is not itself a known name."""
    at = rng.randrange(len(name))
    tries = [name[:at] + name[at + 1 :], name[: at + 1] + name[at:], name + "s", name + "_", "_" + name]
    if at + 1 < len(name):
        tries.insert(0, name[:at] + name[at + 1] + name[at] + name[at + 2 :])
    return next((text for text in tries if text != name and text.isidentifier() and text not in known), None)


def _misspelt(source: Source, rng: Random) -> Iterator[Edit]:
    known = {node.id for node in source.all(ast.Name)} | {node.arg for node in source.all(ast.arg)} | set(dir(builtins))
    known |= {"False", "None", "True", "if", "in", "is", "as", "or", "do", "not", "for"}
    for node in source.all(ast.Name):
        if isinstance(node.ctx, ast.Load) and (wrong := misspelt(node.id, known, rng)):
            yield source.replaced(node, wrong, "misspelt a name", raises_here=True)


def _too_late(source: Source, assignment: ast.stmt) -> Iterator[Edit]:
    """The assignment and the statement after it change places."""
    block = source.block(assignment)
    at = block.index(assignment)
    if at + 1 >= len(block):
        return
    after = block[at + 1]
    between = source.text[source.end(assignment) : source.start(after)]
    if between.strip() or isinstance(after, (ast.FunctionDef, ast.ClassDef)):
        return
    swapped = source.code(after) + between + source.code(assignment)
    yield Edit(source.start(assignment), source.end(after), swapped, "used before the definition", assignment.lineno)
