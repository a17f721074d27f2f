"""What a check found: one finding a rule, and the scores that put the others in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Status = Literal["ok", "warning", "skipped", "violation"]
_MOST_TOLD = 3


class Verdict(Exception):
    """Ends a rule with a message; a rule that returns one is ok."""

    status: ClassVar[Status]


class Violation(Verdict):
    """The environment breaks the rule."""

    status = "violation"


def refuse_faults(faults: Sequence[str]) -> None:
    """Raise a Violation that tells the first few different faults, if there are any."""
    different = list(dict.fromkeys(faults))
    more = len(different) - _MOST_TOLD
    if different:
        raise Violation("; ".join(different[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else ""))


class Doubt(Verdict):
    """Nothing is broken, and yet somebody should look."""

    status = "warning"


class Skip(Verdict):
    """The rule cannot be tried here."""

    status = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one rule."""

    rule: str
    status: Status
    message: str


@dataclass(frozen=True, slots=True)
class Score:
    """What one agent reached over some tasks."""

    episodes: int
    mean_reward: float
    solved_rate: float

    def __str__(self) -> str:
        return f"solved {self.solved_rate:.0%} of {self.episodes}, mean reward {self.mean_reward:.2f}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Whether an environment keeps its contract; as text a table with a line per rule."""

    environment: str
    findings: tuple[Finding, ...]
    idle: Score | None
    """What doing nothing scores."""
    oracle: Score | None
    """What the environment's own reference scores, where it has one."""
    longest_block_ms: float | None
    """The longest the event loop stood still while the environment played."""

    @property
    def ok(self) -> bool:
        """Whether no rule is broken; what was skipped or only looks odd is no violation."""
        return not self.violations

    @property
    def violations(self) -> tuple[Finding, ...]:
        """The findings of the rules that are broken."""
        return tuple(finding for finding in self.findings if finding.status == "violation")

    def __str__(self) -> str:
        broken = len(self.violations)
        verdict = f"{broken} violation{'s' if broken > 1 else ''}" if broken else "ok"
        rows = [f"  {found.status:<9}  {found.rule:<13}  {found.message}" for found in self.findings]
        return "\n".join([f"{self.environment}: {verdict}", *rows])
