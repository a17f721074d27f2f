"""The summary of a run: what its records come to, folded one by one, in any order and in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import orjson

from agentgym.episode import Cause, Episode, RewardTerm
from agentgym.errors import DataFileError
from agentgym.messages import NO_USAGE, JsonObject, Usage
from agentgym.metrics import Percentiles, clustered_interval, pass_at_k, pass_hat_k, wilson_interval

_OUTCOMES = ("solved", "failed", "truncated", "not_evaluable")


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """What a summary needs to know of an episode."""

    task_id: str
    task: JsonObject
    trial: int
    outcome: str
    limit: str | None
    cause: Cause | None
    reward: float
    terms: dict[str, RewardTerm]
    turns: int
    usage: Usage
    tool_errors: tuple[str, ...]
    """Their kinds."""
    divergences: int
    elapsed_s: float
    policy_s: float
    latencies_s: tuple[float, ...]
    """Of the model calls, where they are known."""

    @classmethod
    def of(cls, episode: Episode) -> EpisodeFacts:
        """The facts of an episode at hand."""
        return cls(
            episode.task_id,
            episode.task,
            episode.trial,
            episode.outcome,
            episode.limit,
            episode.cause,
            episode.reward,
            episode.terms,
            len(episode.turns),
            episode.usage,
            tuple(step.tool_error for step in episode.steps() if step.tool_error not in (None, "no_call")),
            episode.divergences,
            episode.timings.elapsed_s,
            episode.timings.policy_s,
            tuple(record.turn.latency_s for record in episode.turns if record.turn.latency_s is not None),
        )


def read_facts(line: bytes) -> EpisodeFacts:
    """The facts of a record, without building the whole of it."""
    try:
        record: dict[str, Any] = orjson.loads(line)
        return _facts(record)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataFileError(f"not an episode record: {line[:80].decode(errors='replace')!r}") from None


def _facts(record: dict[str, Any]) -> EpisodeFacts:
    turns, timings, cause = record["turns"], record["timings"], record.get("cause")
    kinds = (step.get("tool_error") for turn in turns for step in turn["steps"])
    latencies = (turn["turn"].get("latency_s") for turn in turns)
    usage = record.get("usage")
    return EpisodeFacts(
        record["task_id"],
        record["task"],
        record["trial"],
        record["outcome"],
        record.get("limit"),
        None if cause is None else Cause(cause["boundary"], cause["error"], cause["message"]),
        record["reward"],
        {name: RewardTerm(term["value"], term["weight"]) for name, term in record["terms"].items()},
        len(turns),
        NO_USAGE if usage is None else _usage(usage),
        tuple(kind for kind in kinds if kind not in (None, "no_call")),
        record.get("divergences", 0),
        timings["elapsed_s"],
        timings["policy_s"],
        tuple(latency for latency in latencies if latency is not None),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["cached_tokens"],
        usage["cost_usd"],
        usage["calls"],
    )


@dataclass(slots=True)
class _Scores:
    """Outcomes and rewards of some episodes."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rewards: Fraction = Fraction(0)
    """The exact sum over evaluable episodes; adding floats would depend on their order."""

    def add(self, facts: EpisodeFacts) -> None:
        self.outcomes[facts.outcome] += 1
        if facts.outcome != "not_evaluable":
            self.rewards += Fraction(facts.reward)

    @property
    def episodes(self) -> int:
        return self.outcomes.total()

    @property
    def evaluable(self) -> int:
        return self.episodes - self.outcomes["not_evaluable"]

    @property
    def mean_reward(self) -> float | None:
        return float(self.rewards / self.evaluable) if self.evaluable else None

    def interval(self) -> tuple[float, float] | None:
        return wilson_interval(self.outcomes["solved"], self.evaluable) if self.evaluable else None


