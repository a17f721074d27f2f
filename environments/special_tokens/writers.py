"""Who writes the words of a row: phrase templates, or a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from agentgym.messages import JsonObject
from environments.special_tokens.answer import Answer
from environments.special_tokens.assignments import Assignment
from environments.special_tokens.content import content_codes
from environments.special_tokens.prompts import instructions_of
from environments.special_tokens.requests import input_of, instruction_of, quoted
from environments.special_tokens.rows import Row
from environments.special_tokens.rules import broken_rules
from environments.special_tokens.templates import template_answer


@dataclass(frozen=True, slots=True)
class Written:
    """What came of an assignment."""

    row: Row | None
    problems: tuple[str, ...] = ()
    """What was wrong with each attempt that was not taken."""


class Writer(ABC):
    """Writes rows; one serves any number of assignments at a time."""

    name: str
    """What the rows' metadata call it."""

    @abstractmethod
    async def write(self, assignment: Assignment) -> Written:
        """The row of an assignment, or why there is none."""


class TemplateWriter(Writer):
    """Puts rows together from phrases: no model, and the same rows for the same seed."""

    name = "template"

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed

    async def write(self, assignment: Assignment) -> Written:
        rng = assignment.rng(self._seed)
        defect, problem = assignment.defect, assignment.problem
        answer = template_answer(assignment.mode, defect, problem, assignment.language, rng)
        row = row_of_words(assignment, instruction_of(assignment.frame, defect, problem), answer, self.name, attempt=1)
        codes = faults_of(row)
        return Written(None, (", ".join(codes),)) if codes else Written(row)


def row_of_words(assignment: Assignment, instruction: str, answer: Answer, model: str, *, attempt: int) -> Row:
    """The row that has these words."""
    defect, problem = assignment.defect, assignment.problem
    metadata: JsonObject = {
        "problem_id": problem.query_id,
        "mode": assignment.mode,
        "bug_class": defect.bug_class,
        "error": quoted(defect, problem, assignment.language),
        "model": model,
        "attempt": attempt,
        "bug": defect.id,
        "language": assignment.language,
    }
    return Row(instruction, input_of(defect, problem), answer.written(), instructions_of(), metadata=metadata)


def faults_of(row: Row) -> list[str]:
    """The codes of all that is wrong with a row, as far as reading it tells."""
    answer = row.answer()
    faults = [*broken_rules(answer), *sorted(content_codes(row, answer))]
    if answer.mode != row.metadata["mode"]:
        faults.append(f"the mode is {answer.mode}")
    return faults
