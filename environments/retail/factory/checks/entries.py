"""What the checks found in one task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from agentgym.messages import JsonObject
from environments.retail.desk import Outcome
from environments.retail.factory.envelope import Blueprint, Call, Missing, Suggestion, ValidationReport

Level = Literal["error", "warning"]
_MISSING = (
    *("USER_NOT_FOUND", "ORDER_NOT_FOUND", "PRODUCT_NOT_FOUND"),
    *("ITEM_NOT_IN_ORDER", "PAYMENT_NOT_OWNED", "USER_ORDER_MISMATCH"),
)
"""What a task names and the shop does not have, or not together."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a check found."""

    code: str
    level: Level
    message: str
    index: int | None = None
    """Of the call, from 0."""
    value: JsonValue = None
    """What is at fault."""
    action: str | None = None
    """The call's name."""
    replacement: JsonValue = None
    """What would be right, where only one thing can be."""

    def __str__(self) -> str:
        where = "" if self.index is None else f" action {self.index} ({self.action}):"
        return f"{self.code}:{where} {self.message}"


@dataclass(frozen=True, slots=True)
class Traced:
    """A call of the reference, and what it gave; None where it was not carried out."""

    call: Call
    outcome: Outcome | None = None

    @property
    def worked(self) -> bool:
        """Whether it was carried out, and not refused."""
        return self.outcome is not None and not self.outcome.failed


@dataclass(frozen=True, slots=True)
class Checked:
    """A task after all checks."""

    blueprint: Blueprint
    """Normalised, with what could be corrected."""
    entries: tuple[Entry, ...] = ()
    corrections: tuple[str, ...] = ()
    """What was corrected, one line each."""
    user_id: str = ""
    """Of the customer, where the calls tell."""
    trace: tuple[Traced, ...] = ()
    diff_patch: JsonObject = field(default_factory=dict)
    """What the calls change: by table, record and field, `{before, after}`."""

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong; warnings are no matter."""
        return not any(entry.level == "error" for entry in self.entries)

    @property
    def codes(self) -> tuple[str, ...]:
        """Of the errors, each once, as they come."""
        return tuple(dict.fromkeys(entry.code for entry in self.entries if entry.level == "error"))

    @property
    def report(self) -> ValidationReport:
        """The same as files have it."""
        missing = tuple(
            Missing(type=entry.code, value=entry.value, action=entry.action, index=entry.index)
            for entry in self.entries
            if entry.code in _MISSING
        )
        suggestions = tuple(
            Suggestion(type=entry.code, reason=entry.message, index=entry.index, replacement=entry.replacement)
            for entry in self.entries
            if entry.code not in _MISSING
        )
        return ValidationReport(valid=self.valid, missing=missing, suggestions=suggestions)
