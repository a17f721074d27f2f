"""Figures of a run, held against a run whose figures are known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentgym import Episode, ScriptedPolicy, Turn, make_policy, rollout, run
from agentgym.cli import main
from agentgym.errors import UsageError
from agentgym.messages import TokenSpan
from agentgym.sandbox.plain import PlainSandbox
from benchmarks.suites.special_tokens import SUITE
from environments.special_tokens.env import SpecialTokenEnv
from environments.special_tokens.figures import confusion, special_tokens
from environments.special_tokens.task import TokenTask

pytestmark = pytest.mark.anyio
PYTHON = json.dumps({"name": "python", "arguments": {"code": "def f():\n    return 1\nf()"}})
EDITOR = json.dumps({"name": "editor", "arguments": {"original_code": "a", "modified_code": "b"}})
ANSWERS = (
    ("AGENT", f"<think>Not known.</think><|AGENT|>{PYTHON}"),
    ("AGENT", f"<think>Not known.</think><|AGENT|>{PYTHON}"),
    ("AGENT", f"<|EDIT|>{EDITOR}"),
    ("EDIT", f"<think>Known.</think><|EDIT|>{EDITOR}"),
    ("EDIT", f"<think>Known.</think><|AGENT|>{EDITOR}"),
    ("EDIT", "Goodbye."),
)


async def played(answers: tuple[tuple[str, str], ...] = ANSWERS) -> list[Episode]:
    episodes = []
    async with PlainSandbox() as sandbox:
        for number, (mode, text) in enumerate(answers):
            program = "def f():\n    return 1\n"
            task = TokenTask(id=f"t{number}", request="An error?", mode=mode, program=program, fn_name="f")
            episodes.append(await rollout(SpecialTokenEnv(sandbox), ScriptedPolicy([Turn(text)]), task))
    return episodes


async def test_all_figures_of_six_answers() -> None:
    figures = special_tokens(iter(await played()))
    assert figures["mode_accuracy"] == 3 / 6
    assert figures["keywords_accuracy"] == 3 / 6
    assert figures["modes"] == {
        "AGENT": {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "asked": 3, "chosen": 3},
        "EDIT": {"precision": 1 / 2, "recall": 1 / 3, "f1": 2 / 5, "asked": 3, "chosen": 2},
    }
    assert figures["confusion"] == {
        "AGENT": {"AGENT": 2, "EDIT": 1, "none": 0},
        "EDIT": {"AGENT": 1, "EDIT": 1, "none": 1},
    }
    assert figures["format_rate"] == 3 / 6
    assert figures["format_rate_by_rule"] == {"think": 4 / 6, "token": 5 / 6, "tool": 4 / 6, "call": 5 / 6}
    assert figures["codes"] == {"AGENT_WITHOUT_PYTHON": 1, "NO_THINK": 2, "NO_TOKEN": 1}
    assert figures["tool_call_validity"] == 4 / 6
    assert (figures["fix_rate"], figures["exploration_rate"]) == (0.0, 2 / 3)
    assert figures["calibration"] is None


MODES = [
    {"name": "AGENT", "token": "<|AGENT|>", "tool": "python", "arguments": ["code"], "id": 7},
    {"name": "EDIT", "token": "<|EDIT|>", "tool": "editor", "arguments": ["original_code", "modified_code"], "id": 8},
]


@pytest.mark.parametrize(
    "config", [{"modes": MODES}, {"token_ids": {"AGENT": 7, "EDIT": 8}}, {"token_ids": {"<|AGENT|>": 7, "EDIT": 8}}]
)
async def test_confidence_is_held_against_being_right(config: dict[str, Any]) -> None:
    sure = [(7, 0.9), (7, 0.9), (8, 0.6), (8, 0.6)]
    episodes = []
    for episode, (token, confidence) in zip((await played())[:4], sure, strict=True):
        span = TokenSpan((1,), (2, token, 3), (-1.0, math.log(confidence), -0.1))
        turn = replace(episode.turns[0], turn=replace(episode.turns[0].turn, span=span))
        info = replace(episode.environment, config=config)
        episodes.append(replace(episode, turns=(turn,), environment=info))
    calibration = special_tokens(iter(episodes))["calibration"]
    assert calibration == {
        "ece": pytest.approx((0.2 + 0.2) / 4),
        "brier": pytest.approx((2 * 0.01 + 0.36 + 0.16) / 4),
        "count": 4,
    }


@pytest.mark.parametrize("ids", [{"FLY": 1}, {"EDIT": -1}, {"EDIT": "8"}])
def test_ids_of_no_token_are_refused(ids: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="token_ids"):
        SpecialTokenEnv(token_ids=ids)


async def test_the_report_of_the_suite_has_the_confusion_matrix_drawn(tmp_path: Path) -> None:
    await run(SUITE, make_policy("idle"), tmp_path, limit=4)
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_of_nothing_played_no_matrix_is_drawn() -> None:
    assert confusion({"special_tokens": special_tokens(iter(()))}) is None


def test_nothing_played_has_no_figures() -> None:
    figures = special_tokens(iter(()))
    assert (figures["mode_accuracy"], figures["fix_rate"], figures["calibration"]) == (None, None, None)


def test_the_suite_is_about_the_test_tasks() -> None:
    assert (SUITE.id, SUITE.environment, SUITE.split) == ("special-tokens", "special-tokens", "test")
    assert SUITE.metrics == (f"{special_tokens.__module__}:{special_tokens.__name__}",)
