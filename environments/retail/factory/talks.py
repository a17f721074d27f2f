"""Conversations with policies that write and review tasks, and what these use up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress

from agentgym.episode import Outcome
from agentgym.errors import Fault, PolicyFault, UsageError, boundary
from agentgym.messages import Conversation, JsonObject, Message, Turn, Usage
from agentgym.policy import Context, Policy, checked_turn

_AFTER_THOUGHT = "</think>"
"""What local models leave in their text where a server does not take it out."""


class Spent:
    """What was used up, by the role that used it."""

    def __init__(self) -> None:
        self._by_role: defaultdict[str, Usage] = defaultdict(Usage)

    def add(self, role: str, usage: Usage) -> None:
        """Count a call; who counts none of its own is counted as one."""
        self._by_role[role] += usage if usage.calls else usage + Usage(calls=1)

    def to_json(self) -> JsonObject:
        """By role, as reports have it."""
        return {
            role: {
                "calls": usage.calls,
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
            }
            for role, usage in sorted(self._by_role.items())
        }


class Talk:
    """One conversation with a policy, in which everything said before is known."""

    def __init__(
        self,
        policy: Policy,
        role: str,
        system: str,
        *,
        seed: int,
        spent: Spent,
        gold: Callable[[], Iterator[Turn]] | None = None,
    ) -> None:
        self._policy = policy
        self._role = role
        self._spent = spent
        self._conversation = Conversation([Message("system", system)])
        reference = gold if policy.reads_reference else None
        with boundary(PolicyFault, policy.name, "start"):
            self._session = policy.start(Context(instructions=system, seed=seed, reference=reference))

    async def ask(self, text: str) -> str:
        """What the policy says to a text, without thoughts of its own; without one, to what was not answered yet."""
        if text:
            self._conversation.append(Message("user", text))
        with boundary(PolicyFault, self._policy.name):
            turn = checked_turn(await self._session.act(self._conversation))
        self._spent.add(self._role, turn.usage)
        self._conversation.append(Message("assistant", turn.text))
        return turn.text.rpartition(_AFTER_THOUGHT)[2].strip()

    async def aclose(self, outcome: Outcome) -> None:
        """End it; what breaks then is no loss."""
        with suppress(Fault, UsageError), boundary(PolicyFault, self._policy.name, "close"):
            await self._session.close(outcome)
