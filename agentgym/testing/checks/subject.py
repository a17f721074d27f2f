"""What is checked, and what its rules learn for one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from agentgym.testing.checks.report import Score, Skip
from agentgym.testing.checks.traces import AnyEnv, Difference, Script


@dataclass(slots=True)
class Subject:
    """An environment under check."""

    make: Callable[[], AnyEnv]
    tasks: Sequence[BaseModel]
    seeds: int
    instances: int
    max_block_ms: float
    timeout_s: float
    """What any one rule may take."""
    scripts: list[Script] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What went wrong while episodes were recorded."""
    differences: list[tuple[Script, Difference]] = field(default_factory=list)
    """Where equal runs parted."""
    idle: Score | None = None
    oracle: Score | None = None
    oracle_misses: list[str] = field(default_factory=list)
    no_oracle: str = "it has no reference solution; write `def reference(self)`"
    """Why no oracle played."""
    longest_block_ms: float | None = None

    def playable(self) -> list[Script]:
        """The recorded episodes; without any, the rule is skipped."""
        if not self.scripts:
            raise Skip("there is no recorded episode to play again; see the violations")
        return self.scripts

    def repeatable(self) -> list[Script]:
        """The recorded episodes, where equal runs are equal."""
        if self.differences:
            raise Skip("equal runs differ even when played alone; see determinism")
        return self.playable()

    def one_per_agent(self) -> list[Script]:
        """The first recorded episode of each agent."""
        return list({script.agent: script for script in reversed(self.playable())}.values())
