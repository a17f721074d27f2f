"""The committee: several look at a task, and most of them must find it good; silence never accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentgym.errors import PolicyFault, RunStopped, UsageError, one_line
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, Turn
from agentgym.policy import Policy
from agentgym.seeds import derive_seed
from environments.retail.factory.answers import object_in
from environments.retail.factory.briefing import record_text, task_text, tools_text
from environments.retail.factory.checks import Checked
from environments.retail.factory.heuristic import heuristic_review
from environments.retail.factory.prompts import prompt
from environments.retail.factory.reviews import DECIDING, METRICS, Review
from environments.retail.factory.talks import Spent, Talk
from environments.retail.guidelines import POLICY

GOOD = 3
"""From this total on a review speaks for a task."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the committee made of a task."""

    size: int
    reviews: tuple[Review, ...] = ()
    silent: tuple[str, ...] = ()
    """Why the others abstained."""

    @property
    def majority(self) -> int:
        """So many must agree."""
        return self.size // 2 + 1

    @property
    def available(self) -> bool:
        """Whether enough spoke at all."""
        return not self.size or len(self.reviews) >= self.majority

    @property
    def accepted(self) -> bool:
        """Whether most find it right, whole and satisfying, and most find it good."""
        if not self.size:
            return True
        good = sum(review.total >= GOOD for review in self.reviews)
        return good >= self.majority and all(self._carries(metric) for metric in DECIDING)

    @property
    def share(self) -> float:
        """Of the reviewers who speak for it; all, where nobody was to be asked."""
        return sum(review.accepts for review in self.reviews) / self.size if self.size else 1.0

    @property
    def votes(self) -> JsonObject:
        """For and against, by metric."""
        return {metric: [self._votes(metric), len(self.reviews) - self._votes(metric)] for metric in METRICS}

    def points(self) -> Iterator[str]:
        """What speaks against it, for whoever is to mend it."""
        for metric in METRICS:
            if not self._carries(metric) and metric in DECIDING:
                yours, against = self._votes(metric), len(self.reviews) - self._votes(metric)
                yield f"REVIEW_{metric.upper()}: {yours} for, {against} against"
        good = sum(review.total >= GOOD for review in self.reviews)
        if good < self.majority:
            yield f"REVIEW_TOTAL: {good} of {self.size} gave at least {GOOD} of {len(METRICS)} points"
        corrections = dict.fromkeys(review.correction.strip() for review in self.reviews if review.correction.strip())
        yield from (f"A reviewer asks: {correction}" for correction in corrections)

    def to_json(self) -> JsonObject:
        """As reports have it."""
        return {
            "size": self.size,
            "accepted": self.available and self.accepted,
            "available": self.available,
            "votes": self.votes,
            "reviews": [asdict(review) for review in self.reviews],
            "abstained": list(self.silent),
        }

    def _votes(self, metric: str) -> int:
        return sum(getattr(review, metric) for review in self.reviews)

    def _carries(self, metric: str) -> bool:
        return self._votes(metric) >= self.majority


class _Answer(BaseModel):
    """A review as a reviewer gives it."""

    model_config = ConfigDict(extra="ignore")

    reflection: str = ""
    correctness: int = Field(ge=0, le=1)
    completeness: int = Field(ge=0, le=1)
    satisfaction: int = Field(ge=0, le=1)
    creativity: int = Field(ge=0, le=1)
    correction: str | None = ""


@dataclass(frozen=True, slots=True)
class Committee:
    """So many seats; without policies the heuristic sits on all of them."""

    size: int = 3
    policies: Sequence[Policy] = ()
    """Dealt round to the seats."""
    seed: int = 0

    async def review(
        self, checked: Checked, *, scenario: str = "", name: str = "", spent: Spent | None = None
    ) -> Decision:
        """Have everybody look at a task, side by side; `name` sets the chances of one review apart from others'."""
        if not self.policies:
            return Decision(self.size, (heuristic_review(checked, scenario),) * self.size)
        heard: dict[int, Review] = {}
        silent: dict[int, str] = {}
        broken: list[RunStopped | UsageError] = []
        text = _question(checked)

        async def ask(seat: int) -> None:
            try:
                heard[seat] = await self._ask(seat, text, checked, scenario, name, spent or Spent())
            except (RunStopped, UsageError) as error:
                broken.append(error)  # nobody can review any more, or at all
            except (PolicyFault, ValueError) as error:
                silent[seat] = f"{self._of(seat).name}: {error}"

        async with anyio.create_task_group() as group:
            for seat in range(self.size):
                group.start_soon(ask, seat)
        if broken:
            raise broken[0]
        return Decision(
            self.size, tuple(heard[seat] for seat in sorted(heard)), tuple(silent[seat] for seat in sorted(silent))
        )

    async def _ask(self, seat: int, text: str, checked: Checked, scenario: str, name: str, spent: Spent) -> Review:
        policy = self._of(seat)
        talk = Talk(
            policy,
            "reviewer",
            prompt("review_system"),
            seed=derive_seed(self.seed, "review", name, str(seat)),
            spent=spent,
            gold=partial(_golden, checked, scenario),
        )
        try:
            said = await talk.ask(text)
        finally:
            await talk.aclose("solved")
        try:
            answer = _Answer.model_validate(object_in(said, having=METRICS))
        except ValidationError as error:
            raise ValueError(f"not a review: {one_line(error)}") from None
        return Review(policy.name, **{**answer.model_dump(), "correction": answer.correction or ""})

    def _of(self, seat: int) -> Policy:
        return self.policies[seat % len(self.policies)]


def _question(checked: Checked) -> str:
    return prompt(
        "review",
        policy=POLICY.strip(),
        tools=tools_text(call.name for call in checked.blueprint.agt),
        task=task_text(checked.blueprint),
        diff=record_text(checked.diff_patch) if checked.diff_patch else "nothing",
    )


def _golden(checked: Checked, scenario: str) -> Iterator[Turn]:
    """What the oracle answers."""
    yield Turn(dump_json(asdict(heuristic_review(checked, scenario))).decode())
