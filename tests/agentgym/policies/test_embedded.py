"""The policies that need no model: idle, random, oracle, scripted, human; and the specs that name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgym import (
    Conversation,
    HumanPolicy,
    IdlePolicy,
    OraclePolicy,
    RandomPolicy,
    ScriptedPolicy,
    ToolCall,
    Turn,
    make_policy,
    rollout,
)
from agentgym.errors import DataFileError, UnknownNameError, UsageError
from agentgym.policy import Context
from environments.guess import Guess, Secret

pytestmark = pytest.mark.anyio
SEVEN = Secret(id="seven", digit=7)
SCRIPT = """
{"text": "Let me see.", "tool_calls": [{"name": "guess", "arguments": {"n": 1}}]}
{"tool_calls": [{"name": "guess", "arguments": "{\\"n\\": 1, \\"n\\": 2}"}]}
{"tool_calls": [{"name": "guess", "arguments": {"n": 7}, "id": "mine"}], "reasoning": "it is seven"}
"""


async def test_a_script_plays_anew_in_every_episode(tmp_path: Path) -> None:
    path = tmp_path / "turns.jsonl"
    path.write_text(SCRIPT)
    policy = make_policy(f"scripted:{path}")
    for _ in range(2):
        episode = await rollout(Guess(), policy, SEVEN)
        assert episode.solved
        assert [step.tool_error for step in episode.steps()] == [None, "invalid_json", None]
        assert episode.turns[2].turn.tool_calls[0].id == "mine"
        assert episode.turns[2].turn.reasoning == "it is seven"


async def test_a_script_that_runs_out_says_so() -> None:
    episode = await rollout(Guess(), ScriptedPolicy(["hm", ToolCall("guess", {"n": 7})]), SEVEN)
    assert episode.outcome == "failed", "text alone ends a game of guessing"
    assert (await ScriptedPolicy([]).start(Context()).act(Conversation())).text == "I have nothing more to say."


@pytest.mark.parametrize(
    ("line", "told"),
    [("{", "turns.jsonl:2"), ('{"says": "hi"}', "says"), ('{"tool_calls": [{"arguments": {}}]}', "tool_calls.0.name")],
)
def test_a_malformed_script_names_file_line_and_field(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "turns.jsonl"
    path.write_text('{"text": "fine"}\n' + line)
    with pytest.raises(DataFileError, match=told) as caught:
        ScriptedPolicy.from_file(path)
    assert "\n" not in str(caught.value)


async def test_a_person_reads_what_is_new_and_types_calls() -> None:
    lines = iter(["/guess n=1\n", '/guess {"n": 7}\n'])
    shown: list[str] = []
    policy = HumanPolicy(ask=lambda _: next(lines), tell=shown.append)
    episode = await rollout(Guess(), policy, SEVEN)
    assert episode.solved
    assert "/guess n=..." in shown[0]
    assert shown[1:] == ["[system] Find the hidden digit.", "[user] Guess a digit with the tool.", "[tool] higher"]


@pytest.mark.parametrize(
    ("typed", "text", "raw"),
    [
        ("hello there", "hello there", None),
        ("", "Goodbye.", None),
        ("/guess", "", "{}"),
        ("/guess n=3 name=Ann ok=true", "", '{"n":3,"name":"Ann","ok":true}'),
        ('/guess {"n": }', "", '{"n": }'),
    ],
)
async def test_a_typed_line_is_text_or_a_call(typed: str, text: str, raw: str | None) -> None:
    policy = HumanPolicy(ask=lambda _: typed + "\n", tell=lambda _: None)
    turn = await policy.start(Context()).act(Conversation())
    assert turn.text == text
    assert [call.raw for call in turn.tool_calls] == ([raw] if raw else [])


def test_specs_name_every_embedded_policy() -> None:
    kinds = {"idle": IdlePolicy, "random": RandomPolicy, "oracle": OraclePolicy, "human": HumanPolicy}
    for spec, kind in kinds.items():
        assert isinstance(make_policy(spec), kind)
        assert make_policy(spec).name == spec


@pytest.mark.parametrize("spec", ["genius", "idle:3", "", "Idle"])
def test_an_unknown_spec_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(UnknownNameError, match="idle, random, oracle, human, scripted:FILE"):
        make_policy(spec)


def test_an_unfinished_spec_shows_its_form() -> None:
    with pytest.raises(UsageError, match=r"write scripted:FILE\.jsonl"):
        make_policy("scripted:")
    with pytest.raises(UsageError, match="write openai:MODEL"):
        make_policy("openai")


async def test_the_oracle_is_refused_where_there_is_no_reference() -> None:
    with pytest.raises(UsageError, match="reference"):
        OraclePolicy().start(Context())


async def test_random_turns_follow_the_seed_and_the_schema() -> None:
    context = Context(tools=Guess.tool_specs(), seed=5)
    turns = [await RandomPolicy().start(context).act(Conversation()) for _ in range(2)]
    assert turns[0] == turns[1]
    seen = set()
    session = RandomPolicy().start(context)
    for _ in range(200):
        turn: Turn = await session.act(Conversation())
        seen.add(turn.tool_calls[0].arguments["n"])
    assert seen == set(range(10))
