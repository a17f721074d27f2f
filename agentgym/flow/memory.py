"""What the agent remembers of an episode: it only grows, and growing takes no model, so a trace can be replayed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from agentgym.flow.types import CallResult, Knowledge, MemoryRecord
from agentgym.messages import ToolCall

SUMMARY_CHARS = 40_000
_LEAST_LINE = 160
"""What every earlier turn is told in at least, as long as there is any room."""


@dataclass(frozen=True, slots=True)
class SubGoal:
    """Something to reach on the way."""

    goal: str
    status: Literal["pending", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class Memory:
    """All turns so far."""

    query: str
    knowledge: Knowledge = field(default_factory=Knowledge)
    records: tuple[MemoryRecord, ...] = ()
    sub_goals: tuple[SubGoal, ...] = ()
    notes: tuple[str, ...] = ()

    def append(self, record: MemoryRecord) -> Memory:
        """The memory with one more turn."""
        issues = record.verdict.issues if record.verdict is not None else ()
        new = tuple(f"turn {record.turn}: {issue}" for issue in issues)
        return replace(
            self,
            records=(*self.records, record),
            sub_goals=_with_goal(self.sub_goals, record),
            notes=self.notes + new,
        )

    @property
    def last(self) -> MemoryRecord | None:
        """The turn before."""
        return self.records[-1] if self.records else None

    def summary(self, max_chars: int = SUMMARY_CHARS) -> str:
        """The query, open sub-goals, the last turn in full, and a line for each one before.

        Those lines share what room is left. What went wrong is never dropped, nor is the last turn, however long.
        """
        goals = [f"- {goal.goal} ({goal.status})" for goal in self.sub_goals if goal.status != "completed"]
        opening = [f"Query: {self.query}", *(["Open sub-goals:", *goals] if goals else [])]
        last = [_in_full(record) for record in self.records[-1:]]
        room = max_chars - sum(len(part) + 1 for part in (*opening, *last))
        return "\n".join([*opening, *_earlier(self.records[:-1], room), *last])


def _with_goal(goals: tuple[SubGoal, ...], record: MemoryRecord) -> tuple[SubGoal, ...]:
    """A goal is reached when its calls worked and nobody objected."""
    goal = record.plan.sub_goal
    if not goal:
        return goals
    replanned = record.verdict is not None and record.verdict.status == "replan"
    status: Literal["completed", "failed"] = "completed" if record.execution.ok and not replanned else "failed"
    return (*(each for each in goals if each.goal != goal), SubGoal(goal, status))


def _earlier(records: tuple[MemoryRecord, ...], room: int) -> list[str]:
    """The newest get the room that the others leave; a line that tells of an error stays whatever the room."""
    lines: list[str] = []
    left_out = 0
    for place in range(len(records) - 1, -1, -1):
        record, line = records[place], _line(records[place])
        most = room - place * _LEAST_LINE
        if not record.execution.ok or len(line) < most:
            told = line
        elif most >= _LEAST_LINE:
            told = f"{line[: most - 5]} ..."
        else:
            left_out += 1
            continue
        lines.append(told)
        room -= len(told) + 1
    if left_out:
        lines.append(f"({left_out} earlier turns are left out)")
    return lines[::-1]


def _line(record: MemoryRecord) -> str:
    told = "; ".join(f"{_call(result.call)} -> {_outcome(result)}" for result in record.execution.results)
    return " ".join(f"Turn {record.turn}: {_goal(record)}{told or _shown(record)}".split())


def _in_full(record: MemoryRecord) -> str:
    lines = [f"Turn {record.turn} (the last): {record.plan.sub_goal}".rstrip(": ")]
    if record.plan.analysis:
        lines.append(f"Analysis: {record.plan.analysis}")
    lines += [f"Call: {_call(result.call)}\nResult: {_outcome(result)}" for result in record.execution.results]
    return "\n".join([*lines, *([] if record.execution.results else [f"Shown: {_shown(record)}"])])


def _goal(record: MemoryRecord) -> str:
    return f"{record.plan.sub_goal}: " if record.plan.sub_goal else ""


def _shown(record: MemoryRecord) -> str:
    return record.execution.observation or "nothing"


def _call(call: ToolCall) -> str:
    return f"{call.name}({call.text})"


def _outcome(result: CallResult) -> str:
    return result.output if result.ok else f"ERROR ({result.error_type}): {result.error}"
