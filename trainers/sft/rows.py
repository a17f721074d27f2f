"""The rows that imitation learns from, and those it is validated with."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from agentgym.errors import UsageError
from agentgym.exports.notices import Notices
from trainers.dataset.chaining import place_of
from trainers.dataset.distinct import Distinct
from trainers.dataset.reading import Reader
from trainers.dataset.rows import TokenRow, Trajectory
from trainers.dataset.splits import Splits, plan_splits
from trainers.dataset.wanted import Wanted
from trainers.recipe import DataSettings, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All of them, in memory."""

    train: tuple[TokenRow, ...]
    validation: tuple[TokenRow, ...] = ()
    notices: tuple[str, ...] = ()
    """What was left out, and why."""

    @property
    def digest(self) -> str:
        """Equal for equal rows in the same order."""
        digest = blake2b(digest_size=16)
        for part in (self.train, self.validation):
            for row in part:
                digest.update(array("q", row.input_ids).tobytes())
                digest.update(bytes(row.loss_mask))
            digest.update(b"next")
        return digest.hexdigest()

    @property
    def highest_id(self) -> int:
        """Of all tokens."""
        return max(max(row.input_ids) for part in (self.train, self.validation) for row in part)


def read_rows(recipe: Recipe, tokenizer: Any) -> Rows:
    """Read what the recipe names; what an engine told the ids of is not tokenised. UsageError where nothing is left."""
    data = recipe.data
    if not data.sources:
        raise UsageError("no data is named; give runs or files with --data")
    reader = Reader(wanted=_wanted(data), tokenizer=tokenizer if getattr(tokenizer, "chat_template", None) else None)
    splits = None if data.validation else _splits(recipe)
    known: dict[int, int] = {}
    parts: dict[str, list[TokenRow]] = {"train": [], "validation": []}
    for split, row in _placed(reader, data, splits):
        if split in parts:
            ids = tuple(known.setdefault(token, token) for token in row.input_ids)  # each number is held once
            parts[split].append(replace(row, input_ids=ids, logprobs=None))
    notices = tuple(reader.notices.lines())
    if not parts["train"]:
        sources = ", ".join(map(str, data.sources))
        left = f" ({'; '.join(notices)})" if notices else ""
        if parts["validation"] and not data.validation:
            told = f"all {len(parts['validation'])} rows are held out to validate with, which leaves none to train on"
            raise UsageError(f"{sources}: {told}; lower data.validation_share")
        raise UsageError(f"{sources}: no row to train on{left}; see: agentgym train data {sources} --stats")
    return Rows(train=tuple(parts["train"]), validation=tuple(parts["validation"]), notices=notices)


def _placed(reader: Reader, data: DataSettings, splits: Splits | None) -> Iterator[tuple[str, TokenRow]]:
    distinct = Distinct()
    for trajectory in reader.read(*data.sources):
        kept = _fitting(trajectory, data, reader.notices)
        split = "train" if splits is None else splits.of(trajectory)
        yield from ((split, row) for row in (distinct.of(kept) if data.distinct else kept).rows)
    if distinct.dropped:
        sources = ", ".join(map(str, data.sources))
        reader.notices.add("rows left out that had come before", sources, times=distinct.dropped)
    for trajectory in reader.read(*data.validation):
        yield from (("validation", row) for row in _fitting(trajectory, data, reader.notices).rows)


def _splits(recipe: Recipe) -> Splits | None:
    """By a first reading, for which nothing is tokenised."""
    data = recipe.data
    if not data.validation_share and not data.test_share:
        return None
    shares = {"train": 1 - data.validation_share - data.test_share}
    shares |= {"validation": data.validation_share, "test": data.test_share}
    trajectories = Reader(wanted=_wanted(data)).read(*data.sources)
    return plan_splits(trajectories, shares=shares, seed=recipe.seed, by=data.split_by)


def _fitting(trajectory: Trajectory, data: DataSettings, notices: Notices) -> Trajectory:
    """The trajectory with the rows that have something to learn, and are not too long."""
    where = place_of(trajectory.origin)
    rows = [row for row in trajectory.rows if any(row.loss_mask[1:])]
    notices.add("rows left out in which nothing trains", where, times=len(trajectory.rows) - len(rows))
    short = tuple(row for row in rows if data.max_length is None or len(row) <= data.max_length)
    notices.add(f"rows left out that are longer than {data.max_length} tokens", where, times=len(rows) - len(short))
    return replace(trajectory, rows=short)


def _wanted(data: DataSettings) -> Wanted:
    return Wanted(
        outcomes=frozenset(data.outcomes) or None,
        suites=frozenset(data.suites) or None,
        roles=frozenset(data.roles) or None,
        min_reward=data.min_reward,
        max_reward=data.max_reward,
    )


def check_known(rows: Rows, *, vocabulary: int, source: str) -> None:
    """UsageError where a row has a token that the model does not know."""
    if rows.highest_id >= vocabulary:
        told = f"a row has the token {rows.highest_id}, and {source} knows {vocabulary}"
        raise UsageError(f"{told}: the rows were made with another tokenizer; name the model they belong to")
