"""Rows of calls: append-only, and never tokenised again.

A call whose prompt begins with all that a row holds goes on with that row; any other call begins one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from agentgym.exports.notices import Notices
from agentgym.messages import TokenSpan
from trainers.dataset.rows import Origin, Sample, TokenRow


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall:
    """One model call whose tokens train."""

    span: TokenSpan
    turn: int
    role: str | None = None
    finish_reason: str | None = None


@dataclass(slots=True)
class _Row:
    """A row that may still grow."""

    ids: tuple[int, ...]
    samples: list[Sample]
    logprobs: list[float] | None
    exact: bool

    def begins(self, prompt: tuple[int, ...]) -> bool:
        held = len(self.ids)
        return held <= len(prompt) and prompt[held - 1] == self.ids[-1] and prompt[:held] == self.ids


def chain(calls: Iterable[TokenCall], origin: Origin, *, notices: Notices) -> tuple[TokenRow, ...]:
    """The rows of a trajectory's calls; a call that sampled nothing gives none."""
    rows: list[_Row] = []
    for call in calls:
        if not call.span.completion_ids:
            continue
        fitting = [row for row in rows if row.begins(call.span.prompt_ids)]
        row = max(fitting, key=lambda row: len(row.ids)) if fitting else _Row((), [], [], True)
        if not fitting:
            rows.append(row)
        _append(row, call, _logprobs(call.span, origin, notices))
    return tuple(
        TokenRow(
            origin=origin,
            number=number,
            input_ids=row.ids,
            samples=tuple(row.samples),
            logprobs=None if row.logprobs is None else tuple(row.logprobs),
            exact=row.exact,
        )
        for number, row in enumerate(rows)
    )


def _append(row: _Row, call: TokenCall, logprobs: tuple[float, ...] | None) -> None:
    span = call.span
    begin = len(span.prompt_ids)
    row.ids = span.prompt_ids + span.completion_ids  # the prompt begins with what was held
    row.samples.append(
        Sample(
            begin=begin,
            end=len(row.ids),
            turn=call.turn,
            role=call.role,
            temperature=span.temperature,
            model_version=span.model_version,
            finish_reason=call.finish_reason,
        )
    )
    row.logprobs = None if row.logprobs is None or logprobs is None else [*row.logprobs, *logprobs]
    row.exact = row.exact and span.exact


def _logprobs(span: TokenSpan, origin: Origin, notices: Notices) -> tuple[float, ...] | None:
    """One finite number for each token, or none at all; those of our own tokens would be of others."""
    if span.logprobs is None or not span.exact:
        return None
    if len(span.logprobs) == len(span.completion_ids) and all(map(math.isfinite, span.logprobs)):
        return span.logprobs
    notices.add("calls whose log-probabilities do not fit their tokens, left without", place_of(origin))
    return None


def place_of(origin: Origin) -> str:
    """Where a trajectory comes from, in words."""
    return f"{origin.source}: task {origin.task_id}{f', trial {origin.trial}' if origin.trial else ''}"
