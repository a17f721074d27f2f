"""Figures of a run of code-debug that no other environment has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentgym.episode import Episode
from agentgym.folds import ExactSum
from agentgym.messages import JsonObject
from agentgym.metrics import Trials, mean_pass_at_k
from environments.code_debug.toolconfig import RUN


def code_debug(episodes: Iterator[Episode]) -> JsonObject:
    """Of the episodes that are evaluable; null where there is nothing to tell.

    `fix_after_error_rate` is the share of solved ones among those in which a program failed on a visible case.
    """
    counts = _Counts()
    for episode in episodes:
        if episode.outcome != "not_evaluable":
            counts.add(episode)
    return counts.figures()


@dataclass(slots=True)
class _Counts:
    episodes: int = 0
    solved: int = 0
    attempts: int = 0
    with_tool: int = 0
    with_error: int = 0
    fixed: int = 0
    shares: ExactSum = field(default_factory=ExactSum)
    quality: dict[str, ExactSum] = field(default_factory=dict)
    with_quality: int = 0
    by_task: dict[str, Trials] = field(default_factory=dict)

    def add(self, episode: Episode) -> None:
        attempts, failed = _runs(episode)
        self.episodes += 1
        self.solved += episode.solved
        self.attempts += attempts
        self.with_tool += attempts > 0
        self.with_error += failed
        self.fixed += failed and episode.solved
        self._add_graded(episode)
        successes, trials = self.by_task.get(episode.task_id, (0, 0))
        self.by_task[episode.task_id] = (successes + episode.solved, trials + 1)

    def figures(self) -> JsonObject:
        return {
            "pass@1": mean_pass_at_k(self.by_task.values(), 1),
            "solved_rate": _share(self.solved, self.episodes),
            "mean_attempts": _share(self.attempts, self.episodes),
            "tool_use_rate": _share(self.with_tool, self.episodes),
            "fix_after_error_rate": _share(self.fixed, self.with_error),
            "share_of_cases_passed": self.shares.mean(self.episodes),
            "quality": {name: total.mean(self.with_quality) for name, total in sorted(self.quality.items())},
        }

    def _add_graded(self, episode: Episode) -> None:
        """The share of hidden cases, and how the program was written; none where nothing was graded."""
        last = episode.turns[-1].steps[-1] if episode.turns and episode.turns[-1].steps else None
        observed: dict[str, Any] = {} if last is None else last.observation
        if last is None or "passed_cases" not in observed:
            return
        self.shares.add(observed["passed_cases"] / observed["total_cases"])
        quality = last.info.get("quality")
        if isinstance(quality, dict):
            self.with_quality += 1
            for name in ("lines", "characters", "complexity", "findings"):
                self.quality.setdefault(name, ExactSum()).add(float(str(quality[name])))


def _runs(episode: Episode) -> tuple[int, bool]:
    """How many different programs were run, and whether one failed."""
    programs = set[tuple[object, object]]()
    failed = False
    for step in episode.steps():
        action: dict[str, Any] = step.action
        if action.get("tool") != RUN or action.get("type") != "tool" or step.tool_error is not None:
            continue
        status = step.observation.get("status")
        if status != "bad_index":
            programs.add((action["arguments"]["code"], action["arguments"]["language"]))
            failed = failed or status not in ("passed", "ran", None)
    return len(programs), failed


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
