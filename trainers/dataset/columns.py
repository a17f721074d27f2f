"""Token rows as the flat rows of files: `input_ids` and `labels` as trainers take them, and beside them all else."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from hashlib import blake2b
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError, model_validator

from agentgym.episode import Outcome, RewardTerm
from agentgym.errors import DataFileError, one_line
from agentgym.jsontext import dump_json, parse_json
from trainers.dataset.rows import IGNORED, Origin, Sample, TokenRow

Columns = dict[str, Any]


def columns_of(row: TokenRow) -> Columns:
    """The row's columns; the reward's terms are JSON text, for they are not the same in all rows."""
    origin = row.origin
    return {
        "input_ids": list(row.input_ids),
        "labels": list(row.labels),
        "logprobs": None if row.logprobs is None else list(row.logprobs),
        "samples": [asdict(sample) for sample in row.samples],
        "exact": row.exact,
        "number": row.number,
        "source": origin.source,
        "environment": origin.environment,
        "suite": origin.suite,
        "policy": origin.policy,
        "task_id": origin.task_id,
        "trial": origin.trial,
        "outcome": origin.outcome,
        "reward": origin.reward,
        "terms": dump_json({name: asdict(term) for name, term in origin.terms.items()}).decode(),
    }


def row_of(columns: Mapping[str, Any], *, source: str, place: int) -> TokenRow:
    """The row that was written, or one of somebody else's `input_ids` and `labels`; `place` counts from 1."""
    where = f"{source}: row {place}"
    try:
        row = _Columns.model_validate(columns).row()
        return row if row.origin.task_id else replace(row, origin=_nameless(row, source, place))
    except ValidationError as error:
        raise DataFileError(f"{where}: {one_line(error)}") from None
    except ValueError as error:
        raise DataFileError(f"{where}: {error}") from None


class _Sample(BaseModel):
    begin: NonNegativeInt
    end: NonNegativeInt
    turn: int
    role: str | None = None
    temperature: float | None = None
    model_version: str | None = None
    finish_reason: str | None = None


class _Term(BaseModel):
    value: float
    weight: float = 1.0


class _Terms(BaseModel):
    terms: dict[str, _Term]


class _Columns(BaseModel):
    model_config = ConfigDict(strict=False)

    input_ids: list[NonNegativeInt]
    labels: list[int]
    logprobs: list[float] | None = None
    samples: list[_Sample] | None = None
    exact: bool = False
    number: int = 0
    source: str = ""
    environment: str | None = None
    suite: str | None = None
    policy: str | None = None
    task_id: str = ""
    trial: int = 0
    outcome: Outcome | None = None
    reward: float | None = None
    terms: str = "{}"

    @model_validator(mode="after")
    def _check(self) -> _Columns:
        if len(self.labels) != len(self.input_ids):
            raise ValueError(f"labels: {len(self.labels)} of them for {len(self.input_ids)} input_ids")
        if any(label not in (IGNORED, id) for id, label in zip(self.input_ids, self.labels, strict=True)):
            raise ValueError(f"labels: each is its token, or {IGNORED}")
        return self

    def row(self) -> TokenRow:
        samples = tuple(self._samples())
        row = TokenRow(
            origin=self._origin(),
            number=self.number,
            input_ids=tuple(self.input_ids),
            samples=samples,
            logprobs=None if self.logprobs is None else tuple(self.logprobs),
            exact=self.exact,
        )
        if row.labels != tuple(self.labels) or sum(map(len, samples)) != _count(self.labels):
            raise ValueError("samples: they are not the tokens that have labels")
        if row.logprobs is not None and len(row.logprobs) != row.sampled_count:
            raise ValueError(f"logprobs: {len(row.logprobs)} of them for {row.sampled_count} sampled tokens")
        return row

    def _samples(self) -> Iterator[Sample]:
        if self.samples is not None:
            yield from (Sample(**sample.model_dump()) for sample in self.samples)
            return
        begin = None
        for place, label in enumerate([*self.labels, IGNORED]):
            if label != IGNORED and begin is None:
                begin = place
            elif label == IGNORED and begin is not None:
                yield Sample(begin=begin, end=place, turn=1)
                begin = None

    def _origin(self) -> Origin:
        terms = _Terms.model_validate({"terms": parse_json(self.terms)}).terms
        return Origin(
            source=self.source,
            task_id=self.task_id,
            trial=self.trial,
            environment=self.environment,
            suite=self.suite,
            policy=self.policy,
            outcome=self.outcome,
            reward=self.reward,
            terms={name: RewardTerm(term.value, term.weight) for name, term in terms.items()},
        )


def _nameless(row: TokenRow, source: str, place: int) -> Origin:
    """An origin for a row that tells none: equal prompts are one task."""
    begin = row.samples[0].begin if row.samples else len(row)
    prompt = array("q", row.input_ids[:begin]).tobytes()
    return replace(row.origin, source=source, task_id=blake2b(prompt, digest_size=8).hexdigest(), trial=place - 1)


def _count(labels: list[int]) -> int:
    return sum(label != IGNORED for label in labels)
