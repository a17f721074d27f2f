"""The suite: which tasks it has, and the figures that only it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentgym import OraclePolicy, ScriptedPolicy, ToolCall, Turn
from agentgym.jobs import Job
from agentgym.runner import run
from agentgym.runs import read_episodes
from benchmarks.suites.code_debug import SUITE
from environments.code_debug.env import CodeDebugEnv
from environments.code_debug.figures import code_debug
from environments.code_debug.task import CodeTask
from environments.programs.bugs.classes import BUG_CLASSES
from environments.programs.library import bundled_bugs, bundled_problems

pytestmark = pytest.mark.anyio


def test_every_problem_is_there_to_write_and_to_debug() -> None:
    env = CodeDebugEnv()
    assert len(env.tasks("write")) == len(env.tasks("debug")) == len(bundled_problems())
    tasks = env.tasks(SUITE.split)
    assert len({task.id for task in tasks}) == len(tasks) == 2 * len(bundled_problems())
    classes = Counter(task.bug_class for task in env.tasks("debug"))
    assert set(classes) == set(BUG_CLASSES)
    assert max(classes.values()) - min(classes.values()) <= 3


async def test_bundled_bugs_are_what_they_say() -> None:
    problems = {problem.query_id: problem for problem in bundled_problems()}
    async with CodeDebugEnv("local") as env:
        for bug in bundled_bugs()[::20]:
            await env.reset(CodeTask.of(problems[bug.query_id]), seed=1)
            for code, wanted in ((bug.code, bug.bug_class), (bug.fixed, "passed")):
                step = await env.call("run_code", {"code": code, "test_case_index": bug.case, "timeout": 1})
                seen: Any = step.observation
                assert (seen.error_type if seen.status == "runtime_error" else seen.status) == wanted, bug


def turns(*codes: str, submit: str | None = None) -> list[Turn]:
    calls = [Turn(tool_calls=(ToolCall("run_code", {"code": code}),)) for code in codes]
    return calls if submit is None else [*calls, Turn(tool_calls=(ToolCall("submit", {"code": submit}),))]


async def test_the_figures(words: Any, task: CodeTask, tmp_path: Path) -> None:
    scripts: list[list[Turn]] = [
        turns("wrong", "right", submit="right"),  # fixed
        turns("wrong", "raises", "wrong", submit="first 50"),  # not fixed
        turns(submit="right"),  # without the tool
        [Turn("I give up.")],
        turns("broken"),  # not evaluable
    ]
    for number, script in enumerate(scripts):
        played = Job(make=lambda: CodeDebugEnv(words), task=task.model_copy(update={"id": f"t{number // 2}"}), seed=1)
        await run([played], ScriptedPolicy(script), tmp_path / str(number))

    def episodes() -> Iterator[Any]:
        for number in range(len(scripts)):
            yield from read_episodes(tmp_path / str(number))

    assert code_debug(episodes()) == {
        "pass@1": 0.5,
        "solved_rate": 0.5,
        "mean_attempts": 1.0,
        "tool_use_rate": 0.5,
        "fix_after_error_rate": 0.5,
        "share_of_cases_passed": 0.625,
        "quality": {
            "characters": pytest.approx(6.0),
            "complexity": pytest.approx(2 / 3),
            "findings": 0.0,
            "lines": 1.0,
        },
    }
    assert code_debug(iter(())) == {
        **dict.fromkeys(
            ("pass@1", "solved_rate", "mean_attempts", "tool_use_rate", "fix_after_error_rate", "share_of_cases_passed")
        ),
        "quality": {},
    }


async def test_the_oracle_solves_them_all_and_the_run_shares_one_sandbox(tmp_path: Path) -> None:
    tasks = CodeDebugEnv().tasks()[::40]
    jobs = [Job(make=lambda: CodeDebugEnv("local"), task=task, seed=1) for task in tasks]
    summary: Any = (await run(jobs, OraclePolicy(), tmp_path / "run")).summary
    assert (summary["solved_rate"], summary["mean_reward"]) == (1.0, pytest.approx(1.35))
    assert code_debug(read_episodes(tmp_path / "run"))["share_of_cases_passed"] == 1.0
