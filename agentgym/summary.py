"""The summary of a run: what its records come to, folded one by one, in any order.

What is not evaluable stands in the counts and in no mean, for it says nothing of the agent. Whatever differs between
equal runs is under `timings`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from pydantic import JsonValue

from agentgym.episode import Outcome
from agentgym.facts import EpisodeFacts, read_facts
from agentgym.folds import ExactSum, Percentiles
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, Usage
from agentgym.metrics import Trials, clustered_interval, mean_pass_at_k, mean_pass_hat_k

__all__ = ["EpisodeFacts", "Summary", "read_facts", "tags_of"]

_OUTCOMES: tuple[Outcome, ...] = ("solved", "failed", "truncated", "not_evaluable")
_EVERY_K = 32
"""Above it only powers of two, and the number of trials itself, are worth a figure."""
_KNOWN: dict[Trials, Trials] = {}
"""Each count once: there are few of them, and as many places for one as there are tasks."""
T = TypeVar("T")


class Summary:
    """Folds episodes; three denominators stand beside each other.

    Memory is constant where each task is tried once (`trials=1`), else two numbers per task and tag; trials that
    nobody counted are 0.
    """

    def __init__(self, *, planned: int | None = None, trials: int = 1, tag_fields: Sequence[str] = ("tags",)) -> None:
        self._planned = planned
        self._trials = trials
        self._tag_fields = tag_fields
        self.scores = _Scores(by_task=trials != 1)
        self._tags: dict[str, _Scores] = {}
        self._conduct = _Conduct()
        self._causes = _Causes()
        self._spent = _Spent()
        self._divergences = 0

    def add(self, facts: EpisodeFacts) -> None:
        """Count an episode."""
        self.scores.add(facts)
        self._spent.add(facts.usage)
        self._divergences += facts.divergences
        for tag in tags_of(facts.task, self._tag_fields):
            scores = self._tags.get(tag)
            if scores is None:
                scores = self._tags[tag] = _Scores(by_task=self._trials != 1)
            scores.add(facts)
        if facts.outcome == "not_evaluable":
            self._causes.add(facts)
        else:
            self._conduct.add(facts)

    @property
    def usage(self) -> Usage:
        """What all episodes used up."""
        return self._spent.total

    def to_json(self) -> JsonObject:
        """All figures; nulls where there is nothing to tell."""
        scores, solved = self.scores, self.scores.outcomes["solved"]
        planned = scores.episodes if self._planned is None else self._planned
        tasks = scores.tasks()
        return {
            "planned": planned,
            "episodes": scores.episodes,
            "tasks": scores.task_count,
            "trials": self._trials,
            "outcomes": {name: scores.outcomes[name] for name in _OUTCOMES},
            "evaluable": scores.evaluable,
            "solved_rate": _share(solved, scores.evaluable),
            "solved_interval": scores.interval(),
            "solved_rate_of_planned": _share(solved, planned),
            "solved_rate_of_ended": _share(solved, solved + scores.outcomes["failed"]),
            "mean_reward": scores.mean_reward,
            "reward_terms": self._conduct.reward_terms(),
            "pass_at": {str(k): mean_pass_at_k(tasks, k) for k in _each_k(tasks, self._trials)},
            "pass_hat": {str(k): mean_pass_hat_k(tasks, k) for k in _each_k(tasks, self._trials)},
            "limits": _by_name(self._conduct.limits, int),
            **self._causes.to_json(),
            "tool_errors": self._conduct.tool_errors(),
            "turns": self._conduct.turns.to_json(50, 90),
            "usage": self._spent.to_json(),
            "tokens_per_episode": self._conduct.tokens.to_json(50, 90, 99),
            "tags": _by_name(self._tags, _Scores.to_json),
            "divergences": self._divergences,
            "timings": self._conduct.timings(),
        }


def tags_of(task: JsonObject, fields: Iterable[str]) -> list[str]:
    """The tags of a task, each once: the items of a field that holds a list, and `field=value` of any other."""
    return list(dict.fromkeys(tag for name in fields for tag in _tags_in(name, task.get(name))))


def _tags_in(name: str, value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        yield from (_plain(item) for item in value if not isinstance(item, list | dict | None))
    elif value is not None and not isinstance(value, dict):
        yield f"{name}={_plain(value)}"


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else dump_json(value).decode()


class _Scores:
    """Outcomes and rewards of some episodes."""

    __slots__ = ("_by_task", "_rewards", "outcomes")

    def __init__(self, *, by_task: bool) -> None:
        self.outcomes = Counter[Outcome]()
        self._rewards = ExactSum()
        self._by_task: dict[str, Trials] | None = {} if by_task else None

    def add(self, facts: EpisodeFacts) -> None:
        counts = facts.outcome != "not_evaluable"
        self.outcomes[facts.outcome] += 1
        if counts:
            self._rewards.add(facts.reward)
        if self._by_task is not None:
            successes, trials = self._by_task.get(facts.task_id, (0, 0))
            now = (successes + (facts.outcome == "solved"), trials + counts)
            self._by_task[facts.task_id] = _KNOWN.setdefault(now, now)

    @property
    def episodes(self) -> int:
        return self.outcomes.total()

    @property
    def evaluable(self) -> int:
        return self.episodes - self.outcomes["not_evaluable"]

    @property
    def mean_reward(self) -> float | None:
        return self._rewards.mean(self.evaluable)

    @property
    def task_count(self) -> int:
        return self.episodes if self._by_task is None else len(self._by_task)

    def tasks(self) -> Counter[Trials]:
        """How many tasks have the same successes and trials."""
        if self._by_task is not None:
            return Counter(self._by_task.values())
        solved = self.outcomes["solved"]
        return Counter({(1, 1): solved, (0, 1): self.evaluable - solved})

    def interval(self) -> list[JsonValue] | None:
        return [*clustered_interval(self.tasks())] if self.evaluable else None

    def to_json(self) -> JsonObject:
        return {
            "episodes": self.episodes,
            "evaluable": self.evaluable,
            "solved": self.outcomes["solved"],
            "solved_rate": _share(self.outcomes["solved"], self.evaluable),
            "solved_interval": self.interval(),
            "mean_reward": self.mean_reward,
        }


class _Conduct:
    """What the agent did, and how long it took: of evaluable episodes."""

    __slots__ = (
        "_elapsed",
        "_errors",
        "_latency",
        "_policy",
        "_seconds",
        "_terms",
        "_with",
        "limits",
        "tokens",
        "turns",
    )

    def __init__(self) -> None:
        self.limits = Counter[str]()
        self.turns, self.tokens = Percentiles(), Percentiles()
        self._seconds, self._latency = Percentiles(), Percentiles()
        self._elapsed, self._policy = ExactSum(), ExactSum()
        self._terms: dict[str, tuple[ExactSum, int]] = {}
        self._errors = Counter[str]()
        self._with = 0

    def add(self, facts: EpisodeFacts) -> None:
        if facts.outcome == "truncated":
            self.limits[facts.limit or "unknown"] += 1
        if facts.tool_errors:
            self._errors.update(facts.tool_errors)
            self._with += 1
        for name, term in facts.terms.items():
            total, count = self._terms.get(name) or (ExactSum(), 0)
            total.add(term.value)
            self._terms[name] = (total, count + 1)
        self.turns.add(facts.turns)
        self.tokens.add(max(0, facts.usage.tokens))
        self._time(facts)

    def reward_terms(self) -> JsonObject:
        return _by_name(self._terms, lambda term: {"mean": term[0].mean(term[1]), "episodes": term[1]})

    def tool_errors(self) -> JsonObject:
        return {
            "total": self._errors.total(),
            "by_kind": _by_name(self._errors, int),
            "episodes_with": self._with,
        }

    def timings(self) -> JsonObject:
        return {
            "episode_s": self._seconds.to_json(50, 90, 99),
            "call_latency_s": self._latency.to_json(50, 90, 99),
            "policy_share": _share(self._policy.value, self._elapsed.value),
        }

    def _time(self, facts: EpisodeFacts) -> None:
        self._seconds.add(max(0.0, facts.elapsed_s))
        self._elapsed.add(facts.elapsed_s)
        self._policy.add(facts.policy_s)
        for latency_s in facts.latencies_s:
            self._latency.add(latency_s)


class _Causes:
    """What made episodes not evaluable."""

    __slots__ = ("_counts", "_examples")

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._examples: dict[str, tuple[str, int, str]] = {}
        """The first by task and trial."""

    def add(self, facts: EpisodeFacts) -> None:
        cause = facts.cause
        name = "unknown" if cause is None else f"{cause.boundary} {cause.error}"
        self._counts[name] += 1
        if cause is not None:
            example = (facts.task_id, facts.trial, cause.message)
            self._examples[name] = min(example, self._examples.get(name, example))

    def to_json(self) -> JsonObject:
        return {
            "causes": _by_name(self._counts, int),
            "cause_examples": _by_name(self._examples, lambda example: example[2]),
        }


class _Spent:
    """What all episodes used up; the cost is summed without rounding."""

    __slots__ = ("_cached_tokens", "_calls", "_completion_tokens", "_cost_usd", "_prompt_tokens")

    def __init__(self) -> None:
        self._prompt_tokens = self._completion_tokens = self._cached_tokens = self._calls = 0
        self._cost_usd = ExactSum()

    def add(self, usage: Usage) -> None:
        self._prompt_tokens += usage.prompt_tokens
        self._completion_tokens += usage.completion_tokens
        self._cached_tokens += usage.cached_tokens
        self._calls += usage.calls
        self._cost_usd.add(usage.cost_usd)

    @property
    def total(self) -> Usage:
        cost_usd = self._cost_usd.value
        return Usage(self._prompt_tokens, self._completion_tokens, self._cached_tokens, cost_usd, self._calls)

    def to_json(self) -> JsonObject:
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self._completion_tokens,
            "cached_tokens": self._cached_tokens,
            "calls": self._calls,
            "cost_usd": self._cost_usd.value,
        }


def _each_k(tasks: Iterable[Trials], trials: int) -> list[int]:
    most = trials or max((tried for _, tried in tasks), default=0)
    return [k for k in range(1, most + 1) if k <= _EVERY_K or k == most or k & (k - 1) == 0]


def _by_name(things: Mapping[str, T], figure: Callable[[T], JsonValue]) -> JsonObject:
    return {name: figure(things[name]) for name in sorted(things)}


def _share(part: float, whole: float) -> float | None:
    share = part / whole if whole else math.inf
    return share if math.isfinite(share) else None
