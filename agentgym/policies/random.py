"""The agent that knows the rules and nothing else: random valid actions, drawn from the schemas."""

from __future__ import annotations

from random import Random

from agentgym.jsontext import dump_json
from agentgym.messages import Conversation, ToolCall, Turn
from agentgym.policy import Context, Policy, Session
from agentgym.sampling import sample_json


class RandomPolicy(Policy):
    """Calls a random tool with random arguments of the right types; equal seeds make equal choices."""

    def start(self, context: Context) -> Session:
        return _RandomSession(context)


class _RandomSession(Session):
    def __init__(self, context: Context) -> None:
        self._tools = context.tools
        self._schema = context.answer_schema
        self._rng = Random(context.seed)

    async def act(self, conversation: Conversation) -> Turn:
        if self._tools:
            tool = self._rng.choice(self._tools)
            arguments = sample_json(tool.parameters, self._rng)
            return Turn(tool_calls=(ToolCall(tool.name, arguments if isinstance(arguments, dict) else {}),))
        if self._schema is not None:
            return Turn(dump_json(sample_json(self._schema, self._rng)).decode())
        return Turn("Hello.")
