"""The requests: put in many ways, none of which gives the mode away."""

from __future__ import annotations

import pytest

from environments.programs.library import bundled_problem
from environments.special_tokens.defects import bundled_defects
from environments.special_tokens.frames.frame import LANGUAGES, SPLITS, frames
from environments.special_tokens.keywords import keyword_mode
from environments.special_tokens.requests import quoted
from environments.special_tokens.symptoms import leaks_error, quotes_failure
from environments.special_tokens.tasklist import list_tasks

MODES = ("AGENT", "EDIT")


def test_frames_are_many_and_disjoint() -> None:
    for mode in MODES:
        for language in LANGUAGES:
            texts = [frame.text for split in SPLITS for frame in frames(split, mode, language)]
            assert len(texts) == len(set(texts)) == 40
            assert [len(frames(split, mode, language)) for split in ("train", "dev", "test")] == [24, 8, 8]


@pytest.mark.parametrize("split", SPLITS)
def test_only_requests_to_mend_tell_of_a_failure(split: str) -> None:
    tasks = list_tasks(split)
    for task in tasks:
        instruction = task.request.partition(bundled_problem(task.problem_id).question.strip())[0]
        if task.mode == "AGENT":
            assert not leaks_error(instruction), instruction
            assert task.error not in task.request
        else:
            assert task.error in instruction
            assert quotes_failure(task.error)


@pytest.mark.parametrize("split", SPLITS)
def test_words_do_not_tell_the_mode(split: str) -> None:
    tasks = list_tasks(split)
    mend = [task for task in tasks if task.mode == "EDIT"]
    explore = [task for task in tasks if task.mode == "AGENT"]
    assert len(mend) == len(explore)
    assert len(mend) >= 100
    assert sum(task.bug_class == "wrong_answer" for task in mend) >= 0.3 * len(mend)
    assert sum(keyword_mode(task.request) == task.mode for task in tasks) <= 0.75 * len(tasks)
    words = ("error", "Error", "expected", "fails", "exception", "input", "wrong", "错误", "期望", "got", "行")
    for word in (*words, ":\n", "\uff1a\n"):
        right = sum((word in task.request) == (task.mode == "EDIT") for task in tasks)
        assert max(right, len(tasks) - right) <= 0.8 * len(tasks), word


def test_splits_share_no_problem_and_tasks_no_id() -> None:
    problems = [{task.problem_id for task in list_tasks(split)} for split in SPLITS]
    assert sum(map(len, problems)) == len(set[str]().union(*problems))
    ids = [task.id for task in list_tasks()]
    assert len(ids) == len(set(ids))
    assert {task.language for task in list_tasks("test")} == set(LANGUAGES)


def test_each_defect_says_what_was_seen() -> None:
    defects = bundled_defects()
    assert len(defects) >= 500
    for defect in defects:
        problem = bundled_problem(defect.query_id)
        assert defect.code != defect.fixed == problem.solution
        for language in LANGUAGES:
            assert quotes_failure(quoted(defect, problem, language)), defect.id
        if defect.kind == "wrong answer":
            assert defect.got.split() != problem.visible[defect.case].output.split()
