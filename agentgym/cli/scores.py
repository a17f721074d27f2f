"""The scores of a benchmark, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgym.cli.output import write_json, write_table
from agentgym.messages import JsonObject
from agentgym.suite import Tally

_NUMBERS = (
    *("episodes", "solved", "failed", "truncated", "not evaluable"),
    *("solved rate", "95% interval", "reward", "idle reward", "turns", "seconds"),
)


@dataclass(frozen=True, slots=True)
class Score:
    """How one policy did in one suite, or why there is no telling."""

    suite: str
    policy: str = "-"
    tally: Tally = field(default_factory=Tally)
    problem: str | None = None


def write_scores(scores: Sequence[Score], *, seed: int, as_json: bool) -> None:
    """Print them all; the reward of the idle agent stands beside each."""
    idle = {score.suite: score.tally.mean_reward for score in scores if score.policy == "idle"}
    if as_json:
        write_json({"seed": seed, "scores": [_json(score, idle.get(score.suite)) for score in scores]})
        return
    notes = [_note(score) for score in scores]
    header = ("suite", "policy", *_NUMBERS, *(["note"] if any(notes) else []))
    rows = [
        (score.suite, score.policy, *_numbers(score, idle.get(score.suite)), note)[: len(header)]
        for score, note in zip(scores, notes, strict=True)
    ]
    write_table(header, rows, right=_NUMBERS)


def _numbers(score: Score, idle: float | None) -> list[str]:
    if score.problem is not None:
        return ["-"] * len(_NUMBERS)
    tally = score.tally
    counts = (tally.outcomes[outcome] for outcome in ("solved", "failed", "truncated", "not_evaluable"))
    return [
        *map(str, (tally.episodes, *counts)),
        _number(tally.solved_rate),
        _interval(tally.solved_interval),
        *map(_number, (tally.mean_reward, idle)),
        _number(tally.turns_per_episode, digits=1),
        f"{tally.elapsed_s:.2f}",
    ]


def _json(score: Score, idle: float | None) -> JsonObject:
    tally = score.tally
    low, high = tally.solved_interval or (None, None)
    return {
        "suite": score.suite,
        "policy": score.policy,
        "skipped": score.problem,
        "episodes": tally.episodes,
        **{outcome: tally.outcomes[outcome] for outcome in ("solved", "failed", "truncated", "not_evaluable")},
        "causes": dict(sorted(tally.causes.items())),
        "solved_rate": tally.solved_rate,
        "solved_rate_low": low,
        "solved_rate_high": high,
        "mean_reward": tally.mean_reward,
        "idle_mean_reward": idle,
        "turns_per_episode": tally.turns_per_episode,
        "wall_s": tally.elapsed_s,
    }


def _note(score: Score) -> str:
    if score.problem is not None:
        return f"skipped: {score.problem}"
    return ", ".join(f"{count} x {cause}" for cause, count in sorted(score.tally.causes.items()))


def _interval(bounds: tuple[float, float] | None) -> str:
    return "-" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _number(value: float | None, *, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
