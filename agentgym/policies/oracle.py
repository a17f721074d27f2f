"""The agent that knows: it plays the environment's own reference solution."""

from __future__ import annotations

from collections.abc import Iterator

from agentgym.errors import UsageError
from agentgym.messages import Conversation, Turn
from agentgym.policy import Context, Policy, Session

_AFTER = Turn("That was the whole solution.", finish_reason="stop")


class OraclePolicy(Policy):
    """Plays `env.reference()`; the only policy that reads it."""

    reads_reference = True

    def start(self, context: Context) -> Session:
        if context.reference is None:
            raise UsageError("the oracle needs an environment that gives its reference; play it with `rollout`")
        return _OracleSession(context.reference())


class _OracleSession(Session):
    def __init__(self, turns: Iterator[Turn]) -> None:
        self._turns = turns

    async def act(self, conversation: Conversation) -> Turn:
        return next(self._turns, _AFTER)
