"""The prompts, word for word, and how a folder of one's own replaces them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentgym import Episode, ScriptedPolicy, ToolCall, Turn, make_policy, rollout
from agentgym.errors import AgentGymError
from agentgym.flow.policy import AgentFlowPolicy
from agentgym.flow.templates import OWN, Prompts, own_templates

SNAPSHOT = Path(__file__).with_name("prompts.md")

pytestmark = pytest.mark.anyio


def agent(**options: Any) -> AgentFlowPolicy:
    look = Turn('{"sub_goal": "find the shelf", "context": "book b2"}', (ToolCall("look", {"book": "b2"}),))
    return AgentFlowPolicy(
        ScriptedPolicy([look, Turn(tool_calls=(ToolCall("look", {"book": "b1"}),))]),
        roles={
            "executor": ScriptedPolicy(['{"book": "b2"}', '{"book": "b1"}']),
            "verifier": ScriptedPolicy(['{"status": "halt"}', '{"status": "stop"}']),
            "generator": ScriptedPolicy(['{"answer": "It is on shelf 7.", "confidence": 1}']),
        },
        **options,
    )


def told(episode: Episode) -> str:
    parts = []
    for call in episode.model_calls():
        parts.append(f"# {call.role}, turn {call.turn}")
        parts += [f"## {message.role}\n\n{message.content}" for message in call.messages]
    return "\n\n".join(parts) + "\n"


async def test_the_prompts_word_for_word(library: Any, wish: Callable[..., Any]) -> None:
    """The file is written anew only where the prompts are meant to change."""
    episode = await rollout(library, agent(), wish())
    assert episode.solved
    assert told(episode) == SNAPSHOT.read_text(encoding="utf-8")


async def test_equal_episodes_ask_equal_questions(library: Any, wish: Callable[..., Any]) -> None:
    again = await rollout(type(library)(), agent(), wish(), seed=2)
    assert told(await rollout(library, agent(), wish(), seed=1)) == told(again)


async def test_a_folder_replaces_some_of_them(tmp_path: Path, library: Any, wish: Callable[..., Any]) -> None:
    (tmp_path / "verifier_system.md").write_text("Judge, by: $policy (it costs $$1)")
    policy = agent(prompts=tmp_path)
    episode = await rollout(library, policy, wish())
    systems = {call.role: call.messages[0].content for call in episode.model_calls()}
    assert systems["verifier"] == "Judge, by: Be brief. (it costs $1)"
    assert systems["planner"].startswith("You are the planner")
    assert policy.settings["prompts"] == str(tmp_path)
    assert make_policy("agentflow:mock:Hello", prompts=str(tmp_path)).settings["prompts"] == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("verifier.md", "Judge.", "is no prompt; did you mean"),
        ("verifier_user.md", "Judge $everything", "everything"),
        ("verifier_user.md", "It costs $ 5", "dollar"),
        ("notes.txt", "nothing", "holds no prompts"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(AgentGymError, match=problem):
        Prompts(tmp_path)


def test_every_template_is_used_and_filled() -> None:
    roles = ("planner", "executor", "verifier", "generator")
    assert set(own_templates()) == {f"{role}_{part}.md" for role in roles for part in ("system", "user")} | {"again.md"}
    assert OWN.is_dir()
