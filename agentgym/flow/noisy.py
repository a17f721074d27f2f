"""A planner that knows what to do and sometimes slips: for simulations of what checking its work is worth."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from random import Random

from agentgym.errors import UsageError
from agentgym.flow.types import RESPOND
from agentgym.messages import Conversation, ToolCall, Turn
from agentgym.policy import Context, Policy, Session
from agentgym.seeds import derive_seed

SLIP = "misremembered_tool"
"""The tool it calls when it slips: there is none of that name, which changes nothing, and which rules can see."""
REPLAN = "Last verdict: replan"
"""How the planner's prompt tells that the last turn is to be made up for."""
_AFTER = Turn("That was the whole solution.", finish_reason="stop")


class NoisyOracle(Policy):
    """Plays the environment's own solution, and instead of a step slips with the probability `error_rate`.

    Whether it slips is drawn from the seed alone, call by call, whatever anybody says. It takes a slip for the step
    that it meant to make, and makes that step again only if it is told to plan anew. `slips` names the calls that slip,
    from 0, in the place of chance.
    """

    reads_reference = True

    def __init__(self, error_rate: float = 0.0, *, slips: Collection[int] | None = None) -> None:
        if not 0 <= error_rate <= 1:
            raise UsageError(f"error_rate={error_rate!r}: give a number from 0 to 1")
        self.error_rate = error_rate
        self.slips = slips

    @property
    def name(self) -> str:
        return f"noisy-oracle-{self.error_rate:g}"

    def start(self, context: Context) -> Session:
        if context.reference is None:
            raise UsageError("the noisy oracle needs an environment that gives its reference; play it with `rollout`")
        return _NoisySession(context.reference(), context, self)


class _NoisySession(Session):
    def __init__(self, solution: Iterator[Turn], context: Context, policy: NoisyOracle) -> None:
        self._solution = solution
        self._policy = policy
        self._is_planner = any(tool.name == RESPOND for tool in context.tools)
        self._rng = Random(derive_seed(context.seed, "slips"))
        self._made = 0
        self._step = _AFTER

    async def act(self, conversation: Conversation) -> Turn:
        if not self._is_told(conversation):
            self._step = next(self._solution, _AFTER)
        if self._slips():
            return Turn(tool_calls=(ToolCall(SLIP),))
        if self._step.tool_calls or not self._is_planner:
            return self._step
        return Turn(tool_calls=(ToolCall(RESPOND, {"content": self._step.text}),))

    def _is_told(self, conversation: Conversation) -> bool:
        """To make up for the last turn; the prompts of an agent say so, and no environment does."""
        return self._is_planner and REPLAN in conversation[-1].content.splitlines()

    def _slips(self) -> bool:
        number, self._made = self._made, self._made + 1
        drawn = self._rng.random()
        return drawn < self._policy.error_rate if self._policy.slips is None else number in self._policy.slips
