"""Whole episodes: what an answer is worth, and that nothing but a right one is worth all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from agentgym import OraclePolicy, RandomPolicy, ScriptedPolicy, ToolCall, Turn, rollout
from agentgym.errors import InvalidActionError, UnknownNameError, UsageError
from agentgym.policies.idle import IdlePolicy
from agentgym.sandbox.contract import CaseResult
from agentgym.sandbox.local import LocalSandbox
from agentgym.sandbox.plain import PlainSandbox
from agentgym.testing import check_env
from environments.programs.library import bundled_problem
from environments.programs.observing import observe_in
from environments.programs.problem import Case
from environments.special_tokens.answer import Answer, Call
from environments.special_tokens.defects import bundled_defects
from environments.special_tokens.env import Judged, SpecialTokenEnv
from environments.special_tokens.keywords import KeywordsPolicy, keyword_mode
from environments.special_tokens.rewards import special_token_reward
from environments.special_tokens.task import TokenTask
from environments.special_tokens.tasklist import list_tasks

pytestmark = pytest.mark.anyio
PROGRAM = "def double(n):\n    result = n + n\n    result += 1\n    return result\n"
FIXED = "def double(n):\n    return n + n\n"
SCRIPT = "n = int(input())\nfor number in range(n):\n    print(number)\nprint(total)\n"
INDENTED = "".join(f"    {line}\n" for line in SCRIPT.splitlines())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    """Used from one event loop after the other."""
    sandbox = LocalSandbox(workers=2)
    yield sandbox
    anyio.run(sandbox.aclose)


def task(mode: str, **changes: Any) -> TokenTask:
    cases = (Case.of_call([2], 4), Case.of_call([5], 10))
    known: dict[str, Any] = {"program": PROGRAM, "fn_name": "double", "cases": cases, "cpu_s": 1.0}
    return TokenTask(id=f"double-{mode}", request="Please help.", mode=mode, **known | changes)


def said(mode: str, call: dict[str, Any] | None, *, thought: str = "I have thought about it.") -> str:
    return f"<think>{thought}</think>\n<|{mode}|>\nHere.\n{json.dumps(call) if call else ''}"


def edit(original: str, modified: str) -> dict[str, Any]:
    return {"name": "editor", "arguments": {"original_code": original, "modified_code": modified}}


def python(code: str) -> dict[str, Any]:
    return {"name": "python", "arguments": {"code": code}}


async def judged(sandbox: LocalSandbox, the_task: TokenTask, text: str, **settings: Any) -> dict[str, float]:
    env = SpecialTokenEnv(sandbox, **settings)
    episode = await rollout(env, ScriptedPolicy([Turn(text)]), the_task)
    assert episode.cause is None
    return {name: term.value for name, term in episode.terms.items()}


@pytest.mark.parametrize(
    ("original", "modified", "passes"),
    [
        (PROGRAM, FIXED, 1),
        ("    result += 1\n", "    result += 0\n", 1),
        ("not in the program", FIXED, 1),
        (PROGRAM.replace("\n", "\r\n"), FIXED.replace("\n", "\r\n"), 1),
        (PROGRAM, PROGRAM.replace("+= 1", "+= 2"), 0),
        (PROGRAM, "def double(n):\n    return {2: 4}[n]\n", 0),
        ("    result += 1\n", "    result +=\n", 0),
        (PROGRAM, "raise SystemExit(0)\n", 0),
    ],
)
async def test_a_fix_has_to_pass_the_tests(sandbox: LocalSandbox, original: str, modified: str, passes: int) -> None:
    terms = await judged(sandbox, task("EDIT"), said("EDIT", edit(original, modified)))
    assert terms == {"format": 0.2, "mode": 0.5, "outcome": 0.3 * passes}


@pytest.mark.parametrize(
    ("code", "runs"),
    [
        (f"{PROGRAM}\nprint(double(3))", 1),
        (f"{PROGRAM}\ndouble('x', 'y', 'z')", 0),
        (f"{PROGRAM}\ndouble(None)", 1),
        (PROGRAM, 0),
        (f"{PROGRAM}\nif False:\n    double(3)", 0),
        ("def double(n):\n    return 6\nprint(double(3))", 0),
        ("print('double(3)')", 0),
        (PROGRAM.replace("    result += 1", "    print(result)\n    result += 1") + "print(double(3))", 1),
        (f"import io, contextlib\n{PROGRAM}\nwith contextlib.redirect_stdout(io.StringIO()):\n    double(1)", 1),
        ("this is no Python", 0),
        (f"import inspect, sys\n{PROGRAM}\nsys.stderr.write(inspect.getsource(double))", 0),
        (f"import sys\n{PROGRAM}\nsys.stderr.write(open(__file__).read())", 0),
        (f"import sys\n{PROGRAM}\nsys.stderr.write(repr(double.__code__.co_consts))", 0),
    ],
)
async def test_an_exploration_has_to_run_the_function(sandbox: LocalSandbox, code: str, runs: int) -> None:
    terms = await judged(sandbox, task("AGENT"), said("AGENT", python(code)))
    assert terms == {"format": 0.2, "mode": 0.5, "outcome": 0.3 * runs}


@pytest.mark.parametrize(
    ("code", "runs"),
    [
        (SCRIPT, 1),
        (f"import io, sys\nsys.stdin = io.StringIO('3')\n{SCRIPT}", 1),
        ("print(1)", 0),
        (f"def main():\n{INDENTED}\nmain()", 1),
        (f"if False:\n{INDENTED}", 0),
        (f"def main():\n{INDENTED}", 0),
    ],
)
async def test_a_program_without_a_function_is_run_as_a_whole(sandbox: LocalSandbox, code: str, runs: int) -> None:
    script = task("AGENT", program=SCRIPT, fn_name=None, cases=(Case(input="3\n", output="0\n1\n2\n3\n"),))
    assert (await judged(sandbox, script, said("AGENT", python(code))))["outcome"] == 0.3 * runs


async def test_the_terms_add_up_one_by_one(sandbox: LocalSandbox) -> None:
    right = edit(PROGRAM, FIXED)
    for text, expected in (
        (said("EDIT", right), (0.2, 0.5, 0.3)),
        (said("EDIT", right, thought=""), (0.0, 0.5, 0.3)),
        (said("EDIT", None), (0.0, 0.5, 0.0)),
        (said("AGENT", python(f"{PROGRAM}double(1)")), (0.2, 0.0, 0.0)),
        (said("AGENT", right), (0.0, 0.0, 0.0)),
        (said("EDIT", right) + "<|AGENT|>", (0.0, 0.0, 0.0)),
        ("Goodbye.", (0.0, 0.0, 0.0)),
    ):
        terms = await judged(sandbox, task("EDIT"), text)
        assert (terms["format"], terms["mode"], terms["outcome"]) == expected, text
        strict = await judged(sandbox, task("EDIT"), text, strict=True)
        assert sum(strict.values()) == float(sum(expected) == 1)


async def test_only_full_terms_solve(sandbox: LocalSandbox) -> None:
    for text, solved in ((said("EDIT", edit(PROGRAM, FIXED)), True), (said("EDIT", edit(PROGRAM, "pass")), False)):
        episode = await rollout(SpecialTokenEnv(sandbox), ScriptedPolicy([Turn(text)]), task("EDIT"))
        assert episode.outcome == ("solved" if solved else "failed")


async def test_costs_say_what_a_wrong_mode_is_worth(sandbox: LocalSandbox) -> None:
    costs = {"EDIT": {"AGENT": 0.4}}
    terms = await judged(sandbox, task("EDIT"), said("AGENT", python("1")), costs=costs)
    assert terms["mode"] == pytest.approx(0.3)
    episode = await rollout(
        SpecialTokenEnv(sandbox, costs={"EDIT": {"AGENT": 0}}),
        ScriptedPolicy([Turn(said("AGENT", python("1")))]),
        task("EDIT"),
    )
    assert not episode.solved


async def test_modes_of_ones_own_are_played(sandbox: LocalSandbox) -> None:
    modes = [
        {"name": "ASK", "token": "[[ask]]", "tool": "question", "arguments": ["text"]},
        {"name": "RUN", "token": "[[run]]", "tool": "shell", "arguments": ["command"]},
    ]
    env = SpecialTokenEnv(sandbox, modes=modes)
    text = '<think>I do not know enough.</think>[[ask]]{"name":"question","arguments":{"text":"Which file?"}}'
    assert "[[ask]]" in env.instructions
    episode = await rollout(env, ScriptedPolicy([Turn(text)]), task("ASK"))
    assert episode.solved
    with pytest.raises(UnknownNameError, match="EDIT"):
        await env.reset(task("EDIT"))


async def test_other_tokens_and_tools_for_the_same_modes(sandbox: LocalSandbox) -> None:
    modes = [
        {"name": "AGENT", "token": "[look]", "tool": "shell", "arguments": ["program"], "does": "run"},
        {"name": "EDIT", "token": "[mend]", "tool": "patch", "arguments": ["old", "new"], "does": "fix"},
    ]
    for the_task in list_tasks("test")[:4]:
        env = SpecialTokenEnv(sandbox, modes=modes)
        episode = await rollout(env, OraclePolicy(), the_task)
        assert episode.solved, episode.turns
        assert "<|" not in episode.turns[0].turn.text
    wrong = '<think>I do not know enough.</think>[mend]{"name":"patch","arguments":{"old":"a","new":"b"}}'
    episode = await rollout(SpecialTokenEnv(sandbox, modes=modes), ScriptedPolicy([Turn(wrong)]), task("EDIT"))
    assert episode.reward == pytest.approx(0.7)


async def test_native_calls_are_offered_and_taken(sandbox: LocalSandbox) -> None:
    env = SpecialTokenEnv(sandbox, native=True)
    assert [spec.name for spec in env.tool_specs()] == ["python", "editor"]
    turn = Turn("<think>It is concrete.</think><|EDIT|>", (ToolCall("editor", edit(PROGRAM, FIXED)["arguments"]),))
    assert (await rollout(env, ScriptedPolicy([turn]), task("EDIT"))).reward == pytest.approx(1)


async def test_typed_answers_are_steps(sandbox: LocalSandbox) -> None:
    env = SpecialTokenEnv(sandbox)
    await env.reset(task("EDIT"))
    call = Call(name="editor", arguments=edit(PROGRAM, FIXED)["arguments"])
    answer = Answer(mode="EDIT", thought="It is concrete.", text="Here.", call=call)
    assert env.parse(env.compose(answer)) == [answer]
    step = await env.step(answer)
    assert step.observation == Judged(mode="EDIT", right_mode="EDIT", codes=(), outcome=True)
    assert (step.reward, step.terminated) == (pytest.approx(1), True)
    await env.reset(task("EDIT"))
    with pytest.raises(InvalidActionError):
        await env.step("EDIT")  # type: ignore[arg-type]


async def test_an_answer_as_json_counts_for_its_mode_and_is_not_in_form(sandbox: LocalSandbox) -> None:
    call = edit(PROGRAM, FIXED)
    text = json.dumps({"mode": "EDIT", "thought": "It is concrete.", "text": "", "call": call})
    assert await judged(sandbox, task("EDIT"), text) == {"format": 0.0, "mode": 0.5, "outcome": 0.3}


class Broken(PlainSandbox):
    """Gives no result."""

    async def run(self, program: Any, cases: Any, allowance: Any = None, **_: Any) -> list[CaseResult]:
        return [CaseResult(status="sandbox_error", message="out of order") for _ in cases]


@pytest.mark.parametrize("mode", ["AGENT", "EDIT"])
async def test_a_fault_of_the_sandbox_is_not_the_agents(mode: str) -> None:
    call = edit(PROGRAM, FIXED) if mode == "EDIT" else python(f"{PROGRAM}double(1)")
    episode = await rollout(SpecialTokenEnv(Broken()), ScriptedPolicy([Turn(said(mode, call))]), task(mode))
    assert episode.outcome == "not_evaluable"
    assert episode.cause is not None
    assert (episode.cause.boundary, "out of order" in episode.cause.message) == ("sandbox", True)


def test_the_reward_is_a_function_of_three_facts() -> None:
    assert special_token_reward(in_form=True, choice=1, outcome=True) == 1
    assert special_token_reward(in_form=True, choice=1, outcome=False) == 0.7
    assert special_token_reward(in_form=True, choice=1, outcome=False, strict=True) == 0
    with pytest.raises(UsageError):
        special_token_reward(in_form=True, choice=2, outcome=True)


async def test_baselines_on_the_test_tasks(sandbox: LocalSandbox) -> None:
    tasks = list_tasks("test")
    right = {"idle": 0, "random": 0, "keywords": 0}
    for policy in (IdlePolicy(), RandomPolicy(), KeywordsPolicy()):
        for number, the_task in enumerate(tasks):
            env = SpecialTokenEnv(sandbox)
            await env.reset(the_task)
            (answer,) = env.parse(await _first_turn(env, policy, number))
            right[policy.name] += answer.mode == the_task.mode
    assert right["idle"] == 0
    assert 0.35 < right["random"] / len(tasks) < 0.65
    assert right["keywords"] / len(tasks) <= 0.75
    assert right["keywords"] == sum(keyword_mode(the_task.request) == the_task.mode for the_task in tasks)


async def _first_turn(env: SpecialTokenEnv, policy: Any, seed: int) -> Turn:
    from agentgym.messages import Conversation
    from agentgym.policy import Context

    session = policy.start(Context(seed=seed, answer_schema=env.answer_schema()))
    turn = await session.act(Conversation(env.show((await env.reset(env.task)).observation)))
    assert isinstance(turn, Turn)
    return turn


async def test_the_oracle_solves_each_kind_of_task(sandbox: LocalSandbox) -> None:
    seen = set[tuple[str, str]]()
    for the_task in list_tasks():
        kind = (the_task.mode, the_task.bug_class)
        if kind in seen:
            continue
        seen.add(kind)
        episode = await rollout(SpecialTokenEnv(sandbox), OraclePolicy(), the_task)
        assert (episode.outcome, episode.reward) == ("solved", pytest.approx(1)), the_task.id
    assert len(seen) == 12 + 9


async def test_the_contract_is_kept(sandbox: LocalSandbox) -> None:
    report = await check_env(
        lambda: SpecialTokenEnv(sandbox), tasks=list_tasks("test")[:2], instances=4, max_block_ms=100, timeout_s=600
    )
    assert report.ok, report


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_each_shipped_defect_shows_as_it_is_quoted(sandbox: LocalSandbox) -> None:
    observe = observe_in(sandbox, cpu_s=0.5)
    for defect in bundled_defects()[::3]:
        problem = bundled_problem(defect.query_id)
        (seen,) = await observe(problem, defect.code, [defect.shown_by(problem)])
        assert (seen.outcome, seen.error_type) == (defect.bug_class, defect.error_type), defect.id
        if defect.kind == "wrong answer":
            assert seen.output == defect.got
