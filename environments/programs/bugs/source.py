"""A program as text and tree at once, so that an edit leaves everything else as its author wrote it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from environments.programs.parsing import parsed

NodeT = TypeVar("NodeT", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a program replaced by another text."""

    start: int
    end: int
    text: str
    mutation: str
    """What was done, in a few words."""
    line: int
    """Where, in the edited program."""
    raises_here: bool = False
    """Whether the error has to show at that very line for the bug to be what it claims to be."""

    def applied(self, text: str) -> str:
        """The edited program."""
        return text[: self.start] + self.text + text[self.end :]


class Source:
    """A program that parses."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")
        tree = parsed(self.text)
        if tree is None:
            raise ValueError("the program does not parse")
        self.lines = self.text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._parents: dict[ast.AST, ast.AST] = {}
        self._nodes = list(self._walk(tree))

    def all(self, kind: type[NodeT]) -> Iterator[NodeT]:
        """All nodes of a kind, in the order of the program."""
        return (node for node in self._nodes if isinstance(node, kind))

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around a node."""
        return self._parents.get(node)

    def around(self, node: ast.AST, kind: type[NodeT]) -> NodeT | None:
        """The innermost node of a kind around a node."""
        outer = self.parent(node)
        while outer is not None and not isinstance(outer, kind):
            outer = self.parent(outer)
        return outer

    def code(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        return self.text[self.start(node) : self.end(node)]

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Where a node begins in the text."""
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Where a node ends in the text."""
        return self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def replaced(self, node: ast.expr | ast.stmt, text: str, mutation: str, *, raises_here: bool = False) -> Edit:
        """The edit that writes something else in place of a node."""
        return Edit(self.start(node), self.end(node), text, mutation, node.lineno, raises_here)

    def deleted(self, statement: ast.stmt, mutation: str) -> Iterator[Edit]:
        """The edit that takes a statement out; none for an `elif` and where nothing would change."""
        if isinstance(statement, ast.Pass) or self.text.startswith("elif", self.start(statement)):
            return
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        before = self.text[self._starts[first - 1] : self.start(statement)]
        after = self.text[self.end(statement) : self._starts[last] - 1].strip()
        if before.strip() or (after and not after.startswith("#")) or len(self.block(statement)) == 1:
            yield self.replaced(statement, "pass", mutation)
        else:
            yield Edit(self._starts[first - 1], min(self._starts[last], len(self.text)), "", mutation, first)

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements a statement stands among."""
        outer = self.parent(statement)
        for _, value in ast.iter_fields(outer) if outer is not None else ():
            if isinstance(value, list) and statement in value:
                return value
        return [statement]

    def _walk(self, tree: ast.AST) -> Iterator[ast.AST]:
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            if node is not tree:
                yield node
            children = list(self._children(node))
            self._parents.update((child, node) for child in children)
            waiting.extend(reversed(children))

    def _children(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes within, but for annotations, where errors mostly do nothing, and what stands in f-strings."""
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                continue
            for child in value if isinstance(value, list) else [value]:
                # Before Python 3.12 the places of what stands in an f-string are wrong.
                if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                    yield child

    def _offset(self, line: int, column: int) -> int:
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode())  # the tree counts bytes
        return self._starts[line - 1] + column


def calls_itself(function: ast.FunctionDef, node: ast.AST) -> bool:
    """Whether a node is a call of the function, as a name or as a method."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    return (isinstance(called, ast.Name) and called.id == function.name) or (
        isinstance(called, ast.Attribute) and called.attr == function.name
    )


def is_method(node: ast.AST, *names: str) -> bool:
    """Whether a node is a call of a method of one of these names."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names


def is_call(node: ast.AST, *names: str) -> bool:
    """Whether a node is a call of a plain name, such as `int(...)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def names_in(node: ast.AST) -> set[str]:
    """The names a node mentions."""
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def advances_a_loop(source: Source, node: ast.AST) -> bool:
    """Whether a node stands where a `while` brings its own end nearer: without that it would never end."""
    statement = node if isinstance(node, ast.stmt) else source.around(node, ast.stmt)
    loop = source.around(node, ast.While)
    if loop is None or not isinstance(statement, (ast.Assign, ast.AugAssign)):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(names_in(target) & names_in(loop.test) for target in targets)


def guards(source: Source) -> Iterator[ast.If]:
    """The statements `if ...:` that end in leaving: they keep odd cases away from what follows."""
    for node in source.all(ast.If):
        if not node.orelse and isinstance(node.body[-1], (ast.Return, ast.Continue, ast.Break, ast.Raise)):
            yield node
