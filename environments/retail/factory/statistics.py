"""What it took to make tasks: figures that are made of the slots' records, in any order and at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentgym.messages import JsonObject, Usage
from environments.retail.factory.attempts import FAULT, REJECTED, UNAVAILABLE
from environments.retail.factory.feedback import UNREADABLE
from environments.retail.factory.partial import ACCEPTED, Record
from environments.retail.factory.scenarios import BY_KEY, is_diverse
from environments.retail.factory.talks import Spent

_NOT_BY_CHECKS = {FAULT, REJECTED, UNAVAILABLE, UNREADABLE}
_INCONSISTENT = "USER_ID_INCONSISTENT"


@dataclass(slots=True)
class Statistics:
    """Grows by a record at a time; no task stays in it."""

    seed: int = 0
    config: JsonObject = field(default_factory=dict)
    duration_s: float = 0.0
    successful: int = 0
    failed: int = 0
    iterations: Counter[int] = field(default_factory=Counter)
    """How many slots took so many."""
    validation_failures: int = 0
    committee_rejections: int = 0
    user_id_inconsistencies: int = 0
    auto_corrections: int = 0
    generation_errors: int = 0
    failure_reasons: Counter[str] = field(default_factory=Counter)
    scenario_counts: Counter[str] = field(default_factory=Counter)
    """Of accepted tasks."""
    spent: Spent = field(default_factory=Spent)

    @classmethod
    def of(cls, records: Iterable[Record], *, seed: int, config: JsonObject) -> Statistics:
        """Of all records of a run."""
        statistics = cls(seed=seed, config=config)
        for record in records:
            statistics.add(record)
        return statistics

    def add(self, record: Record) -> None:
        """Count what became of a slot."""
        if record["outcome"] == ACCEPTED:
            self.successful += 1
            self.scenario_counts[record["scenario"]] += 1
        else:
            self.failed += 1
        self.iterations[record["iterations"]] += 1
        for attempt in record["attempts"]:
            self._count(attempt)
        for role, used in record["usage"].items():
            self.spent.add(role, Usage(used["prompt_tokens"], used["completion_tokens"], calls=used["calls"]))

    def _count(self, attempt: Mapping[str, Any]) -> None:
        codes = set(attempt["codes"])
        self.failure_reasons.update(attempt["codes"])
        self.validation_failures += bool(codes - _NOT_BY_CHECKS)
        self.committee_rejections += REJECTED in codes
        self.user_id_inconsistencies += _INCONSISTENT in codes
        self.generation_errors += bool(codes & {FAULT, UNREADABLE})
        self.auto_corrections += len(attempt.get("corrections", ()))

    @property
    def slots(self) -> int:
        """How many came to an end."""
        return self.successful + self.failed

    @property
    def attempts(self) -> int:
        """How many candidates were written."""
        return sum(taken * slots for taken, slots in self.iterations.items())

    def to_json(self) -> JsonObject:
        """As the report has them."""
        counts = {key: self.scenario_counts[key] for key in BY_KEY}
        return {
            "total_attempts": self.attempts,
            "successful_tasks": self.successful,
            "failed_tasks": self.failed,
            "success_rate": round(self.successful / self.slots, 4) if self.slots else 0.0,
            "avg_iterations": round(self.attempts / self.slots, 4) if self.slots else 0.0,
            "iterations_histogram": {str(taken): slots for taken, slots in sorted(self.iterations.items())},
            "duration_s": round(self.duration_s, 3),
            "validation_failures": self.validation_failures,
            "committee_rejections": self.committee_rejections,
            "user_id_inconsistencies": self.user_id_inconsistencies,
            "auto_corrections_applied": self.auto_corrections,
            "generation_errors": self.generation_errors,
            "failure_reasons": {**dict(self.failure_reasons.most_common())},
            "scenario_counts": {**counts},
            "diverse": is_diverse(counts),
            "usage": self.spent.to_json(),
            "seed": self.seed,
            "config": self.config,
        }