class Summary:
    """Folds episodes; three denominators stand beside each other, and what was not evaluable is in no mean."""

    def __init__(self, *, planned: int | None = None, trials: int = 1, tag_fields: Sequence[str] = ("tags",)) -> None:
        self._planned = planned
        self._trials = trials
        self._tag_fields = tag_fields
        self.scores = _Scores()
        self.usage: Usage = NO_USAGE
        self._cost = Fraction(0)
        self._tags: dict[str, _Scores] = {}
        self._terms: dict[str, tuple[Fraction, int]] = {}
        self._limits, self._causes, self._tool_errors = Counter[str](), Counter[str](), Counter[str]()
        self._examples: dict[str, tuple[str, int, str]] = {}
        self._by_task: dict[str, tuple[int, int]] = {}
        """Successes and trials; kept only where there are several trials."""
        self._with_tool_errors = self._divergences = 0
        self._turns, self._tokens = Percentiles(), Percentiles()
        self._elapsed, self._latency = Percentiles(), Percentiles()
        self._shares = (Fraction(0), Fraction(0))

    def add(self, facts: EpisodeFacts) -> None:
        """Count an episode."""
        self.scores.add(facts)
        self.usage += facts.usage
        self._cost += Fraction(facts.usage.cost_usd)
        self._divergences += facts.divergences
        for tag in tags_of(facts.task, self._tag_fields):
            self._tags.setdefault(tag, _Scores()).add(facts)
        self._time(facts)
        if facts.outcome == "not_evaluable":
            self._add_cause(facts)
        else:
            self._add_evaluable(facts)

    def to_json(self) -> JsonObject:
        """All figures; whatever differs between equal runs is under `timings`."""
        scores, solved = self.scores, self.scores.outcomes["solved"]
        planned = scores.episodes if self._planned is None else self._planned
        ended = solved + scores.outcomes["failed"]
        return {
            "planned": planned,
            "episodes": scores.episodes,
            "trials": self._trials,
            "outcomes": {name: scores.outcomes[name] for name in _OUTCOMES},
            "evaluable": scores.evaluable,
            "solved_rate": _share(solved, scores.evaluable),
            "solved_interval": _pair(self._interval()),
            "solved_rate_of_planned": _share(solved, planned),
            "solved_rate_of_ended": _share(solved, ended),
            "mean_reward": scores.mean_reward,
            "reward_terms": {
                name: {"mean": float(total / count), "episodes": count}
                for name, (total, count) in sorted(self._terms.items())
            },
            "pass_at": {str(k): value for k, value in self._passes(pass_at_k)},
            "pass_hat": {str(k): value for k, value in self._passes(pass_hat_k)},
            "limits": _counted(self._limits),
            "causes": _counted(self._causes),
            "cause_examples": {name: told for name, (_, _, told) in sorted(self._examples.items())},
            "tool_errors": {
                "total": self._tool_errors.total(),
                "by_kind": _counted(self._tool_errors),
                "episodes_with": self._with_tool_errors,
            },
            "turns": _percentiles(self._turns, 50, 90),
            "usage": {
                "prompt_tokens": self.usage.prompt_tokens,
                "completion_tokens": self.usage.completion_tokens,
                "cached_tokens": self.usage.cached_tokens,
                "calls": self.usage.calls,
                "cost_usd": float(self._cost),
            },
            "tokens_per_episode": _percentiles(self._tokens, 50, 90, 99),
            "tags": {name: _tag(scores) for name, scores in sorted(self._tags.items())},
            "divergences": self._divergences,
            "timings": {
                "episode_s": _percentiles(self._elapsed, 50, 90, 99),
                "call_latency_s": _percentiles(self._latency, 50, 90, 99),
                "policy_share": float(self._shares[0] / self._shares[1]) if self._shares[1] else None,
            },
        }

    def _add_evaluable(self, facts: EpisodeFacts) -> None:
        if facts.limit is not None:
            self._limits[facts.limit] += 1
        for name, term in facts.terms.items():
            total, count = self._terms.get(name, (Fraction(0), 0))
            self._terms[name] = (total + Fraction(term.value), count + 1)
        if facts.tool_errors:
            self._tool_errors.update(facts.tool_errors)
            self._with_tool_errors += 1
        self._turns.add(facts.turns)
        self._tokens.add(facts.usage.tokens)
        if self._trials != 1:
            solved, trials = self._by_task.get(facts.task_id, (0, 0))
            self._by_task[facts.task_id] = (solved + (facts.outcome == "solved"), trials + 1)

    def _add_cause(self, facts: EpisodeFacts) -> None:
        if facts.cause is None:
            return
        name = f"{facts.cause.boundary} {facts.cause.error}"
        self._causes[name] += 1
        example = (facts.task_id, facts.trial, facts.cause.message)
        self._examples[name] = min(example, self._examples.get(name, example))

    def _time(self, facts: EpisodeFacts) -> None:
        self._elapsed.add(facts.elapsed_s)
        for latency_s in facts.latencies_s:
            self._latency.add(latency_s)
        spent, whole = self._shares
        self._shares = (spent + Fraction(facts.policy_s), whole + Fraction(facts.elapsed_s))

    def _interval(self) -> tuple[float, float] | None:
        several = any(trials > 1 for _, trials in self._by_task.values())
        return clustered_interval(self._by_task.values()) if several else self.scores.interval()

    def _passes(self, chance: Any) -> Iterator[tuple[int, float]]:
        """For each k the mean over the tasks that have as many trials; k goes as far as some task has."""
        if not self._by_task:
            rate = _share(self.scores.outcomes["solved"], self.scores.evaluable)
            yield from [] if rate is None else [(1, rate)]
            return
        for k in range(1, max(trials for _, trials in self._by_task.values()) + 1):
            enough = [(solved, trials) for solved, trials in self._by_task.values() if trials >= k]
            total = sum((Fraction(chance(trials, solved, k)) for solved, trials in enough), Fraction(0))
            yield k, float(total / len(enough))


def tags_of(task: JsonObject, fields: Iterable[str]) -> Iterator[str]:
    """The tags of a task: the items of a field that holds a list, and `field=value` of any other."""
    for name in fields:
        value = task.get(name)
        if isinstance(value, list):
            yield from dict.fromkeys(str(item) for item in value)
        elif value is not None and not isinstance(value, dict):
            yield f"{name}={value}"


def _tag(scores: _Scores) -> JsonObject:
    return {
        "episodes": scores.episodes,
        "evaluable": scores.evaluable,
        "solved": scores.outcomes["solved"],
        "solved_rate": _share(scores.outcomes["solved"], scores.evaluable),
        "solved_interval": _pair(scores.interval()),
        "mean_reward": scores.mean_reward,
    }


def _percentiles(values: Percentiles, *percents: int) -> JsonObject:
    told: JsonObject = {"mean": values.mean}
    told |= {f"p{percent}": values.at(percent) for percent in percents}
    return told | {"max": values.most if values.count else None}


def _counted(counts: Counter[str]) -> JsonObject:
    return dict(sorted(counts.items()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _pair(bounds: tuple[float, float] | None) -> list[Any] | None:
    return None if bounds is None else list(bounds)
