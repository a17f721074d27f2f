"""The problems that come with agentgym."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from agentgym.errors import UnknownNameError, did_you_mean
from environments.programs.bugs.inject import Bug
from environments.programs.problem import Problem

TOPICS = ("algorithms", "data structures", "mathematics", "strings", "edge cases")
BUNDLED = Path(__file__).parent / "bundled" / "problems.jsonl"
"""Made by `python -m environments.programs.bundled.build`."""
BUNDLED_BUGS = BUNDLED.with_name("bugs.jsonl")
"""Made by `python -m environments.programs.bundled.build_bugs`."""


def bundled_problems(topic: str | None = None) -> tuple[Problem, ...]:
    """All bundled problems, or those of a topic, in a fixed order."""
    if topic is None:
        return _bundled()
    if topic not in TOPICS:
        raise UnknownNameError(f"no topic {topic!r}; {did_you_mean(topic, TOPICS)}")
    return tuple(problem for problem in _bundled() if problem.topic == topic)


def bundled_problem(query_id: str) -> Problem:
    """The bundled problem of that id."""
    for problem in _bundled():
        if problem.query_id == query_id:
            return problem
    raise UnknownNameError(
        f"no bundled problem {query_id!r}; {did_you_mean(query_id, [p.query_id for p in _bundled()])}"
    )


@cache
def bundled_bugs() -> tuple[Bug, ...]:
    """A bug in the solution of each bundled problem that holds one, over all classes."""
    return tuple(Bug.model_validate_json(line) for line in BUNDLED_BUGS.read_text(encoding="utf-8").splitlines())


@cache
def _bundled() -> tuple[Problem, ...]:
    lines = BUNDLED.read_text(encoding="utf-8").splitlines()
    return tuple(Problem.model_validate_json(line) for line in lines)
