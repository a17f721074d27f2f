"""The loop, one turn at a time: what the last action came to is verified when the next is asked for."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import anyio

from agentgym.episode import Outcome
from agentgym.flow.asking import Asker
from agentgym.flow.executor import fill_arguments, observe
from agentgym.flow.generator import fallback, final_call, generate
from agentgym.flow.memory import Memory
from agentgym.flow.planner import plan_of, plan_turn, shown_query, turn_of
from agentgym.flow.templates import Prompts
from agentgym.flow.types import (
    AgentFlowTrace,
    CallResult,
    ExecutionResult,
    GeneratorOutput,
    Knowledge,
    MemoryRecord,
    Plan,
    RoleName,
    StopReason,
    Verdict,
)
from agentgym.flow.verifier import verify
from agentgym.limits import running_clock
from agentgym.messages import NO_USAGE, Conversation, ModelCall, ToolCall, Turn, Usage
from agentgym.policy import Session
from agentgym.tools import ToolSpec

_LAST_WORDS_S = 30.0
"""What the generator has when the time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one stretch of work may take, from its first plan to the generator's answer."""

    max_turns: int | None = None
    max_calls_per_turn: int = 1
    max_time_s: float = 300.0
    max_replans: int = 2
    """In a row; the next one counts as `continue`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Who plays the roles of one episode."""

    planner: Asker
    prompted: bool
    """Whether the planner answers prompts; else it sees the conversation itself, and its turn is the plan."""
    others: Mapping[RoleName, Asker]
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class _Pending:
    """An action whose outcome is still to come."""

    plan: Plan
    said: int
    """How long the conversation was before it."""
    started_at: float
    is_final: bool = False


