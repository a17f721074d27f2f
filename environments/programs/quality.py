"""Figures about how a program is written; shown beside a score, never part of it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from environments.programs.parsing import parsed

LONG_FUNCTION_LINES = 60
MANY_PARAMETERS = 7
DEEP_NESTING = 5
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert, ast.comprehension)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a linter would say."""

    rule: str
    line: int


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of one program."""

    parses: bool
    lines: int
    """Lines that hold more than blanks and comments."""
    characters: int
    complexity: int
    """McCabe's number of the most branched function, the module's own code counting as one; 0 if it does not parse."""
    findings: tuple[Finding, ...]


def quality_of(code: str) -> Quality:
    """The figures of a program; none is drawn from running it."""
    lines = sum(1 for line in code.split("\n") if line.strip() and not line.strip().startswith("#"))
    tree = parsed(code)
    if tree is None:
        return Quality(False, lines, len(code), 0, ())
    found = {Finding(name, line) for name, rule in RULES.items() for line in rule(tree)}
    findings = tuple(sorted(found, key=lambda finding: (finding.line, finding.rule)))
    return Quality(True, lines, len(code), max(map(_complexity, _scopes(tree))), findings)


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    yield tree
    yield from (node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS))


def _complexity(scope: ast.AST) -> int:
    branches = 1
    for node in _inside(scope):
        if isinstance(node, _BRANCHES):
            branches += 1 + (len(node.ifs) if isinstance(node, ast.comprehension) else 0)
        elif isinstance(node, ast.BoolOp):
            branches += len(node.values) - 1
        elif isinstance(node, ast.Match):
            branches += len(node.cases)
    return branches


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of functions within it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _FUNCTIONS):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def _bare_except(tree: ast.Module) -> Iterator[int]:
    return (node.lineno for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type is None)


def _mutable_default(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                if isinstance(default, (ast.List, ast.Dict, ast.Set)):
                    yield default.lineno


def _compared_with_none(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for operator, right in zip(node.ops, node.comparators, strict=True):
                is_none = isinstance(right, ast.Constant) and right.value is None
                if isinstance(operator, (ast.Eq, ast.NotEq)) and is_none:
                    yield node.lineno


def _star_import(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield node.lineno


def _unused_import(tree: ast.Module) -> Iterator[int]:
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name != "*" and (alias.asname or alias.name).partition(".")[0] not in used:
                    yield node.lineno


def _shadowed_builtin(tree: ast.Module) -> Iterator[int]:
    names = {name for name in dir(builtins) if name.islower() and not name.startswith("_")}
    for node in ast.walk(tree):
        if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in names) or (
            isinstance(node, ast.arg) and node.arg in names
        ):
            yield node.lineno


def _unreachable(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            for first, after in pairwise(block) if isinstance(block, list) else ():
                if isinstance(first, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
                    yield after.lineno


def _unused_variable(tree: ast.Module) -> Iterator[int]:
    for function in (node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)):
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        read = {name.id for name in names if not isinstance(name.ctx, ast.Store)}
        shared = {
            name for node in ast.walk(function) if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names
        }
        for name in names:
            if isinstance(name.ctx, ast.Store) and name.id not in read | shared and not name.id.startswith("_"):
                yield name.lineno


def _too_large(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS):
            parameters = len(node.args.args) + len(node.args.kwonlyargs) + len(node.args.posonlyargs)
            if (node.end_lineno or node.lineno) - node.lineno >= LONG_FUNCTION_LINES or parameters > MANY_PARAMETERS:
                yield node.lineno


def _too_deep(tree: ast.Module) -> Iterator[int]:
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, _BLOCKS):
            depth += 1
            if depth == DEEP_NESTING + 1:
                yield node.lineno
        waiting.extend((child, depth) for child in ast.iter_child_nodes(node))


RULES: dict[str, Callable[[ast.Module], Iterator[int]]] = {
    "bare-except": _bare_except,
    "mutable-default": _mutable_default,
    "compared-with-none": _compared_with_none,
    "star-import": _star_import,
    "unused-import": _unused_import,
    "shadowed-builtin": _shadowed_builtin,
    "unreachable": _unreachable,
    "unused-variable": _unused_variable,
    "too-large": _too_large,
    "too-deep": _too_deep,
}
"""By name: the lines a rule finds fault with."""
