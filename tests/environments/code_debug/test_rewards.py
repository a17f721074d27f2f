"""What an episode is worth, in numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.errors import UsageError
from environments.code_debug.rewards import Rates, code_debug_reward, code_debug_terms


@pytest.mark.parametrize(
    ("passed", "total", "attempts", "used_tool", "reward"),
    [
        (8, 8, 1, True, 1.35),
        (8, 8, 3, True, 1.15),
        (8, 8, 5, True, 0.95),
        (8, 8, 0, False, 1.30),
        (4, 8, 5, True, -0.2),
        (0, 8, 0, False, 0.0),
        (99, 100, 1, True, 0.347),
    ],
)
def test_the_vectors(passed: int, total: int, attempts: int, used_tool: bool, reward: float) -> None:
    given = {"passed": passed, "total": total, "attempts": attempts, "used_tool": used_tool}
    assert code_debug_reward(**given) == pytest.approx(reward, abs=1e-12)


def test_each_term_has_its_name_and_nothing_is_minus_zero() -> None:
    terms = code_debug_terms(passed=1, total=2, attempts=3, used_tool=True)
    assert terms == pytest.approx({"base": 0.0, "test_cases": 0.15, "tool": 0.05, "debug_penalty": -0.2})
    idle = code_debug_terms(passed=0, total=2, attempts=0, used_tool=False)
    assert str(idle["debug_penalty"]) == "0.0"


@given(st.integers(1, 200), st.data(), st.integers(0, 5), st.integers(0, 5))
def test_whatever_is_solved_is_worth_more_than_whatever_is_not(
    total: int, data: st.DataObject, attempts: int, others: int
) -> None:
    passed = data.draw(st.integers(0, total - 1))
    solved = code_debug_reward(passed=total, total=total, attempts=attempts, used_tool=attempts > 0)
    assert solved > code_debug_reward(passed=passed, total=total, attempts=others, used_tool=others > 0)


def test_rates_are_settings() -> None:
    rates = Rates(reward_scale=2.0, debug_penalty=0.5, tool_bonus=0.0, test_case_bonus=1.0)
    assert code_debug_reward(passed=1, total=2, attempts=2, used_tool=True, rates=rates) == pytest.approx(0.0)
    with pytest.raises(UsageError, match="tool_bonus=-1"):
        Rates(tool_bonus=-1)


@pytest.mark.parametrize("wrong", [{"passed": 3}, {"total": 0, "passed": 0}, {"attempts": -1}])
def test_what_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    counts = {"passed": 1, "total": 2, "attempts": 1, **wrong}
    with pytest.raises(UsageError, match="these cannot be"):
        code_debug_terms(**counts, used_tool=True)
