"""One episode: a policy meets an environment, and every ending becomes a record."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any

import anyio
from pydantic import BaseModel

from agentgym import __version__
from agentgym.env import Env
from agentgym.episode import Cause, Episode, Outcome, StepRecord, Timings, TurnRecord
from agentgym.errors import EnvironmentFault, Fault, InvalidActionError, PolicyFault, boundary
from agentgym.limits import LimitName, Limits, running_clock
from agentgym.messages import NO_USAGE, Conversation, Message, ToolCall, Turn, Usage
from agentgym.policy import Context, Policy, Session
from agentgym.seeds import derive_seed, fresh_seed
from agentgym.steps import Step, task_id
from agentgym.tools import ToolError

_VERSIONS = {"agentgym": __version__, "python": "{}.{}.{}".format(*sys.version_info)}


async def rollout(
    env: Env[Any, Any, Any],
    policy: Policy,
    task: BaseModel | None = None,
    *,
    seed: int | None = None,
    limits: Limits | None = None,
    trial: int = 0,
) -> Episode:
    """Play one episode and record it, however it ends; only cancellation and wrong use are raised.

    Without a task the environment draws one by the seed. At the end the environment is closed.
    """
    game = _Game(env, policy, fresh_seed() if seed is None else seed, limits or Limits())
    try:
        with anyio.move_on_after(game.limits.seconds) as deadline:
            await game.play(task)
        if deadline.cancelled_caught:
            game.limit = "time"
    except Fault as fault:
        game.cause = _cause(fault)
    finally:
        await game.let_go()
    return game.episode(trial)


class _Game:
    """An episode in the making."""

    def __init__(self, env: Env[Any, Any, Any], policy: Policy, seed: int, limits: Limits) -> None:
        self.env = env
        self.policy = policy
        self.seed = seed
        self.limits = limits
        self.limit: LimitName | None = None
        self.cause: Cause | None = None
        self._cleanup: Cause | None = None
        self._session: Session | None = None
        self._conversation = Conversation()
        self._opening: tuple[Message, ...] = ()
        self._turns: list[TurnRecord] = []
        self._usage: Usage = NO_USAGE
        self._tool_errors = 0
        self._begun = False
        self._policy_name = policy.name
        self._most_turns = _least(limits.turns, env.max_turns)
        self._most_tokens = _least(limits.tokens)
        self._most_cost_usd = _least(limits.cost_usd)
        self._policy_s = self._environment_s = 0.0
        self._started_at = datetime.now(UTC).isoformat()
        self._clock = running_clock()
        self._started = self._clock()

    async def play(self, task: BaseModel | None) -> None:
        """Reset, then turn by turn until the episode is over or a limit is reached."""
        await self._begin(task)
        env, session = self.env, self.policy.start(self._context())
        self._session = session
        while not env.over and self.limit is None:
            started = self._clock()
            with boundary(PolicyFault, self._policy_name, "act"):
                turn = _checked_turn(await session.act(self._conversation)).with_call_ids(len(self._turns))
            acted = self._clock()
            self._policy_s += acted - started
            if turn.usage is not NO_USAGE:
                self._usage += turn.usage
            try:
                await self._take(turn, acted - started)
            finally:
                self._environment_s += self._clock() - acted
            self.limit = self._limit_reached()

    async def let_go(self) -> None:
        """Close the session and the environment, whatever happens, each within the deadline."""
        if self._session is not None:
            await self._close("policy", partial(self._session.close, self._outcome()), PolicyFault)
        await self._close("environment", self.env.aclose, EnvironmentFault)

    def episode(self, trial: int) -> Episode:
        """The finished record."""
        env, begun, outcome = self.env, self._begun, self._outcome()
        return Episode(
            environment=env.info,
            policy=self._policy_name,
            task_id=task_id(env.task) if begun else "",
            task=env.task.model_dump(mode="json") if begun else {},
            trial=trial,
            seed=self.seed,
            limits=self.limits,
            outcome=outcome,
            limit=self.limit if outcome == "truncated" else None,
            cause=self.cause,
            cleanup=self._cleanup,
            reward=env.reward if begun else 0.0,
            terms=env.reward_terms if begun else {},
            tools=env.tool_specs(),
            opening=self._opening,
            turns=tuple(self._turns),
            usage=self._usage,
            tool_errors=self._tool_errors,
            versions=_VERSIONS,
            timings=Timings(self._started_at, self._clock() - self._started, self._policy_s, self._environment_s),
        )

    async def _begin(self, task: BaseModel | None) -> None:
        started = self._clock()
        with boundary(EnvironmentFault, self.env.id, "reset"):
            observation = (await self.env.reset(task, seed=self.seed)).observation
            self._begun = True
            instructions = self.env.instructions
            opening = [Message("system", instructions)] if instructions else []
            self._opening = (*opening, *self.env.show(observation))
        self._conversation.extend(self._opening)
        self._environment_s += self._clock() - started

    def _context(self) -> Context:
        env = self.env
        return Context(
            tools=env.tool_specs(),
            instructions=env.instructions,
            limits=self.limits,
            seed=derive_seed(self.seed, "policy"),
            answer_schema=env.answer_schema(),
            reference=partial(_reference_turns, env) if self.policy.reads_reference else None,
        )

    async def _take(self, turn: Turn, elapsed_s: float) -> None:
        """Carry a turn out, and record it also where it breaks."""
        steps: tuple[StepRecord, ...] = ()
        replies: list[Message] = []
        try:
            with boundary(EnvironmentFault, self.env.id, "step"):
                steps, replies = await self._step(turn)
        finally:
            self._turns.append(TurnRecord(turn, steps, tuple(replies), elapsed_s))
        self._conversation.append(turn.message())
        self._conversation.extend(replies)

    async def _step(self, turn: Turn) -> tuple[tuple[StepRecord, ...], list[Message]]:
        env = self.env
        try:
            actions = env.parse(turn)
        except InvalidActionError as error:
            return (), [Message("user", str(error))]
        steps = await env.take(actions)
        calls = turn.tool_calls
        replies = [
            message
            for position, step in enumerate(steps)
            for message in env.show(step.observation, call=calls[position] if calls else None)
        ]
        replies += [_not_carried_out(call) for call in calls[len(steps) :]]
        return tuple(self._record(*pair) for pair in zip(actions, steps, strict=False)), replies

    def _record(self, action: Any, step: Step[Any]) -> StepRecord:
        observation, reward, terminated, truncated, info = step
        tool_error = observation.kind if isinstance(observation, ToolError) else None
        if tool_error not in (None, "no_call"):
            self._tool_errors += 1
        return StepRecord(
            self.env.dump_action(action),
            observation.model_dump(mode="json"),
            reward,
            terminated,
            truncated,
            tool_error,
            info,
        )

    def _limit_reached(self) -> LimitName | None:
        if self.env.over:
            return self.env.truncated_by
        if len(self._turns) >= self._most_turns:
            return "turns"
        if self._usage.tokens >= self._most_tokens:
            return "tokens"
        return "cost" if self._usage.cost_usd >= self._most_cost_usd else None

    def _outcome(self) -> Outcome:
        if self.cause is not None or not self._begun:
            return "not_evaluable" if self.limit is None else "truncated"
        if self.env.terminated:
            return "solved" if self.env.solved else "failed"
        return "truncated" if self.limit is not None else "not_evaluable"

    async def _close(self, what: str, close: Callable[[], Awaitable[None]], fault: type[Fault]) -> None:
        try:
            with anyio.move_on_after(self.limits.cleanup_s, shield=True) as deadline, boundary(fault, what):
                await close()
            if deadline.cancelled_caught:
                raise fault(f"closing the {what} took longer than {self.limits.cleanup_s:g} s and was given up")
        except Fault as broken:
            self._cleanup = self._cleanup or _cause(broken)


def _least(*bounds: float | None) -> float:
    return min((bound for bound in bounds if bound is not None), default=inf)


def _checked_turn(given: object) -> Turn:
    if not isinstance(given, Turn):
        raise TypeError(f"act gave {type(given).__name__}, not a Turn")
    return given


def _reference_turns(env: Env[Any, Any, Any]) -> Iterator[Turn]:
    for given in env.reference():
        yield given if isinstance(given, Turn) else env.compose(given)


def _not_carried_out(call: ToolCall) -> Message:
    return Message("tool", "This call was not carried out.", tool_call_id=call.id)


def _cause(fault: Fault) -> Cause:
    broken = fault.__cause__ or fault
    return Cause(fault.boundary, type(broken).__name__, str(fault))
