"""A person at a terminal who plays the customer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Self

from agentgym.errors import UserFault
from agentgym.messages import Conversation
from agentgym.policies.human import HumanPolicy
from agentgym.policy import Context
from environments.retail.database import RetailDB
from environments.retail.task import RetailTask
from environments.retail.users.user import STOP, User, UserSession

_HELP = "You are the customer. (An empty line ends the conversation.)"


def _ask(prompt: str) -> str:
    if sys.stderr is not None:
        sys.stderr.write(prompt)
        sys.stderr.flush()
    return "" if sys.stdin is None else sys.stdin.readline()


class HumanUser(User):
    """Shows what the customer wants and what the agent says, and asks for the reply.

    `ask` stands in for a terminal: it gives a line with its end, or nothing where there is no more.
    """

    def __init__(self, *, ask: Callable[[str], str] = _ask) -> None:
        self._ask = ask

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        return _HumanSession(self._ask, f"{_HELP}\n\n{task.instruction}\n")


class _HumanSession(UserSession):
    def __init__(self, ask: Callable[[str], str], untold: str) -> None:
        self._ask = ask
        self._untold = untold
        """What is to be shown above the agent's next line."""

    async def reply(self, line: str) -> str:
        prompt, self._untold = f"{self._untold}\n[agent] {line}\ncustomer> ", ""
        typed: list[str] = []

        def ask(_: str) -> str:
            typed.append(self._ask(prompt))
            return ""

        # The policy asks in a thread that lets the process end; what it makes of the line is of no use here.
        await HumanPolicy(ask=ask, tell=_unheard).start(Context()).act(Conversation())
        if not typed[-1]:
            raise UserFault("nobody plays the customer: there is no more input at the terminal")
        return typed[-1].strip() or STOP

    def fork(self) -> Self:
        return type(self)(self._ask, self._untold)


def _unheard(text: str) -> None:
    """The policy's own help speaks of tools, which a customer has none of."""
