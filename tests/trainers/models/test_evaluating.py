"""Figures of recorded episodes, and what is to be played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError, UsageError
from agentgym.messages import ToolCall, Turn
from tests.trainers.recorded import episode, spoken
from trainers.models.evaluating import figures_of, suite_of

GUESS = "environments/guess.py:Guess"


def played(name: str, *calls: ToolCall, gold: list[Any] | None = None, **more: Any) -> Any:
    fields = {} if gold is None else {"actions": gold}
    return episode(spoken(Turn(tool_calls=calls)), task=name, fields=fields, **more)


def test_figures_are_means_over_what_says_something_of_the_agent() -> None:
    look = [{"name": "look", "kwargs": {"n": 1}}]
    figures = figures_of(
        [
            played("right", ToolCall("look", {"n": 1}), gold=look),
            played("wrong", ToolCall("fly"), gold=look, outcome="failed", reward=0.0),
            played("unreadable", ToolCall.from_text("look", "{n}"), outcome="failed", reward=0.5),
            played("lost", ToolCall("look", {"n": 1}), gold=look, outcome="not_evaluable", reward=0.0),
        ]
    )
    assert (figures.episodes, figures.not_evaluable, figures.with_reference) == (3, 1, 2)
    assert figures.success == pytest.approx(1 / 3)
    assert figures.reward == pytest.approx(0.5)
    assert figures.json_valid == pytest.approx(2 / 3)
    assert (figures.action_accuracy, figures.exact_match, figures.f1, figures.f1_strict) == (0.5, 0.5, 0.5, 0.5)


def test_without_anything_to_take_a_mean_of_there_is_none() -> None:
    figures = figures_of([])
    assert (figures.episodes, figures.success, figures.exact_match) == (0, None, None)
    said = figures_of([episode(spoken(Turn("hello")))])
    assert (said.success, said.json_valid, said.f1) == (1.0, None, None)


def test_an_environment_is_a_suite_of_its_own() -> None:
    suite = suite_of(GUESS, split=None, tasks=None, settings={})
    assert [task.id for task in suite.tasks()] == [f"digit-{digit}" for digit in range(10)]  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="nowhere"):
        suite_of("nowhere", split=None, tasks=None, settings={}).tasks()


def test_tasks_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps({"id": "seven", "digit": 7}) + "\n")
    suite = suite_of(GUESS, split=None, tasks=file, settings={})
    assert [task.id for task in suite.tasks()] == ["seven"]  # type: ignore[attr-defined]
    file.write_text('{"id": "ten", "digit": 10}')
    with pytest.raises(DataFileError, match="digit"):
        suite.tasks()
