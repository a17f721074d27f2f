"""The customer who goes by rules: no model is needed, and the same lines get the same answers."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Self

from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL
from environments.retail.task import RetailTask
from environments.retail.telling import facts_told, parts_told
from environments.retail.users.demands import DETAILS, demands_of
from environments.retail.users.hearing import Hearing
from environments.retail.users.identity import Identity
from environments.retail.users.speech import questions_in, spoken_request
from environments.retail.users.user import STOP, User, UserSession

_ORDER = re.compile(r"#W\d+")
_PATIENCE = 4
"""So many lines in a row that lead nowhere are borne."""
_INSISTS = 2
"""So often open demands are repeated to an agent that passes over them."""
_CONTENT = f"No, that is all. Thank you. {STOP}"


class RulesUser(User):
    """Reads the task: states its request, says who it is when asked, answers, agrees, insists, and in the end stops."""

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        return _RulesSession(task, db)


class _RulesSession(UserSession):
    def __init__(self, task: RetailTask, db: RetailDB) -> None:
        self._task = task
        self._identity = Identity(task, db)
        self._open = demands_of(task, db)
        """What is not agreed to yet, nor was reported as done."""
        self._demands = tuple(self._open)
        self._request = spoken_request(task.instruction)
        named = [demand.order for demand in self._demands if demand.order]
        self._orders = {*named, *_ORDER.findall(task.instruction)}
        self._greeted = self._restated = False
        self._told: list[str] = []
        """What the agent said."""
        self._insisted = self._asked_again = self._fruitless = 0
        self._keeps_agent = any(action.name == TERMINAL for action in task.actions)

    async def reply(self, line: str) -> str:
        if not self._greeted:
            self._greeted = True
            return f"Hello. {self._request or self._what_is_wanted()}"
        self._told.append(line)
        heard = Hearing(line, known=self._identity.given)
        answers = list(self._answers(heard))
        if answers:
            self._fruitless = 0
            return " ".join(answers)
        self._fruitless += 1
        return self._reaction(heard) if self._fruitless <= _PATIENCE else f"I will leave it at that. {STOP}"

    def fork(self) -> Self:
        twin = copy.copy(self)
        twin._identity = copy.copy(self._identity)
        twin._open, twin._told = list(self._open), list(self._told)
        return twin

    def _answers(self, heard: Hearing) -> Iterator[str]:
        """What it was asked for, of all that it knows an answer to."""
        if "identity" in heard.topics:
            yield self._identity.answer()
        if heard.hands_over:
            yield self._handed_over()
        elif "consent" in heard.topics:
            yield self._consent(heard)
        else:
            demands = self._open or self._demands
            told = (detail(demand) for topic, detail in DETAILS.items() if topic in heard.topics for demand in demands)
            yield from dict.fromkeys(text for text in told if text)

    def _handed_over(self) -> str:
        """One who can be served here does not want to go, the first time."""
        if self._open and not self._keeps_agent:
            self._keeps_agent = True
            return f"Please do not hand me over. {self._what_is_wanted()}"
        return "You may hand me over."

    def _consent(self, heard: Hearing) -> str:
        if heard.orders and self._orders and heard.orders.isdisjoint(self._orders):
            return f"No, that is not what I asked for. {self._what_is_wanted()}"
        self._settle(heard)
        return "Yes, please go ahead."

    def _reaction(self, heard: Hearing) -> str:
        """What it says to a line that asks for nothing it could tell."""
        if heard.reports:
            self._settle(heard)
        if "wants" in heard.topics:
            return self._what_is_wanted()
        if heard.asks and "more" not in heard.topics:
            return f"I cannot tell you more about that. {self._what_is_wanted()}"
        if heard.ends or (self._task.outputs and not self._open and self._is_told):
            return self._last_words()
        return "All right."

    def _last_words(self) -> str:
        """The end, unless something is still open."""
        if self._open and self._insisted < _INSISTS:
            self._insisted += 1
            return self._what_is_wanted()
        if not self._is_told and not self._asked_again:
            self._asked_again += 1
            return f"You have not told me all that I wanted to know. {questions_in(self._request)}"
        return _CONTENT

    def _what_is_wanted(self) -> str:
        """What is still wanted: at first in the words of the task, as long as none of it is dealt with."""
        repeats = self._request and not self._restated and len(self._open) == len(self._demands)
        if self._open and not repeats:
            return f"I would like you to {'; and to '.join(demand.text for demand in self._open)}."
        self._restated = True
        return self._request or self._task.instruction

    def _settle(self, heard: Hearing) -> None:
        """Take as dealt with what the line is about: demands whose order it names, or else the next one."""
        about = [demand for demand in self._open if heard.is_about(demand.order)]
        if not about and not heard.orders:
            about = self._open[:1]
        if about:
            self._insisted = 0
        self._open = [demand for demand in self._open if demand not in about]

    @property
    def _is_told(self) -> bool:
        """Whether the agent told all that must be told."""
        outputs = self._task.outputs
        by_part, by_fact = parts_told(outputs, self._told), facts_told(outputs, self._told)
        return all(by_part[output] or by_fact[output] for output in outputs)
