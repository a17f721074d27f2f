"""A role's policy, asked until it says what was wanted; every call is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from agentgym.flow.templates import Prompts
from agentgym.flow.types import RoleName
from agentgym.messages import Conversation, Message, ModelCall, Turn
from agentgym.policy import Session, checked_turn

T = TypeVar("T")
RETRIES = 2
"""How often a role that answered amiss is asked again."""


class Asker:
    """One role in one episode: each call is a conversation of its own with the same session."""

    def __init__(self, role: RoleName, session: Session, prompts: Prompts, calls: list[ModelCall]) -> None:
        self.role: RoleName = role
        self.session = session
        self._prompts = prompts
        self._calls = calls

    async def ask(self, turn: int, messages: list[Message], read: Callable[[Turn], T]) -> T | None:
        """What `read` makes of the answer; where it raises ValueError the role is told why. None in the end."""
        conversation = Conversation(messages)
        for attempt in range(1 + RETRIES):
            reply = checked_turn(await self.session.act(conversation))
            self._calls.append(ModelCall(self.role, turn, tuple(conversation), reply))
            try:
                return read(reply)
            except ValueError as error:
                conversation.extend(self._told(reply.with_call_ids(attempt), str(error)))
        return None

    async def listen(self, turn: int, conversation: Conversation) -> Turn:
        """The turn of a policy that sees the conversation itself."""
        reply = checked_turn(await self.session.act(conversation))
        self._calls.append(ModelCall(self.role, turn, (), reply))
        return reply

    def _told(self, reply: Turn, problem: str) -> list[Message]:
        """A conversation must leave no call unanswered, and no endpoint takes an answer that is empty."""
        again = self._prompts.fill("again.md", {"problem": problem})
        if reply.tool_calls:
            return [
                reply.message(),
                *(Message("tool", again, tool_call_id=call.id) for call in reply.tool_calls),
            ]
        return [Message("assistant", reply.text or "(nothing)"), Message("user", again)]
