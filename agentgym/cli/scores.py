"""The scores of runs, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from agentgym.cli.output import write_json, write_table
from agentgym.messages import JsonObject

_NUMBERS = (
    *("episodes", "solved", "failed", "truncated", "not evaluable"),
    *("solved rate", "95% interval", "reward", "idle reward", "turns", "tokens", "cost"),
)


@dataclass(frozen=True, slots=True)
class Score:
    """How one policy did in one suite, or why there is no telling."""

    suite: str
    policy: str = "-"
    summary: JsonObject = field(default_factory=dict)
    problem: str | None = None
    run: str | None = None
    """The run directory, where there is one."""
    idle_reward: float | None = None
    """What the idle agent gets on the same tasks."""


def write_scores(scores: Sequence[Score], *, seed: int | None = None, as_json: bool) -> None:
    """Print them all; the reward of the idle agent stands beside each."""
    with suppress(BrokenPipeError):  # whether anybody reads them or not, the exit code is still to come
        if as_json:
            write_json({"seed": seed, "scores": [_json(score) for score in scores]})
        else:
            _write_table(scores)


def _write_table(scores: Sequence[Score]) -> None:
    notes = [_note(score) for score in scores]
    header = ("suite", "policy", *_NUMBERS, *(["note"] if any(notes) else []))
    rows = [
        (score.suite, score.policy, *_numbers(score), note)[: len(header)]
        for score, note in zip(scores, notes, strict=True)
    ]
    write_table(header, rows, right=_NUMBERS)


def _numbers(score: Score) -> list[str]:
    summary: dict[str, Any] = score.summary
    if not summary:
        return ["-"] * len(_NUMBERS)
    done, planned = summary["episodes"], summary["planned"]
    usage = summary["usage"]
    return [
        str(done) if done == planned else f"{done} of {planned}",
        *(str(summary["outcomes"][name]) for name in ("solved", "failed", "truncated", "not_evaluable")),
        _number(summary["solved_rate"]),
        _interval(summary["solved_interval"]),
        *map(_number, (summary["mean_reward"], score.idle_reward)),
        _number(summary["turns"]["mean"], digits=1),
        str(usage["prompt_tokens"] + usage["completion_tokens"]),
        f"${usage['cost_usd']:.2f}",
    ]


def _json(score: Score) -> JsonObject:
    return {
        "suite": score.suite,
        "policy": score.policy,
        "skipped": score.problem,
        "run": score.run,
        "idle_mean_reward": score.idle_reward,
        **{name: value for name, value in score.summary.items() if name not in ("suite", "policy")},
    }


def _note(score: Score) -> str:
    if score.problem is not None:
        return f"skipped: {score.problem}"
    causes: Any = score.summary.get("causes", {})
    return ", ".join(f"{count} x {cause}" for cause, count in sorted(causes.items()))


def _interval(bounds: list[float] | None) -> str:
    return "-" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _number(value: float | None, *, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
