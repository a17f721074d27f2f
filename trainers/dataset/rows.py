"""What trainers learn from: rows of tokens, whose sampled ones train, and the trajectories that they make up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from agentgym.episode import Outcome, RewardTerm
from agentgym.messages import JsonObject

IGNORED = -100
"""The label of a token that does not train, to torch and all that is built on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which rollout rows come from, and what it was worth."""

    source: str
    """The run's folder, or the data file."""
    task_id: str
    trial: int = 0
    """In a data file, the number of the dialogue."""
    environment: str | None = None
    suite: str | None = None
    policy: str | None = None
    outcome: Outcome | None = None
    reward: float | None = None
    terms: Mapping[str, RewardTerm] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The tokens of a row that one model call sampled: from `begin` on, before `end`."""

    begin: int
    end: int
    turn: int
    """Which turn of the agent it was for, from 1."""
    role: str | None = None
    temperature: float | None = None
    model_version: str | None = None
    finish_reason: str | None = None

    def __len__(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One sequence of tokens; what lies in its samples trains, and nothing else does."""

    origin: Origin
    number: int = 0
    """Which row of its trajectory it is, from 0."""
    input_ids: tuple[int, ...]
    samples: tuple[Sample, ...]
    """In order, and never over one another."""
    logprobs: tuple[float, ...] | None = None
    """One for each token of the samples, as it was sampled; None where one is not known."""
    exact: bool = True
    """False where we tokenised; log-probabilities must then be worked out anew."""

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def sampled_count(self) -> int:
        """How many tokens train."""
        return sum(map(len, self.samples))

    @property
    def loss_mask(self) -> tuple[bool, ...]:
        """Of each token, whether it trains."""
        mask = [False] * len(self.input_ids)
        for sample in self.samples:
            mask[sample.begin : sample.end] = [True] * len(sample)
        return tuple(mask)

    @property
    def labels(self) -> tuple[int, ...]:
        """The tokens that train, and IGNORED in place of the others."""
        labels = [IGNORED] * len(self.input_ids)
        for sample in self.samples:
            labels[sample.begin : sample.end] = self.input_ids[sample.begin : sample.end]
        return tuple(labels)

    def aligned_logprobs(self, *, fill: float = 0.0) -> tuple[float, ...] | None:
        """The log-probabilities with `fill` for each token that does not train."""
        if self.logprobs is None:
            return None
        aligned, place = [fill] * len(self.input_ids), 0
        for sample in self.samples:
            aligned[sample.begin : sample.end] = self.logprobs[place : place + len(sample)]
            place += len(sample)
        return tuple(aligned)

    def of_roles(self, roles: Collection[str]) -> TokenRow:
        """The row in which only what these roles sampled trains."""
        kept, logprobs, place = list[Sample](), list[float](), 0
        for sample in self.samples:
            if sample.role in roles:
                kept.append(sample)
                logprobs += (self.logprobs or ())[place : place + len(sample)]
            place += len(sample)
        return replace(self, samples=tuple(kept), logprobs=None if self.logprobs is None else tuple(logprobs))


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One rollout, or one dialogue of a data file, as all the rows it gives."""

    origin: Origin
    rows: tuple[TokenRow, ...]
    fields: JsonObject = field(default_factory=dict)
    """What is known of the task: the task itself, or what stands beside a dialogue."""

    def samples(self) -> Iterator[Sample]:
        """The samples of all rows."""
        return (sample for row in self.rows for sample in row.samples)
