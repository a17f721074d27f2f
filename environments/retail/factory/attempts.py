"""What came of one attempt at a task."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from agentgym.messages import JsonObject
from environments.retail.factory.authors import Draft
from environments.retail.factory.checks import Checked, Entry
from environments.retail.factory.committee import Decision
from environments.retail.factory.envelope import Blueprint, Metadata, TaskEnvelope, ValidationReport
from environments.retail.factory.feedback import feedback_text

UNAVAILABLE = "committee_unavailable"
FAULT = "GENERATION_FAULT"
REJECTED = "COMMITTEE_REJECTED"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A draft, what the checks found in it, and what the committee made of it."""

    draft: Draft
    checked: Checked | None = None
    decision: Decision | None = None
    more: tuple[Entry, ...] = ()
    """Findings besides those of the checks."""
    fault: str = ""
    """What broke, where nobody wrote anything."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All findings."""
        return (*(() if self.checked is None else self.checked.entries), *self.more)

    @property
    def codes(self) -> tuple[str, ...]:
        """Why it was not accepted."""
        if self.fault:
            return (FAULT,)
        errors = tuple(dict.fromkeys(entry.code for entry in self.entries if entry.level == "error"))
        if errors or self.decision is None:
            return errors
        if not self.decision.available:
            return (UNAVAILABLE,)
        return () if self.decision.accepted else (REJECTED,)

    @property
    def accepted(self) -> bool:
        """Whether the task is one."""
        return self.decision is not None and not self.codes

    @property
    def nobodys_fault(self) -> bool:
        """Whether it was not the author who failed."""
        return bool(self.fault) or self.unheard

    @property
    def unheard(self) -> bool:
        """Whether too few of the committee spoke."""
        return self.codes == (UNAVAILABLE,)

    @property
    def feedback(self) -> str:
        """What the next attempt is told."""
        if self.fault:
            return ""
        points = () if self.decision is None else tuple(self.decision.points())
        return feedback_text(self.entries, points)

    def to_json(self) -> JsonObject:
        """As reports have it."""
        told: JsonObject = {"codes": list(self.codes)}
        if self.entries:
            told["findings"] = [asdict(entry) for entry in self.entries]
        if self.checked is not None and self.checked.corrections:
            told["corrections"] = list(self.checked.corrections)
        if self.decision is not None:
            told["committee"] = self.decision.to_json()
        if self.fault or self.draft.problem:
            told["problem"] = self.fault or self.draft.problem
        return told


def envelope_of(attempt: Attempt, *, method: str, rich: JsonObject | None = None) -> TaskEnvelope:
    """What the file of tasks says of the last attempt at a task."""
    checked = attempt.checked
    blueprint = Blueprint(q="") if checked is None else checked.blueprint
    report = ValidationReport(valid=False) if checked is None else checked.report
    if attempt.more:
        report = Checked(blueprint, attempt.entries).report
    return TaskEnvelope(
        success=attempt.accepted,
        task=blueprint,
        metadata=Metadata(
            generation_method=method, turns=attempt.draft.turns, confidence=_confidence(attempt), **(rich or {})
        ),
        validation_report=report,
    )


def _confidence(attempt: Attempt) -> float:
    """The author's own, where it has one; else the share of the reviewers who accept the task."""
    if attempt.draft.confidence is not None:
        return round(attempt.draft.confidence, 4)
    return 0.0 if attempt.decision is None else round(attempt.decision.share, 4)
