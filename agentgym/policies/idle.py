"""The agent that does nothing: what it scores is worth nothing."""

from __future__ import annotations

from agentgym.messages import Conversation, Turn
from agentgym.policy import Context, Policy, Session


class IdlePolicy(Policy):
    """Says goodbye, every time."""

    def start(self, context: Context) -> Session:
        return _IdleSession()


class _IdleSession(Session):
    async def act(self, conversation: Conversation) -> Turn:
        return Turn("Goodbye.", finish_reason="stop")
