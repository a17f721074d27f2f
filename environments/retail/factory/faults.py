"""Why a conversation did not go well, in one word, and whose fault it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from agentgym.episode import Episode
from agentgym.messages import JsonObject
from environments.retail.desk import WRITES
from environments.retail.factory.results import Result

FaultBy = Literal["agent", "user", "infrastructure"]


@dataclass(frozen=True, slots=True)
class Mishap:
    """What went wrong."""

    label: str
    by: FaultBy = "agent"

    def to_json(self) -> JsonObject:
        """As rows have it."""
        return {"fault": self.label, "fault_by": self.by}


def mishap_of(episode: Episode, result: Result) -> Mishap | None:
    """What went wrong in an episode; None where nothing did."""
    if result.success:
        return None
    if episode.cause is not None:
        by: FaultBy = "user" if episode.cause.boundary == "user" else "infrastructure"
        return Mishap(f"{episode.cause.boundary}_broke", by)
    failure = result.failure or ""
    if failure.startswith("limit"):
        return Mishap(f"ran_out_of_{episode.limit}")
    return Mishap(_of_changes(episode) if "state" in failure else "not_told" if "outputs" in failure else "other")


def _of_changes(episode: Episode) -> str:
    """What is wrong with what was changed, by the tools alone."""
    made, expected = Counter(_changes(episode)), Counter(_expected(episode))
    if made == expected:
        return "wrong_arguments"
    if not made - expected:
        return "not_all_done"
    return "wrong_tool" if expected - made else "more_than_asked"


def _changes(episode: Episode) -> list[str]:
    """The tools that changed anything."""
    return [str(step.action.get("tool")) for step in episode.steps() if step.observation.get("changed")]


def _expected(episode: Episode) -> list[str]:
    actions = episode.task.get("actions")
    named = [action.get("name") for action in actions if isinstance(action, dict)] if isinstance(actions, list) else []
    return [str(name) for name in named if name in WRITES]
