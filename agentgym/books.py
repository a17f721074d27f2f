"""The running account of one episode: turns, reward terms, and how it ended."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Literal

from pydantic import JsonValue

from agentgym.episode import RewardTerm
from agentgym.errors import EpisodeStateError
from agentgym.limits import Clock, LimitName

SOLVED_FROM = 0.99


class Account:
    """What one action has brought: its part of the reward, and its notes."""

    __slots__ = ("books", "info", "reward", "state")

    def __init__(self, books: Books) -> None:
        self.books = books
        self.reward = 0.0
        self.info: dict[str, JsonValue] = {}
        self.state: Literal["open", "settled", "given up"] = "open"


CURRENT: ContextVar[Account | None] = ContextVar("agentgym.account", default=None)
"""The account of the action that is being carried out; a worker thread inherits it."""


class Books:
    """What an environment remembers of its running episode; authors reach it through `finish`, `grant`, `note`."""

    __slots__ = ("_solved", "busy", "clock", "opening", "owner", "seed", "terminated", "terms", "truncated_by", "turns")

    def __init__(self, seed: int, clock: Clock, owner: object) -> None:
        self.seed = seed
        self.clock = clock
        self.owner = owner
        """Stands for the environment; what another one's action does is none of these books' affair."""
        self.turns = 0
        self.terms: dict[str, RewardTerm] = {}
        self.terminated = False
        self.truncated_by: LimitName | None = None
        self.busy = False
        self.opening = Account(self)
        """For what is granted and noted outside any action."""
        self._solved: bool | None = None

    @property
    def over(self) -> bool:
        return self.terminated or self.truncated_by is not None

    @property
    def reward(self) -> float:
        return sum((term.value * term.weight for term in self.terms.values()), 0.0)

    @property
    def solved(self) -> bool:
        if not self.terminated:
            return False
        return self.reward >= SOLVED_FROM if self._solved is None else self._solved

    def account(self) -> Account:
        """The account of the action being carried out here, or the opening one outside any."""
        current = CURRENT.get()
        if current is None or current.books.owner is not self.owner or current.state == "settled":
            return self.opening
        if current.state == "given up" or current.books is not self:
            raise EpisodeStateError("this call was given up; what it does now comes too late")
        return current

    def grant(self, name: str, value: float, weight: float) -> None:
        held = self.terms.get(name)
        total = value + held.value if held else value
        if not math.isfinite(total * weight):
            raise ValueError(f"the reward term {name}={total!r} x {weight!r} is not a finite number")
        if not math.isfinite(self.reward + value * weight):
            raise ValueError(f"with the term {name}={value!r} x {weight!r} the reward is not a finite number any more")
        self.account().reward += value * weight
        self.terms[name] = RewardTerm(total, weight)

    def end(self, *, solved: bool | None) -> None:
        self._refuse_second_end()
        self.terminated = True
        self._solved = solved

    def cut(self, by: LimitName) -> None:
        self._refuse_second_end()
        self.truncated_by = by

    def take_opening(self) -> Account:
        """What came in outside any action since the last step, which starts anew."""
        opening = self.opening
        if opening.reward or opening.info:
            self.opening = Account(self)
        return opening

    def _refuse_second_end(self) -> None:
        self.account()  # refuses who comes too late
        if self.over:
            raise EpisodeStateError("the episode is over already; finish it once")
