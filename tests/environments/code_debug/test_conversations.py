"""Conversations made of bugs: every tool answer is real, and only what is right is to be learned."""

from __future__ import annotations

import json
from functools import partial
from random import Random
from typing import Any

import pytest

from agentgym.sandbox import Sandbox, make_sandbox
from environments.code_debug.conversations import Prepared, prepare
from environments.code_debug.env import CodeDebugEnv
from environments.code_debug.scripts import PATTERNS, merged, scripts
from environments.code_debug.task import CodeTask
from environments.programs.bugs.inject import Bug
from environments.programs.library import bundled_problem, bundled_problems
from environments.programs.observing import observe_in

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]
SOLUTION = "a = 1\nb = 2\nc = 3\nprint(a, b, c)\n"


def bug(name: str, old: str, new: str) -> Bug:
    return Bug(
        query_id="q", bug_class="wrong_answer", mutation=f"changed {name}", line=1, fixed=SOLUTION, case=0,
        code=SOLUTION.replace(old, new), error_type="", message="", error_line=None,
    )  # fmt: skip


A, B, C = bug("a", "a = 1", "a = 7"), bug("b", "b = 2", "b = 8"), bug("c", "c = 3", "c = 9")


async def rows_of(sandbox: Sandbox, seed: int, **settings: Any) -> list[dict[str, Any]]:
    told: list[Prepared] = []
    make_env = partial(CodeDebugEnv, sandbox, prompt="retool", **settings)
    problems = bundled_problems()[3:120:20]
    await prepare(problems, make_env=make_env, observe=observe_in(sandbox, cpu_s=0.5), tell=told.append, seed=seed)
    assert [one.query_id for one in told] == [problem.query_id for problem in problems]
    return [row for one in told if (row := one.row) is not None]


async def test_conversations_are_real_and_the_same_every_time() -> None:
    async with make_sandbox("local") as sandbox:
        rows = await rows_of(sandbox, 0)
        assert rows == await rows_of(sandbox, 0)
        assert len({row["metadata"]["pattern"] for row in rows}) >= 3
        for row in rows:
            check(row)
            await replay(row, sandbox)


def check(row: dict[str, Any]) -> None:
    assert row.keys() == {"query_id", "messages", "tools", "metadata"}
    said = [message for message in row["messages"] if message["role"] == "assistant"]
    wrong = row["metadata"]["attempts"] - 1
    assert 0 <= wrong <= 3
    assert [message["loss"] for message in said] == [False] * wrong + [True, True]
    assert [message["role"] for message in row["messages"]] == [
        "system", "user", *["assistant", "tool"] * (wrong + 1), "assistant",
    ]  # fmt: skip
    answers = [json.loads(message["content"]) for message in row["messages"] if message["role"] == "tool"]
    assert [answer["passed"] for answer in answers] == [False] * wrong + [True]
    if wrong:
        assert row["metadata"]["bug_classes"]
    final = json.loads(said[-2]["tool_calls"][0]["function"]["arguments"])["code"]
    assert f"```python\n{final.rstrip()}\n```" in said[-1]["content"]
    assert row["messages"][1]["content"].startswith("*user question:*\n")


async def replay(row: dict[str, Any], sandbox: Sandbox) -> None:
    """Running the programs again gives the tools' answers, byte for byte."""
    async with CodeDebugEnv(sandbox) as env:
        await env.reset(CodeTask.of(bundled_problem(row["query_id"])).model_copy(update={"cpu_s": 1.0}), seed=5)
        for said, answer in zip(row["messages"], row["messages"][1:], strict=False):
            for call in said.get("tool_calls", ()):
                step = await env.call(call["function"]["name"], call["function"]["arguments"])
                (shown,) = env.show(step.observation)
                assert shown.content == answer["content"]


async def test_tools_go_by_the_names_of_the_config() -> None:
    async with make_sandbox("local") as sandbox:
        rows = await rows_of(
            sandbox, 1, tool_config={"tool_schema": {"name": "code_interpreter"}}, max_debug_attempts=2
        )
    for row in rows:
        assert row["metadata"]["attempts"] <= 2
        assert row["tools"][0]["function"]["name"] == "code_interpreter"
        calls = [call for message in row["messages"] for call in message.get("tool_calls", ())]
        assert {call["function"]["name"] for call in calls} == {"code_interpreter"}


async def test_a_problem_without_solution_is_left_out() -> None:
    told: list[Prepared] = []
    problem = bundled_problem("factorial").model_copy(update={"solution": None})
    async with make_sandbox("local") as sandbox:
        make_env = partial(CodeDebugEnv, sandbox)
        await prepare([problem], make_env=make_env, observe=observe_in(sandbox), tell=told.append)
    assert told == [Prepared("factorial", problem="has no solution to put bugs into")]


async def test_every_pattern_can_be_had() -> None:
    for wrong, patterns in PATTERNS.items():
        for pattern in patterns:
            script = next(s for s in scripts(SOLUTION, [A, B, C], wrong, Random(1)) if s.pattern == pattern)
            assert len(script.versions) == wrong + 1
            codes = [version.code for version in script.versions]
            assert codes[-1] == SOLUTION
            assert SOLUTION not in codes[:-1]
            assert len(set(codes)) == len(codes)


async def test_bugs_that_touch_the_same_line_are_not_put_together() -> None:
    assert merged(SOLUTION, A, B) == "a = 7\nb = 8\nc = 3\nprint(a, b, c)\n"
    assert merged(SOLUTION, A, bug("a", "a = 1", "a = 5")) is None
    assert merged(SOLUTION, A, bug("b", "b = 2\n", "")) is None
    assert merged(SOLUTION, bug("b", "b = 2\n", "")) == "a = 1\nc = 3\nprint(a, b, c)\n"
    (only,) = [script.pattern for script in scripts(SOLUTION, [], 3, Random(1))]
    assert only == "straight"
