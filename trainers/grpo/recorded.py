"""Rounds from runs on disk: groups of rollouts that other weights played, or these ones some updates ago."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from random import Random

from agentgym.errors import UsageError
from trainers.advantages import lessons
from trainers.dataset.chaining import place_of
from trainers.dataset.groups import Group, groups_of
from trainers.dataset.reading import Reader
from trainers.dataset.rows import TokenRow, Trajectory
from trainers.dataset.tokenizing import Tokenizer
from trainers.dataset.wanted import Wanted
from trainers.grpo.bounds import near_enough
from trainers.grpo.rounds import Round, check_weights, figures_of, weighted
from trainers.grpo.scoring import Scorer
from trainers.grpo.versions import version_after
from trainers.recipe import DataSettings, Recipe


class Recorded:
    """Rounds of groups that were recorded, in another order for each epoch."""

    def __init__(self, groups: Sequence[Group], recipe: Recipe, *, scorer: Scorer, version: str) -> None:
        """`version` names the weights as they are now, before the first update."""
        check_weights(groups, recipe.grpo.reward_weights)
        self._recipe = recipe
        self._scorer = scorer
        self._version = version
        self.groups = [weighted(group, recipe.grpo.reward_weights) for group in groups]
        """All that were read."""
        found = lessons(self.groups, scale=recipe.grpo.advantages).advantages
        self._dropped_share = found.dropped_share
        self.rescored = 0
        """Rows whose log-probabilities were not recorded."""
        self._teaching = self._with_logprobs(
            [group for group, values in zip(self.groups, found.groups, strict=True) if values is not None]
        )

    @property
    def count(self) -> int:
        """Of an epoch."""
        return math.ceil(len(self._teaching) / self._recipe.grpo.groups_per_step)

    @property
    def most_rows(self) -> int:
        """Of the largest groups together."""
        sizes = sorted((sum(len(each.rows) for each in group.trajectories) for group in self._teaching), reverse=True)
        return sum(sizes[: self._recipe.grpo.groups_per_step])

    @property
    def temperature(self) -> float:
        """That most samples were drawn at."""
        found = Counter(sample.temperature or 1.0 for row in _rows(self._teaching) for sample in row.samples)
        return found.most_common(1)[0][0] if found else 1.0

    @property
    def digest(self) -> str:
        """Equal for equal rows with equal rewards."""
        digest = blake2b(digest_size=8)
        for group in self.groups:
            digest.update(repr((group.task_id, group.rewards)).encode())
            for row in _rows([group]):
                digest.update(array("q", row.input_ids).tobytes())
        return digest.hexdigest()

    @property
    def looked_at(self) -> list[Group]:
        """What a gate judges the start by: all that teach, with log-probabilities, and the others."""
        teaching = {(group.source, group.environment, group.task_id): group for group in self._teaching}
        return [teaching.get((group.source, group.environment, group.task_id), group) for group in self.groups]

    @property
    def longest(self) -> int:
        """As the data settings bound it, or as it was recorded."""
        return self._recipe.data.max_length or max(map(_completion_length, _rows(self._teaching)), default=1)

    def round(self, number: int, *, updates: int) -> Round:
        """The groups whose turn it is, without rows that the weights have left too far behind."""
        groups = self._chosen(number)
        found = lessons(groups, scale=self._recipe.grpo.advantages)
        version = version_after(self._version, updates)
        near = near_enough(found.rows, self._recipe.grpo, scorer=self._scorer, version=version)
        figures = figures_of(groups, found) | near.figures | {"dropped_groups": self._dropped_share}
        return Round(lessons=near.kept, groups=len(groups), figures=figures)

    def _chosen(self, number: int) -> list[Group]:
        epoch, place = divmod(number, self.count)
        order = list(range(len(self._teaching)))
        Random(f"{self._recipe.seed} {epoch}").shuffle(order)
        size = self._recipe.grpo.groups_per_step
        return [self._teaching[each] for each in order[place * size : (place + 1) * size]]

    def _with_logprobs(self, groups: Sequence[Group]) -> list[Group]:
        """Rows of which no engine told them are taken as if the weights before the first update had sampled them."""
        without = [row for row in _rows(groups) if not _is_told(row)]
        self.rescored = len(without)
        if not without:
            return list(groups)
        anew = iter(self._scorer.anew(without))
        return [_mapped(group, lambda row: row if _is_told(row) else next(anew)) for group in groups]


def read_groups(data: DataSettings, *, tokenizer: Tokenizer | None) -> tuple[list[Group], list[str]]:
    """The groups of all sources, and what was left out of them; UsageError where nothing can be learnt from."""
    wanted = Wanted(
        outcomes=frozenset(data.outcomes) or None,
        suites=frozenset(data.suites) or None,
        roles=frozenset(data.roles) or None,
        min_reward=data.min_reward,
        max_reward=data.max_reward,
    )
    reader = Reader(wanted=wanted, tokenizer=tokenizer)
    read = reader.read(*data.sources, by_task=True)
    groups = list(groups_of(_short_enough(each, reader, data.max_length) for each in read))
    if next(_rows(groups), None) is None:
        told = ", ".join(map(str, data.sources))
        raise UsageError(f"{told}: holds no rollout with tokens to learn from; see: agentgym train data {told} --stats")
    return groups, list(reader.notices.lines())


def _rows(groups: Iterable[Group]) -> Iterator[TokenRow]:
    return (row for group in groups for each in group.trajectories for row in each.rows)


def _mapped(group: Group, change: Callable[[TokenRow], TokenRow]) -> Group:
    trajectories = (replace(each, rows=tuple(map(change, each.rows))) for each in group.trajectories)
    return replace(group, trajectories=tuple(trajectories))


def _is_told(row: TokenRow) -> bool:
    """Whether an engine told the log-probabilities."""
    return row.exact and row.logprobs is not None


def _short_enough(trajectory: Trajectory, reader: Reader, longest: int | None) -> Trajectory:
    """Its reward still counts where its rows are too long."""
    if longest is None:
        return trajectory
    rows = tuple(row for row in trajectory.rows if len(row) <= longest)
    told = f"rows left out that are longer than {longest} tokens"
    reader.notices.add(told, place_of(trajectory.origin), times=len(trajectory.rows) - len(rows))
    return replace(trajectory, rows=rows)


def _completion_length(row: TokenRow) -> int:
    return len(row) - row.samples[0].begin
