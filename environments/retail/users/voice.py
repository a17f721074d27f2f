"""A policy that is asked for what the customer says, or what to think of it; what breaks is the user's fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from agentgym.errors import PolicyFault, UserFault, boundary
from agentgym.messages import NO_USAGE, Conversation, Message, Turn, Usage
from agentgym.policy import Context, Policy, Session, checked_turn
from agentgym.seeds import derive_seed

_AFTER_THOUGHT = "</think>"
"""What local models leave in their text where a server does not take it out."""


class Voice:
    """One policy in several roles, each a session of its own, which is started when it is first asked."""

    def __init__(self, policy: Policy, seed: int) -> None:
        self._policy = policy
        self._seed = seed
        self._sessions: dict[str, Session] = {}
        self._parts: list[Voice] = []
        self._usage: Usage = NO_USAGE

    async def ask(self, conversation: Conversation, *, role: str = "customer") -> str:
        """What the policy says next, without thoughts of its own."""
        with _users_fault(self._policy.name):
            session = self._sessions.get(role) or self._start(role)
            turn = checked_turn(await session.act(conversation))
        self._usage += turn.usage
        return _spoken(turn)

    async def judge(self, instructions: str, text: str) -> str:
        """What the policy thinks of a text; each time it is told all anew."""
        return await self.ask(Conversation([Message("system", instructions), Message("user", text)]), role="judge")

    def parts(self, count: int) -> list[Voice]:
        """So many voices that speak at the same time; what they use up is used up here."""
        while len(self._parts) < count:
            self._parts.append(Voice(self._policy, derive_seed(self._seed, f"part {len(self._parts)}")))
        return self._parts[:count]

    def take_usage(self) -> Usage:
        """What all calls used up since this was asked last."""
        used, self._usage = self._usage, NO_USAGE
        return sum((part.take_usage() for part in self._parts), used)

    def fork(self) -> Self:
        """The same voice with sessions of its own: they are told the whole conversation with every call."""
        return type(self)(self._policy, self._seed)

    async def aclose(self) -> None:
        """End all sessions."""
        sessions, self._sessions = self._sessions, {}
        with _users_fault(self._policy.name):
            for session in sessions.values():
                await session.close("solved")  # how it ended for the agent is no affair of the customer's
        for part in self._parts:
            await part.aclose()

    def _start(self, role: str) -> Session:
        session = self._sessions[role] = self._policy.start(Context(seed=derive_seed(self._seed, role)))
        return session


@contextmanager
def _users_fault(name: str) -> Iterator[None]:
    """Of a policy that plays the customer, nothing is the agent's fault, nor its limit."""
    try:
        with boundary(UserFault, name):
            yield
    except PolicyFault as fault:
        raise UserFault(f"the customer's model {name}: {fault}") from fault


def _spoken(turn: Turn) -> str:
    return turn.text.rpartition(_AFTER_THOUGHT)[2].strip()
