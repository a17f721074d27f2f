"""The classes of bugs there are, and what may cause each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from environments.programs.bugs.division import zero_divisions
from environments.programs.bugs.endless import recursion_errors, timeouts
from environments.programs.bugs.logic import wrong_answers
from environments.programs.bugs.lookups import index_errors, key_errors
from environments.programs.bugs.mistyped import attribute_errors, type_errors, value_errors
from environments.programs.bugs.source import Edit, Source
from environments.programs.bugs.syntax import indentation_errors, syntax_errors
from environments.programs.bugs.undefined import name_errors

EDITS: dict[str, Callable[[Source, Random], Iterator[Edit]]] = {
    "NameError": name_errors,
    "SyntaxError": syntax_errors,
    "IndentationError": indentation_errors,
    "TypeError": type_errors,
    "IndexError": index_errors,
    "ZeroDivisionError": zero_divisions,
    "AttributeError": attribute_errors,
    "KeyError": key_errors,
    "ValueError": value_errors,
    "RecursionError": recursion_errors,
    "timeout": timeouts,
    "wrong_answer": wrong_answers,
}
"""By class: the name of an exception, or how a case ends without one."""
BUG_CLASSES = tuple(EDITS)
UNPARSABLE = ("SyntaxError", "IndentationError")


def candidates(source: Source, bug_class: str, rng: Random) -> Iterator[Edit]:
    """Edits that may give a bug of the class, kind by kind in turn, so that no kind crowds out the others."""
    kinds: dict[str, list[Edit]] = {}
    for edit in EDITS[bug_class](source, rng):
        kinds.setdefault(edit.mutation, []).append(edit)
    waiting = list(kinds.values())
    rng.shuffle(waiting)
    for edits in waiting:
        rng.shuffle(edits)
    while waiting:
        for edits in waiting:
            yield edits.pop()
        waiting = [edits for edits in waiting if edits]
