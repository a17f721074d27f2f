"""What a test must come to at least."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from agentgym.errors import UsageError
from agentgym.messages import JsonObject

if TYPE_CHECKING:
    from environments.retail.factory.config import TauBenchConfig

_FIGURES = {
    "min_success_rate": "success_rate",
    "min_action_recall": "avg_action_recall",
    "min_action_precision": "avg_action_precision",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The least that passes, of figures from 0 to 1."""

    min_success_rate: float = 0.7
    min_action_recall: float = 0.6
    min_action_precision: float = 0.6

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise UsageError(f"Thresholds({field.name}={value!r}): give a number from 0 to 1")

    @classmethod
    def of(cls, config: TauBenchConfig) -> Thresholds:
        """Those of the factory's settings."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})

    def verdicts(self, summary: JsonObject) -> list[Verdict]:
        """Which a summary passes; a figure that there is not passes none."""
        found = ((name, getattr(self, name), summary[figure]) for name, figure in _FIGURES.items())
        return [
            Verdict(name, _FIGURES[name], threshold, value if isinstance(value, float | int) else None)
            for name, threshold, value in found
        ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one figure is high enough."""

    name: str
    figure: str
    threshold: float
    value: float | None

    @property
    def passed(self) -> bool:
        """Whether it is."""
        return self.value is not None and self.value >= self.threshold

    def to_json(self) -> JsonObject:
        """As files have it."""
        return {"threshold": self.threshold, "value": self.value, "passed": self.passed}

    def __str__(self) -> str:
        value = "unknown" if self.value is None else f"{self.value:.4g}"
        return f"{self.name}: {self.figure} is {value}, {'at least' if self.passed else 'below'} {self.threshold:g}"
