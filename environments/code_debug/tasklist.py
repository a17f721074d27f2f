"""The tasks there are without asking for others: the bundled problems, to write and to debug, or those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from agentgym.errors import UnknownNameError, did_you_mean
from environments.code_debug.task import CodeTask
from environments.programs.library import bundled_bugs, bundled_problems
from environments.programs.readers import read_problems

SPLITS = ("write", "debug")


def list_tasks(
    split: str | None = None, problems: str | Path | None = None, *, remote: bool = True
) -> Sequence[CodeTask]:
    """The tasks of a split, or of a file of problems in any readable form, which has no splits.

    `remote=False` refuses a file whose rows ask for a remote sandbox.
    """
    if split is not None and (split not in SPLITS or problems is not None):
        there = did_you_mean(str(split), SPLITS) if problems is None else "a file of problems has none"
        raise UnknownNameError(f"no split {split!r}; {there}")
    if problems is not None:
        return [CodeTask.of(problem) for problem in read_problems(problems, remote=remote)]
    return [*(_to_write() if split != "debug" else ()), *(_to_debug() if split != "write" else ())]


@cache
def _to_write() -> tuple[CodeTask, ...]:
    return tuple(map(CodeTask.of, bundled_problems()))


@cache
def _to_debug() -> tuple[CodeTask, ...]:
    problems = {problem.query_id: problem for problem in bundled_problems()}
    return tuple(
        CodeTask.of(
            problems[bug.query_id],
            id=f"{bug.query_id}--{bug.bug_class}",
            buggy=bug.code,
            bug_class=bug.bug_class,
        )
        for bug in bundled_bugs()
    )