class FlowSession(Session):
    """One episode of the agent."""

    def __init__(
        self,
        parts: Parts,
        knowledge: Knowledge,
        *,
        bounds: Bounds,
        prompts: Prompts,
        final: ToolSpec | None,
        calls: list[ModelCall],
        on_trace: Callable[[AgentFlowTrace], None] | None = None,
    ) -> None:
        self._parts = parts
        self._bounds = bounds
        self._prompts = prompts
        self._final = final
        self._on_trace = on_trace
        self._memory = Memory("", knowledge)
        self._calls = calls
        """Of this turn."""
        self._all_calls: list[ModelCall] = []
        self._conversation = Conversation()
        self._pending: _Pending | None = None
        self._unjudged: MemoryRecord | None = None
        self._output: GeneratorOutput | None = None
        self._answered = 0
        """The turn of the output."""
        self._clock = running_clock()
        self._turn = self._planned = self._replans = 0
        self._ends_at: float | None = None
        """When the time of this stretch is up."""

    async def act(self, conversation: Conversation) -> Turn:
        if not self._turn:
            self._memory = replace(self._memory, query=shown_query(list(conversation)))
        self._turn += 1
        self._conversation = conversation
        self._calls.clear()
        started = self._clock()
        if self._ends_at is None:
            self._ends_at = started + self._bounds.max_time_s
        turn = None
        with anyio.move_on_after(max(0.0, self._ends_at - started)) as time:
            turn = await self._next(conversation)
        if turn is None or time.cancelled_caught:
            self._note_timeout(started)
            turn = await self._finish("max_time")
        self._all_calls += self._calls
        return _with_calls(turn, self._calls)

    async def close(self, outcome: Outcome) -> None:
        """Remember what the last action came to, and let go of every role."""
        self._observe(terminated=outcome in ("solved", "failed"))
        self._judged(None)
        try:
            for session in self._parts.sessions:
                await session.close(outcome)
        finally:
            if self._on_trace is not None:
                self._on_trace(self._trace(outcome))

    async def _next(self, conversation: Conversation) -> Turn:
        """Verify what was done, then stop or plan."""
        status = await self._verify()
        if status is not None:
            return await self._finish(status)
        if self._bounds.max_turns is not None and self._planned >= self._bounds.max_turns:
            return await self._finish("max_turns")
        started = self._clock()
        plan, turn = await self._plan(conversation)
        self._planned += 1
        self._pending = _Pending(plan, len(conversation), started)
        return replace(turn, role="planner")

    async def _verify(self) -> StopReason | None:
        """Judge the last action, and say why to stop, if at all; the generator's own is nobody's to judge."""
        was_final = self._pending is not None and self._pending.is_final
        self._observe()
        record = self._unjudged
        if record is None or was_final:
            self._judged(None)
            return None
        verdict = await verify(self._parts.others.get("verifier"), self._prompts, self._memory, record)
        verdict = self._within_budget(verdict)
        self._judged(verdict)
        if verdict.status != "stop":
            return None
        return "verified" if verdict.memory_sufficient else "escalated"

    def _within_budget(self, verdict: Verdict) -> Verdict:
        if verdict.status != "replan":
            self._replans = 0
            return verdict
        self._replans += 1
        if self._replans <= self._bounds.max_replans:
            return verdict
        self._replans = 0
        return replace(verdict, status="continue", issues=(*verdict.issues, "planned anew too often: going on"))

    async def _plan(self, conversation: Conversation) -> tuple[Plan, Turn]:
        planner, bounds = self._parts.planner, self._bounds
        if not self._parts.prompted:
            turn = await planner.listen(self._turn, conversation)
            return plan_of(turn, self._turn), turn
        plan = await plan_turn(
            planner,
            self._prompts,
            self._memory,
            self._turn,
            max_calls=bounds.max_calls_per_turn,
            remaining=self._remaining(),
        )
        executor = self._parts.others.get("executor")
        said = self._calls[-1].reply
        if executor is not None:
            plan = await fill_arguments(executor, self._prompts, plan, self._memory.knowledge)
        return plan, _spoken(turn_of(plan), said)

    def _remaining(self) -> int | None:
        """How many turns there are after this one, as far as the agent can know."""
        bounds = (
            None if self._bounds.max_turns is None else self._bounds.max_turns - self._planned - 1,
            None if self._limit is None else self._limit - self._turn,
        )
        return min((max(0, bound) for bound in bounds if bound is not None), default=None)

    @property
    def _limit(self) -> int | None:
        return self._memory.knowledge.limits.turns

    async def _finish(self, reason: StopReason) -> Turn:
        """The generator's action; should the episode go on after it, a new stretch begins with the same memory."""
        started, generator = self._clock(), self._parts.others.get("generator")
        output = None
        if generator is not None:
            with anyio.move_on_after(_LAST_WORDS_S if reason == "max_time" else math.inf):
                output = await generate(
                    generator, self._prompts, self._memory, self._turn, reason=reason, final=self._final
                )
        asked = output is not None and bool(self._calls)
        self._output, self._answered = output or fallback(self._memory, reason, self._final), self._turn
        call = final_call(self._output, self._final)
        plan = Plan(self._turn, f"the work has ended: {reason}", calls=(call,))
        self._pending = _Pending(plan, len(self._conversation), started, is_final=True)
        self._planned = self._replans = 0
        self._ends_at = None
        turn = replace(turn_of(plan), reasoning=None, role="generator")
        return _spoken(turn, self._calls[-1].reply) if asked else turn

    def _observe(self, *, terminated: bool = False) -> None:
        """Take up what the last action came to."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        elapsed_s = self._clock() - pending.started_at
        gained = self._conversation[pending.said :]
        execution = observe(pending.plan, gained, self._memory.knowledge, elapsed_s=elapsed_s, terminated=terminated)
        self._unjudged = MemoryRecord(pending.plan.turn, pending.plan, execution, None, pending.started_at, elapsed_s)

    def _judged(self, verdict: Verdict | None) -> None:
        """Put the last action into memory."""
        record, self._unjudged = self._unjudged, None
        if record is not None:
            self._memory = self._memory.append(replace(record, verdict=verdict))

    def _note_timeout(self, started: float) -> None:
        """A turn that was cut is remembered as one, after the action that nobody judged any more."""
        self._observe()
        self._judged(None)
        self._pending = None
        told = f"cut after {self._bounds.max_time_s:g} s"
        result = CallResult(ToolCall("plan"), False, "", told, "timeout", self._clock() - started)
        execution = ExecutionResult(self._turn, (), (result,), told)
        plan = Plan(self._turn, "no plan was made in time")
        elapsed_s = self._clock() - started
        self._memory = self._memory.append(MemoryRecord(self._turn, plan, execution, None, started, elapsed_s))

    def _trace(self, outcome: Outcome) -> AgentFlowTrace:
        usage: defaultdict[str, Usage] = defaultdict(Usage)
        for call in self._all_calls:
            usage[call.role] += call.reply.usage
        last = self._memory.last
        output = self._output
        if output is None or last is None or last.turn != self._answered:  # the episode went on after it
            output = fallback(self._memory, _ended(outcome), self._final)
        return AgentFlowTrace(self._memory.query, self._memory, output, dict(usage), tuple(self._all_calls))


def _ended(outcome: Outcome) -> StopReason:
    if outcome == "truncated":
        return "max_turns"
    return "error" if outcome == "not_evaluable" else "env_terminated"


def _spoken(turn: Turn, reply: Turn) -> Turn:
    """With what is known of the call that gave it."""
    return replace(turn, finish_reason=reply.finish_reason, span=reply.span, model=reply.model)


def _with_calls(turn: Turn, calls: list[ModelCall]) -> Turn:
    """With all that was asked on the way; what it took is theirs together."""
    usage, latencies = NO_USAGE, list[float]()
    for call in calls:
        if call.reply.usage is not NO_USAGE:
            usage += call.reply.usage
        if call.reply.latency_s is not None:
            latencies.append(call.reply.latency_s)
    return replace(turn, usage=usage, latency_s=sum(latencies) if latencies else None, calls=tuple(calls))
