"""The agent that always says the same."""

from __future__ import annotations

from agentgym.messages import Conversation, Turn
from agentgym.policy import Context, Policy, Session


class MockPolicy(Policy):
    """Says one text, whatever it is asked; no model is behind it."""

    def __init__(self, text: str) -> None:
        self._turn = Turn(text, finish_reason="stop")

    @property
    def name(self) -> str:
        return f"mock:{self._turn.text}"

    def start(self, context: Context) -> Session:
        return _MockSession(self._turn)


class _MockSession(Session):
    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    async def act(self, conversation: Conversation) -> Turn:
        return self._turn
