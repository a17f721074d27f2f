"""Direct mode: the model gives a whole task in one answer, and mends it in the same conversation."""

from __future__ import annotations

from collections.abc import Iterator

from agentgym.episode import Outcome
from agentgym.messages import Turn
from agentgym.policy import Policy
from environments.retail.factory.answers import object_in
from environments.retail.factory.authors import Author, Draft, Work
from environments.retail.factory.briefing import brief_text, task_text
from environments.retail.factory.files import read_given
from environments.retail.factory.prompts import prompt
from environments.retail.factory.sampling import Brief, Sampler
from environments.retail.factory.talks import Spent, Talk

TASK_KEYS = ("q", "query", "instruction", "task")
"""By one of these an object is known as a task."""


class DirectAuthor(Author):
    """Asks a model for whole tasks."""

    method = "direct"

    def __init__(self, policy: Policy, sampler: Sampler) -> None:
        self.policies = (policy,)
        self._policy = policy
        self._sampler = sampler

    @property
    def scenarios(self) -> tuple[str, ...]:
        return self._sampler.keys

    def begin(self, scenario: str, *, seed: int, spent: Spent) -> Work:
        brief = self._sampler.brief(scenario, seed=seed)
        talk = Talk(
            self._policy,
            "generator",
            prompt("direct_system"),
            seed=seed,
            spent=spent,
            gold=lambda: _golden(self._sampler, brief),
        )
        return _DirectWork(talk, brief)


class _DirectWork(Work):
    def __init__(self, talk: Talk, brief: Brief) -> None:
        self._talk = talk
        self._brief = brief
        self._briefed = False

    async def write(self, feedback: str) -> Draft:
        asked = feedback if self._briefed else "\n\n".join(filter(None, (brief_text(self._brief), feedback)))
        self._briefed = True
        said = await self._talk.ask(asked)
        try:
            return Draft(read_given(object_in(said, having=TASK_KEYS)))
        except ValueError as error:
            return Draft(problem=str(error))

    async def aclose(self, outcome: Outcome) -> None:
        await self._talk.aclose(outcome)


def _golden(sampler: Sampler, brief: Brief) -> Iterator[Turn]:
    """What the oracle answers."""
    task = sampler.gold(brief)
    if task is not None:
        yield Turn(f"<thought>A task from the templates.</thought><answer>{task_text(task)}</answer>")
