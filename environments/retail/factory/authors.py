"""Who writes tasks: each way to do it is an author, and each task in the making is a piece of work of theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from agentgym.episode import Outcome
from agentgym.policy import Policy
from environments.retail.database import RetailDB
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.talks import Spent
from environments.retail.factory.template import Stock

IsKnown = Callable[[Blueprint, str], bool]
"""Whether a task of a customer was accepted before."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What came of one attempt."""

    given: JsonValue = None
    """A task, or what should be one; nothing, where there is only a problem."""
    turns: int = 1
    confidence: float | None = None
    """The author's own, where it says one."""
    problem: str = ""
    final: bool = False
    """Whether another attempt would give nothing either."""


class Work(ABC):
    """One task in the making."""

    @abstractmethod
    async def write(self, feedback: str) -> Draft:
        """The next attempt, after what was wrong with the last one."""

    async def aclose(self, outcome: Outcome) -> None:
        """The task was accepted, or given up."""


class Author(ABC):
    """Writes tasks; one serves any number at a time."""

    method: str
    """What envelopes call it."""
    policies: Sequence[Policy] = ()
    """Whom it asks."""

    @property
    @abstractmethod
    def scenarios(self) -> tuple[str, ...]:
        """Those that it can write of."""

    @abstractmethod
    def begin(self, scenario: str, *, seed: int, spent: Spent) -> Work:
        """Begin a task."""


class TemplateAuthor(Author):
    """Puts tasks together from the shop's state and phrases, without a model."""

    method = "template"

    def __init__(self, db: RetailDB, keys: tuple[str, ...], *, seed: int, is_known: IsKnown) -> None:
        self._stock = Stock(db, keys, seed=seed)
        self._keys = keys
        self._is_known = is_known

    @property
    def scenarios(self) -> tuple[str, ...]:
        return self._keys

    def begin(self, scenario: str, *, seed: int, spent: Spent) -> Work:
        return _TemplateWork(self, scenario)

    def new(self, scenario: str) -> Blueprint | None:
        """A task that is none of those that were accepted."""
        found = self._stock.take(scenario)
        return next((held.blueprint for held in found if not self._is_known(held.blueprint, held.user_id)), None)


class _TemplateWork(Work):
    def __init__(self, author: TemplateAuthor, scenario: str) -> None:
        self._author = author
        self._scenario = scenario

    async def write(self, feedback: str) -> Draft:
        task = self._author.new(self._scenario)
        if task is None:
            return Draft(problem=f"the shop holds no other task of the scenario {self._scenario}", final=True)
        return Draft(task.model_dump(mode="json"))
