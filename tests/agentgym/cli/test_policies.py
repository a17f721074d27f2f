"""Policies that another distribution brings: found by name, wherever a policy is named."""

from __future__ import annotations

import pytest

from tests.agentgym.cli.conftest import Cli, Install

SOURCE = """
from agentgym import Policy, Session, ToolCall, Turn

class Fives(Policy):
    def start(self, context):
        return Play()

class Play(Session):
    async def act(self, conversation):
        return Turn(tool_calls=(ToolCall("guess", {"n": 5}),))

NUMBER = 5
"""


def test_a_policy_that_was_installed_plays(cli: Cli, install: Install) -> None:
    install("policies", "fives", "fives_policy:Fives", SOURCE)
    ran = cli("bench", "guess", "--policy", "fives", "--json")
    assert ran.code == 0, ran.err
    assert '"policy":"fives"' in ran.out.replace(" ", "")


@pytest.mark.parametrize(
    ("target", "told"), [("sixes_policy:Gone", "has no attribute 'Gone'"), ("sevens_policy:int", "has no attribute")]
)
def test_one_that_cannot_be_made_is_one_line(cli: Cli, install: Install, target: str, told: str) -> None:
    install("policies", "broken", target, SOURCE)
    ran = cli("bench", "guess", "--policy", "broken")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert told in ran.err


def test_unknown_names_are_told_what_there_is(cli: Cli, install: Install) -> None:
    install("policies", "fives", "fives_policy:Fives", SOURCE)
    ran = cli("bench", "guess", "--policy", "fifes")
    assert ran.code == 2
    assert "fives" in ran.err
