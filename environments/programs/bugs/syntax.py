"""SyntaxError and IndentationError: edits on the program's tokens and lines."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from random import Random

from environments.programs.bugs.source import Edit, Source

_BLOCKS = (ast.If, ast.For, ast.While, ast.FunctionDef, ast.ClassDef, ast.With, ast.Try)


def syntax_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A colon, a bracket or a quote dropped, `=` for `==`, a missing comma."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        start = sum(len(line) + 1 for line in source.lines[: token.start[0] - 1]) + token.start[1]
        end = start + len(token.string)
        line = token.start[0]
        if token.type == tokenize.STRING and token.start[0] == token.end[0]:
            yield Edit(end - 1, end, "", "dropped a quote", line)
        elif token.type != tokenize.OP:
            continue
        elif token.string in ")]}":
            yield Edit(start, end, "", "dropped a closing bracket", line)
        elif token.string in "([{":
            yield Edit(start, end, "", "dropped an opening bracket", line)
        elif token.string == "==":
            yield Edit(start, end, "=", "wrote = for ==", line)
        elif token.string == ",":
            yield Edit(start, end, "", "dropped a comma", line)
        elif token.string == ":" and not source.text[end : end + 1].strip(" \n#"):
            yield Edit(start, end, "", "dropped a colon", line)


def indentation_errors(source: Source, rng: Random) -> Iterator[Edit]:
    """A block that is not indented, a line too deep or too shallow by a space."""
    for node in source.all(ast.stmt):
        start = source.start(node)
        begin = source.text.rfind("\n", 0, start) + 1
        if source.text[begin:start].strip() or source.text.startswith("elif", start):
            continue
        depth = start - begin
        if isinstance(source.parent(node), _BLOCKS) and source.block(node)[0] is node:
            outer = source.parent(node)
            depth_outside = getattr(outer, "col_offset", 0)
            yield Edit(begin, start, " " * depth_outside, "left a block unindented", node.lineno)
        elif depth > 0:
            yield Edit(begin, start, " " * (depth - 1), "indented one space too little", node.lineno)
        yield Edit(begin, start, " " * (depth + 1), "indented one space too much", node.lineno)
