"""What a summary needs to know of an episode, read from its record without building the whole of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from agentgym.episode import SCHEMA_VERSION, Cause, Episode, Outcome, RewardTerm
from agentgym.messages import NO_USAGE, JsonObject, Usage
from agentgym.quickinit import quick_init

_OUTCOMES = ("solved", "failed", "truncated", "not_evaluable")


@quick_init
@dataclass(frozen=True, kw_only=True)
class EpisodeFacts:
    """A light view of one episode."""

    task_id: str
    task: JsonObject = field(default_factory=dict)
    trial: int = 0
    outcome: Outcome
    limit: str | None = None
    cause: Cause | None = None
    reward: float = 0.0
    terms: dict[str, RewardTerm] = field(default_factory=dict)
    turns: int = 0
    usage: Usage = NO_USAGE
    tool_errors: tuple[str, ...] = ()
    """Their kinds; `invalid_action` for a turn the environment could not read, which makes no step."""
    divergences: int = 0
    latencies_s: tuple[float, ...] = ()
    """Of each turn where it is known."""
    elapsed_s: float = 0.0
    policy_s: float = 0.0

    @classmethod
    def of(cls, episode: Episode) -> EpisodeFacts:
        """The facts of an episode that was just played; those of its record are the same."""
        spent = episode.timings
        kinds = [step.tool_error for step in episode.steps()]
        return cls(
            task_id=episode.task_id,
            task=episode.task,
            trial=episode.trial,
            outcome=episode.outcome,
            limit=episode.limit,
            cause=episode.cause,
            reward=_number(episode.reward),
            terms=episode.terms,
            turns=len(episode.turns),
            usage=episode.usage,
            tool_errors=_mistakes(episode.tool_errors, kinds, len(episode.turns)),
            divergences=episode.divergences,
            latencies_s=_known(record.turn.latency_s for record in episode.turns),
            elapsed_s=_number(spent.elapsed_s),
            policy_s=_number(spent.policy_s),
        )


def read_facts(line: bytes) -> EpisodeFacts:
    """The facts of a record; DataFileError where it is none.

    A record that is not as `Episode.to_json` writes it today is read as a whole, slowly, or refused in its words.
    """
    try:
        return _facts(orjson.loads(line))
    except (ValueError, LookupError, TypeError, AttributeError):
        return EpisodeFacts.of(Episode.from_json(line))


def _facts(record: dict[str, Any]) -> EpisodeFacts:
    outcome, turns, spent, cause = record["outcome"], record["turns"], record["timings"], record["cause"]
    if record["schema_version"] != SCHEMA_VERSION or outcome not in _OUTCOMES or type(turns) is not list:
        raise ValueError(outcome)
    kinds = [step["tool_error"] for turn in turns for step in turn["steps"]]
    return EpisodeFacts(
        task_id=_text(record["task_id"]),
        task=dict(record["task"]),
        trial=_whole(record["trial"]),
        outcome=outcome,
        limit=None if record["limit"] is None else _text(record["limit"]),
        cause=None if cause is None else Cause(cause["boundary"], _text(cause["error"]), _text(cause["message"])),
        reward=_number(record["reward"]),
        terms={name: _term(term) for name, term in record["terms"].items()},
        turns=len(turns),
        usage=_usage(record["usage"]),
        tool_errors=_mistakes(_whole(record["tool_errors"]), kinds, len(turns)),
        divergences=_whole(record.get("divergences", 0)),
        latencies_s=_known([turn["turn"]["latency_s"] for turn in turns]),
        elapsed_s=_number(spent["elapsed_s"]),
        policy_s=_number(spent["policy_s"]),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        _whole(usage["prompt_tokens"]),
        _whole(usage["completion_tokens"]),
        _whole(usage["cached_tokens"]),
        _number(usage["cost_usd"]),
        _whole(usage["calls"]),
    )


def _term(term: dict[str, Any]) -> RewardTerm:
    return RewardTerm(_number(term["value"]), _number(term["weight"]))


def _mistakes(count: int, kinds: Iterable[str | None], turns: int) -> tuple[str, ...]:
    """An answer without any call is none; what the count has above the steps are turns that made no step."""
    told = [_text(kind) for kind in kinds if kind is not None and kind != "no_call"]
    return (*told, *["invalid_action"] * min(count - len(told), turns))


def _known(latencies: Iterable[float | None]) -> tuple[float, ...]:
    return tuple([float(latency) for latency in latencies if latency is not None and 0 <= latency < math.inf])


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise TypeError(value)
    return float(value)
