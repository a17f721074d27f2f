"""What an episode is worth: solving counts most, each debugging attempt after the first costs."""

from __future__ import annotations

from dataclasses import dataclass, fields

from agentgym.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How much each part counts."""

    reward_scale: float = 1.0
    test_case_bonus: float = 0.3
    """Times the share of the hidden cases that pass."""
    tool_bonus: float = 0.05
    """Once, where a program was run."""
    debug_penalty: float = 0.1
    """For each attempt after the first."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf"):
                raise UsageError(f"{field.name}={value!r}: give a number of at least 0")


STANDARD = Rates()


def code_debug_terms(
    *, passed: int, total: int, attempts: int, used_tool: bool, rates: Rates = STANDARD
) -> dict[str, float]:
    """The named terms of the reward: `passed` of `total` hidden cases, after so many attempts."""
    if not 0 <= passed <= total or total < 1 or attempts < 0:
        raise UsageError(f"passed={passed} of total={total} after attempts={attempts}: these cannot be")
    scale = rates.reward_scale
    again = max(0, attempts - 1)
    return {
        "base": scale * (passed == total),
        "test_cases": scale * rates.test_case_bonus * passed / total,
        "tool": scale * rates.tool_bonus * used_tool,
        "debug_penalty": -scale * rates.debug_penalty * again if again else 0.0,
    }


def code_debug_reward(*, passed: int, total: int, attempts: int, used_tool: bool, rates: Rates = STANDARD) -> float:
    """The sum of the terms."""
    return sum(
        code_debug_terms(passed=passed, total=total, attempts=attempts, used_tool=used_tool, rates=rates).values()
    )
