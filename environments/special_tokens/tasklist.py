"""The tasks there are: each bundled defect asked about in both ways, with the frames of its split."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from agentgym.errors import UnknownNameError, did_you_mean
from agentgym.seeds import derive_seed
from environments.programs.judge import graded_cases
from environments.special_tokens.defects import Defect, bundled_defects, problem_of
from environments.special_tokens.frames.frame import LANGUAGES, SPLITS, frames
from environments.special_tokens.modes import AGENT, EDIT
from environments.special_tokens.requests import input_of, instruction_of, quoted, request_of
from environments.special_tokens.task import TokenTask
from environments.special_tokens.templates import template_answer

_SHARES = ("train", "train", "train", "dev", "test")
"""The splits of a run of problems: no problem is in two."""


def list_tasks(split: str | None = None) -> tuple[TokenTask, ...]:
    """The tasks of a split, or of all."""
    if split is not None and split not in SPLITS:
        raise UnknownNameError(f"no split {split!r}; {did_you_mean(str(split), SPLITS)}")
    return tuple(task for name in SPLITS if split in (None, name) for task in _tasks(name))


@cache
def _tasks(split: str) -> tuple[TokenTask, ...]:
    """As many to explore as to mend."""
    mend = [defect for defect in _of_split(split)]
    explore = [defect for defect in mend if defect.explorable]
    pairs = list(zip(explore, _mixed(mend), strict=False))
    tasks: list[TokenTask] = []
    for number, (explored, mended) in enumerate(pairs):
        tasks.append(task_of(explored, AGENT.name, split, number))
        tasks.append(task_of(mended, EDIT.name, split, number))
    return tuple(tasks)


def task_of(defect: Defect, mode: str, split: str, number: int) -> TokenTask:
    """The task of a defect; the number says which language and frame it is put in."""
    problem = problem_of(defect.query_id)
    language = LANGUAGES[number % 2]
    listed = frames(split, mode, language)
    frame = listed[number // 2 % len(listed)]
    rng = Random(derive_seed(0, defect.id, mode))
    return TokenTask(
        id=f"{defect.id}--{mode}--{language}",
        request=request_of(instruction_of(frame, defect, problem), input_of(defect, problem)),
        mode=mode,
        program=defect.code,
        language=language,
        problem_id=problem.query_id,
        topic=problem.topic,
        bug_class=defect.bug_class,
        error=quoted(defect, problem, language),
        fn_name=problem.fn_name,
        checker=problem.checker,
        cases=graded_cases(problem),
        reference=template_answer(mode, defect, problem, language, rng).written(),
    )


def _of_split(split: str) -> Iterator[Defect]:
    """The defects of the split's problems, those of one problem far from each other."""
    of_problem: dict[str, list[Defect]] = {}
    for defect in bundled_defects():
        of_problem.setdefault(defect.query_id, []).append(defect)
    chosen = [listed for place, listed in enumerate(of_problem.values()) if _SHARES[place % len(_SHARES)] == split]
    for rank in range(max(map(len, chosen), default=0)):
        yield from (listed[rank] for listed in chosen if rank < len(listed))


def _mixed(defects: list[Defect]) -> list[Defect]:
    """Wrong answers and others in turn, so that exceptions do not give the mode away."""
    wrong = [defect for defect in defects if defect.kind == "wrong answer"]
    others = [defect for defect in defects if defect.kind != "wrong answer"]
    pairs = [defect for pair in zip(wrong, others, strict=False) for defect in pair]
    shorter = min(len(wrong), len(others))
    return pairs + wrong[shorter:] + others[shorter:]
