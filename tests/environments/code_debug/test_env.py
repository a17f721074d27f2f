"""Whole episodes: what a run shows, what counts as an attempt, what ends the task and what it is worth."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentgym import IdlePolicy, OraclePolicy, RandomPolicy, ToolError, rollout
from agentgym.errors import UnknownNameError, UsageError
from agentgym.messages import ToolCall
from agentgym.sandbox import CaseResult
from agentgym.sandbox.local import LocalSandbox
from agentgym.testing import check_env
from agentgym.tools import Say
from environments.code_debug.env import CodeDebugEnv
from environments.code_debug.observations import Graded, RunReport
from environments.code_debug.task import CodeTask
from environments.programs.library import bundled_problem
from environments.programs.problem import Case

pytestmark = pytest.mark.anyio


async def begun(sandbox: Any, task: CodeTask, **settings: Any) -> CodeDebugEnv:
    env = CodeDebugEnv(sandbox, **settings)
    await env.reset(task, seed=1)
    return env


async def run(env: CodeDebugEnv, code: str, **arguments: Any) -> RunReport:
    observation = (await env.call("run_code", {"code": code, **arguments})).observation
    assert isinstance(observation, RunReport), observation
    return observation


async def test_all_visible_cases_are_run_and_each_is_told(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    seen = await run(env, "first 1")
    assert (seen.passed, seen.status, seen.test_case_index, seen.attempts_left) == (False, "wrong_answer", None, 4)
    assert (seen.actual, seen.expected, seen.stdout) == ("first 1", "2\n", "first 1")
    assert seen.suggestion.startswith("Line 1 differs: expected '2', got 'first 1'.")
    assert [(case.test_case_index, case.status, case.passed) for case in seen.cases] == [
        (0, "passed", True),
        (1, "wrong_answer", False),
    ]
    assert (await run(env, "right")).passed


async def test_one_case_is_run_by_its_index(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    seen = await run(env, "first 1", test_case_index=0)
    assert (seen.passed, seen.test_case_index, seen.expected, seen.cases) == (True, 0, "0\n", ())
    assert [case.input for case in words.asked[-1][1]] == ["0"]
    for index in (2, -1, 10**20):
        wrong = await run(env, "another", test_case_index=index)
        assert (wrong.status, wrong.passed, wrong.attempts_left) == ("bad_index", False, 4)
        assert "there are: 0 to 1" in wrong.suggestion
    assert len(words.asked) == 1


async def test_an_error_is_told_with_its_line_and_what_to_look_at(words: Any, task: CodeTask) -> None:
    env = await begun(words, task, debug_prints=True)
    seen = await run(env, "raises", test_case_index=1)
    assert (seen.status, seen.error_type, seen.line, seen.actual) == ("runtime_error", "NameError", 1, None)
    assert "The name 'x' is not defined at line 1" in seen.suggestion
    assert seen.variables == {"n": "<object at 0x...>"}, "an address differs between equal runs"
    assert words.asked[-1][0].show_locals
    plain = await begun(words, task)
    await run(plain, "raises")
    assert not words.asked[-1][0].show_locals


async def test_the_agent_reads_json_that_tells_nothing_twice(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    (message,) = env.show(await run(env, "wrong"), call=ToolCall("run_code", id="c"))
    told = json.loads(message.content)
    assert (message.role, message.tool_call_id) == ("tool", "c")
    assert told.keys() == {"passed", "status", "suggestion", "attempts_left", "cases"}
    assert told["cases"][0].keys() == {"passed", "test_case_index", "status", "stdout", "expected", "actual"}
    (message,) = env.show(await run(env, "right", test_case_index=0))
    assert "cases" not in json.loads(message.content)


async def test_no_observation_holds_a_duration_or_a_hidden_case(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    ran = await env.call("run_code", {"code": "right"})
    done = await env.call("submit", {"code": "first 50"})
    for step in (ran, done):
        assert "0.1" not in step.observation.model_dump_json()
        assert step.info["cpu_s"]
        assert '"198' not in step.observation.model_dump_json()
    assert done.observation == Graded(
        passed=False, passed_cases=50, total_cases=100, statuses=("passed",) * 50 + ("wrong_answer",) * 50
    )


async def test_long_outputs_are_cut_in_the_middle(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    seen = await run(env, "x" * 9000 + "end", test_case_index=0)
    assert "[... 5003 characters left out ...]" in seen.stdout
    assert seen.stdout.endswith("xend")


async def test_another_case_of_the_same_program_is_no_attempt(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    for arguments in ({}, {"test_case_index": 0}, {"test_case_index": 1}, {}):
        assert (await run(env, "wrong", **arguments)).attempts_left == 4
    assert (await run(env, "raises")).attempts_left == 3
    await env.call("submit", {"code": "right"})
    assert env.reward == pytest.approx(1.35 - 0.1)


async def test_after_the_last_attempt_only_submitting_is_left(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    for number in range(5):
        assert (await run(env, f"wrong {number}")).attempts_left == 4 - number
    refused = (await env.call("run_code", {"code": "right"})).observation
    assert isinstance(refused, ToolError)
    assert (refused.kind, "all 5 attempts are used up" in refused.text, "submit" in refused.text) == (
        "failed",
        True,
        True,
    )
    assert (await run(env, "wrong 2", test_case_index=1)).attempts_left == 0
    step = await env.call("submit", {"code": "right"})
    assert (step.terminated, env.solved, env.reward) == (True, True, pytest.approx(0.95))
    assert {name: term.value for name, term in env.reward_terms.items()} == pytest.approx(
        {"base": 1.0, "test_cases": 0.3, "tool": 0.05, "debug_penalty": -0.4}
    )


@pytest.mark.parametrize(
    ("runs", "submitted", "reward", "solved"),
    [
        (["right"], "right", 1.35, True),
        (["a", "b", "right"], "right", 1.15, True),
        (["a", "b", "c", "d", "e"], "right", 0.95, True),
        ([], "right", 1.30, True),
        (["a", "b", "c", "d", "e"], "first 50", -0.2, False),
        (["right"], "first 99", 0.347, False),
        (["first 99", "right"], None, 1.25, True),
        (["right", "first 99"], None, 0.247, False),
        ([], None, 0.0, False),
    ],
)
async def test_what_episodes_are_worth(
    words: Any, task: CodeTask, runs: list[str], submitted: str | None, reward: float, solved: bool
) -> None:
    env = await begun(words, task)
    for code in runs:
        await run(env, code)
    if submitted is None:
        await env.step(Say("That is all."))
    else:
        await env.call("submit", {"code": submitted})
    assert (env.terminated, env.solved) == (True, solved)
    assert env.reward == pytest.approx(reward, abs=1e-12)


async def test_running_on_and_on_ends_with_the_last_program_graded(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    steps = [await env.call("run_code", {"code": "first 99", "test_case_index": 0}) for _ in range(30)]
    assert [step.terminated for step in steps] == [False] * 29 + [True]
    assert isinstance(steps[-1].observation, Graded)
    assert (env.truncated_by, env.reward) == (None, pytest.approx(0.347))


async def test_a_language_that_is_not_there_is_an_answer_and_no_attempt(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    step = await env.call("run_code", {"code": "right", "language": "cobol"})
    assert isinstance(step.observation, ToolError)
    assert "no language 'cobol'" in step.observation.text
    assert env.attempts == 0


async def test_the_time_of_a_case_is_what_is_asked_for_and_never_more_than_the_task_allows(
    words: Any, task: CodeTask
) -> None:
    env = await begun(words, task)
    for asked, granted in ((2, 2.0), (30, 6.0), (0.25, 0.25)):
        await run(env, f"wrong {asked}", timeout=asked)
        assert words.asked[-1][2].cpu_s == granted
    refused = (await env.call("run_code", {"code": "right", "timeout": 0})).observation
    assert isinstance(refused, ToolError)
    assert refused.kind == "invalid_arguments"


async def test_a_program_in_a_fence_is_taken_out_of_it(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    await run(env, "```python\nwrong\n```")
    assert words.asked[-1][0].code == "wrong\n"
    await run(env, "wrong\n")
    assert env.attempts == 1


async def test_without_visible_cases_a_program_is_only_run(words: Any, task: CodeTask) -> None:
    env = await begun(words, task.model_copy(update={"visible": (), "fn_name": "twice"}))
    seen = await run(env, "right")
    assert (seen.status, seen.passed, seen.stdout, seen.suggestion, seen.cases) == ("ran", False, "ran\n", "", ())
    assert words.asked[-1][0].function is None
    await env.call("submit", {"code": "right"})
    assert (words.asked[-1][0].function, env.solved) == ("twice", True)


async def test_a_broken_sandbox_is_nobodys_failure(words: Any, task: CodeTask) -> None:
    env = CodeDebugEnv(words)
    broken = task.model_copy(update={"solution": "broken"})
    episode = await rollout(env, OraclePolicy(), broken, seed=1)
    assert (episode.outcome, episode.reward) == ("not_evaluable", 0.0)
    assert episode.cause is not None
    assert (episode.cause.boundary, "the zygote is gone" in episode.cause.message) == ("sandbox", True)


async def test_results_stream_to_whoever_wants_to_follow(words: Any, task: CodeTask) -> None:
    heard: list[tuple[int, str]] = []

    def hear(number: int, result: CaseResult) -> None:
        heard.append((number, result.status))

    env = await begun(words, task, on_result=hear)
    await run(env, "first 1")
    assert heard == [(0, "passed"), (1, "wrong_answer")]


async def test_forks_go_their_own_way(words: Any, task: CodeTask) -> None:
    env = await begun(words, task)
    await run(env, "wrong")
    twin = env.fork()
    await run(twin, "another")
    assert (env.attempts, twin.attempts) == (1, 2)
    await twin.call("submit", {"code": "wrong"})
    await env.call("submit", {"code": "right"})
    assert (env.reward, twin.reward) == (pytest.approx(1.35), pytest.approx(-0.05))
    assert twin.task is env.task
    await twin.aclose()
    await env.aclose()
    assert words.closed == 0, "it is the caller's"


async def test_doing_nothing_scores_nothing_and_the_oracle_everything(words: Any, task: CodeTask) -> None:
    idle = await rollout(CodeDebugEnv(words), IdlePolicy(), task, seed=1)
    assert (idle.outcome, idle.reward) == ("failed", 0.0)
    oracle = await rollout(CodeDebugEnv(words), OraclePolicy(), task, seed=1)
    assert (oracle.outcome, oracle.reward) == ("solved", pytest.approx(1.35))
    assert oracle.terms.keys() == {"base", "test_cases", "tool", "debug_penalty"}
    random = await rollout(CodeDebugEnv(words), RandomPolicy(), task, seed=1)
    assert random.outcome in ("failed", "truncated")
    with pytest.raises(UsageError, match="no solution that the oracle could play"):
        await rollout(CodeDebugEnv(words), OraclePolicy(), task.model_copy(update={"solution": None}), seed=1)


async def test_a_program_is_seen_and_its_bug_is_named_nowhere(words: Any, task: CodeTask) -> None:
    env = CodeDebugEnv(words)
    tasks = {one.id: one for one in env.tasks("debug")}
    chosen = next(one for one in tasks.values() if one.bug_class == "KeyError")
    observation, _ = await env.reset(chosen, seed=1)
    assert chosen.buggy.strip() in observation.text
    assert "KeyError" not in observation.text
    written, _ = await env.reset(env.tasks("write")[0], seed=1)
    assert "wrong" not in written.text
    function = next(one for one in env.tasks("write") if one.fn_name)
    shown, _ = await env.reset(function, seed=1)
    assert f"Start from:\n\n```python\n{function.starter.strip()}\n```" in shown.text


async def test_a_real_program_is_really_run() -> None:
    factorial = CodeTask.of(bundled_problem("factorial"))
    function = CodeTask(
        id="add",
        question="Add.",
        fn_name="add",
        visible=(Case.of_call([1, 2], 3),),
        hidden=(Case.of_call([1, 2], 3), Case.of_call([-1, 1], 0)),
    )
    async with CodeDebugEnv("local", debug_prints=True) as env:
        await env.reset(factorial, seed=1)
        seen = await run(env, "n = int(input())\nprint(total)\n", test_case_index=0)
        assert (seen.status, seen.error_type, seen.line, seen.variables) == (
            "runtime_error",
            "NameError",
            2,
            {"n": "5"},
        )
        seen = await run(env, "while True: pass", test_case_index=0, timeout=1)
        assert (seen.status, "line 1" in seen.suggestion) == ("timeout", True)
        await env.call("submit", {"code": factorial.solution or ""})
        assert (env.solved, env.reward) == (True, pytest.approx(1.25))
        await env.reset(function, seed=1)
        seen = await run(env, "def add(a, b):\n    print('hello')\n    return a - b\n")
        assert (seen.status, seen.stdout, seen.actual, seen.expected) == ("wrong_answer", "hello\n", "-1", "3")
        await env.call("submit", {"code": "class Solution:\n    def add(self, a, b): return a + b\n"})
        assert env.solved


async def test_wrong_settings_say_what_to_do(words: Any) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'retool'"):
        CodeDebugEnv(words, prompt="retol")
    with pytest.raises(UsageError, match="max_debug_attempts=0"):
        CodeDebugEnv(words, max_debug_attempts=0)
    with pytest.raises(UsageError, match="default_timeout=-1"):
        CodeDebugEnv(words, default_timeout=-1)
    with pytest.raises(UnknownNameError, match="no split 'wirte'; did you mean 'write'"):
        CodeDebugEnv(words).tasks("wirte")


async def test_tasks_come_from_a_file_of_problems_too(words: Any, tmp_path: Any) -> None:
    rows = tmp_path / "rows.jsonl"
    row = {"query_id": "q", "question": "Echo.", "input_output": {"inputs": ["1", "2"], "outputs": ["1", "2"]}}
    rows.write_text(json.dumps(row) + "\n")
    (task,) = CodeDebugEnv(words, problems=rows).tasks()
    assert (task.id, len(task.visible), len(task.hidden)) == ("q", 1, 1)
    rows.write_text(json.dumps({**row, "remote": True}) + "\n")
    with pytest.raises(UsageError, match="REMOTE_UNSUPPORTED"):
        CodeDebugEnv(words, problems=rows).tasks()
    assert len(CodeDebugEnv("fusion:http://localhost:1", problems=rows).tasks()) == 1


async def test_the_contract_is_kept() -> None:
    tasks = [one for one in CodeDebugEnv().tasks() if one.id in ("factorial", "array-sum--IndexError")]
    async with LocalSandbox(workers=2) as sandbox:
        report = await check_env(
            lambda: CodeDebugEnv(sandbox), tasks=tasks[:2], seeds=1, instances=4, max_block_ms=100, timeout_s=600
        )
    assert report.ok, report
