"""tau2-bench's reward: the product of the parts that a task names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from agentgym.messages import JsonObject
from environments.retail.conduct import Call
from environments.retail.scoring import Score
from environments.retail.tau2.task import Basis, Tau2Action


@dataclass(frozen=True, slots=True)
class Tau2Score(Score):
    """The verdict on an episode so far, part by part."""

    basis: tuple[Basis, ...] = ()
    """The parts that count."""
    actions: tuple[bool, ...] = ()
    """Of each reference action, whether a call matched it."""
    assertions: tuple[bool, ...] | None = ()
    """Of each assertion, whether the judge found it true; None where nobody judged."""

    @property
    def parts(self) -> dict[Basis, float]:
        """The parts that count and were evaluated."""
        verdicts: dict[Basis, bool] = {"DB": self.state, "COMMUNICATE": self.told, "ACTION": all(self.actions)}
        if self.assertions is not None:
            verdicts["NL_ASSERTION"] = all(self.assertions)
        verdicts["ENV_ASSERTION"] = True  # there is none that could fail
        return {part: float(verdict) for part, verdict in verdicts.items() if part in self.basis}

    @property
    def not_evaluated(self) -> list[Basis]:
        """The parts that count, and were not."""
        return [part for part in dict.fromkeys(self.basis) if part not in self.parts]

    @property
    def reward(self) -> float:
        """The product of the parts."""
        return prod(self.parts.values(), start=1.0)

    def info(self) -> JsonObject:
        """All verdicts, and the exact hash of the expected shop."""
        return {
            "reward_basis": list(self.basis),
            "reward_breakdown": {str(part): verdict for part, verdict in self.parts.items()},
            "not_evaluated": list(self.not_evaluated),
            "db_match": self.state,
            "expected_db_hash": self.expected.digest(),
            "communicate_checks": dict(self.outputs),
            "action_checks": list(self.actions),
            "nl_assertions": None if self.assertions is None else [*self.assertions],
        }


def actions_matched(expected: Iterable[Tau2Action], made: Sequence[Call]) -> tuple[bool, ...]:
    """Of each reference action, whether some call is of its name and agrees in the arguments that are compared."""
    return tuple(any(_matches(action, call) for call in made) for action in expected)


def _matches(action: Tau2Action, call: Call) -> bool:
    if action.name != call.tool:
        return False
    if action.compare_args is None:
        return call.arguments == action.kwargs
    return all(_same(action.kwargs, call.arguments, name) for name in action.compare_args)


def _same(expected: JsonObject, made: JsonObject, name: str) -> bool:
    """Whether both give the same value, or none."""
    return (name in expected) == (name in made) and expected.get(name) == made.get(name)
