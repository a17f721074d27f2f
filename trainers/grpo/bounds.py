"""Which recorded rows are still near enough to the weights that learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from trainers.advantages import Lesson
from trainers.dataset.rows import TokenRow
from trainers.grpo.scoring import Scorer, drift
from trainers.grpo.versions import updates_between
from trainers.recipe import GrpoSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """The lessons that are near enough, and how far off all of them were."""

    kept: tuple[Lesson, ...]
    figures: dict[str, float]


def near_enough(lessons: Sequence[Lesson], settings: GrpoSettings, *, scorer: Scorer, version: str) -> Nearness:
    """Leave out what was sampled too many updates ago, or what the present weights find too different."""
    ages = [age_of(lesson.row, version) for lesson in lessons]
    drifts = _drifts(lessons, scorer)
    kept = tuple(
        lesson
        for lesson, age, far in zip(lessons, ages, drifts, strict=True)
        if not _is_older(age, settings.max_staleness) and not _is_beyond(far, settings.max_drift)
    )
    known = [age for age in ages if age is not None]
    figures = {
        "drift": fmean(drifts) if drifts else 0.0,
        "stale_rows": sum(_is_older(age, settings.max_staleness) for age in ages),
        "drifted_rows": sum(_is_beyond(far, settings.max_drift) for far in drifts),
        "unknown_versions": len(ages) - len(known),
    }
    if known:
        figures |= {"staleness": fmean(known), "staleness_max": max(known)}
    return Nearness(kept=kept, figures=figures)


def age_of(row: TokenRow, version: str) -> int | None:
    """How many updates the weights of this version are ahead of those that sampled a row; None where not known."""
    ages = [updates_between(sample.model_version, version) for sample in row.samples]
    known = [age for age in ages if age is not None]
    return max(known) if known and len(known) == len(ages) else None


def _drifts(lessons: Sequence[Lesson], scorer: Scorer) -> list[float]:
    rows = [lesson.row for lesson in lessons]
    return [drift(row.logprobs or (), present) for row, present in zip(rows, scorer.logprobs(rows), strict=True)]


def _is_older(age: int | None, most: int | None) -> bool:
    return age is not None and most is not None and age > most


def _is_beyond(far: float, most: float | None) -> bool:
    return most is not None and far > most
