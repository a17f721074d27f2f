"""One episode: a policy meets an environment, and every ending becomes a record."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any

import anyio
from pydantic import BaseModel

from agentgym import __version__, tracing
from agentgym.ambient import JOURNAL, LINES, TALLY
from agentgym.env import Env
from agentgym.episode import Cause, Episode, Outcome, StepRecord, Timings, TurnRecord
from agentgym.errors import (
    ContextOverflow,
    EnvironmentFault,
    Fault,
    InvalidActionError,
    PolicyFault,
    UsageError,
    boundary,
)
from agentgym.limits import LimitName, Limits, running_clock
from agentgym.messages import NO_USAGE, Conversation, JsonObject, Message, Tally, ToolCall, Turn
from agentgym.policy import Context, Policy, Session, checked_turn
from agentgym.seeds import checked_seed, derive_seed, fresh_seed
from agentgym.steps import Step, task_id
from agentgym.tools import ToolError, ToolSpec

VERSIONS = {"agentgym": __version__, "python": "{}.{}.{}".format(*sys.version_info)}


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
    return await play_episode(env, policy, task, seed=seed, limits=limits, trial=trial, pauses=True)


async def play_episode(
    env: Env[Any, Any, Any],
    policy: Policy,
    task: BaseModel | None,
    *,
    seed: int | None,
    limits: Limits | None,
    trial: int,
    pauses: bool = False,
) -> Episode:
    """The same in a task of its own; else it has to pause, lest a row of inline episodes lets nobody else run."""
    if not isinstance(env, Env):
        raise UsageError(f"rollout plays an environment, an instance of Env, not {env!r}")
    game = _Game(env, policy, task, fresh_seed() if seed is None else checked_seed(seed), limits or Limits())
    spans, played = tracing.find_spans(), _played(env, game, trial, pauses)
    return await (played if spans is None else spans.episode(env.id, policy.name, played))


async def _played(env: Env[Any, Any, Any], game: _Game, trial: int, pauses: bool) -> Episode:
    lines = LINES.get()
    with _played_by(env, game):
        try:
            with (
                boundary(EnvironmentFault, env.id),
                anyio.move_on_after(game.limits.seconds) as deadline,
                nullcontext() if lines is None else lines.episode(deadline),
            ):
                if pauses:
                    await _pause()
                await game.play()
            if deadline.cancelled_caught:
                if lines is not None and lines.stopped is not None:
                    raise lines.stopped
                game.run_out_of_time()
        except Fault as fault:
            game.cause = cause_of(fault)
        finally:
            await game.let_go()
        episode = game.episode(trial)
        if (around := TALLY.get()) is not None:  # played inside an episode of another environment
            around.add(episode.others)
        return episode


@contextmanager
def _played_by(env: Env[Any, Any, Any], game: _Game) -> Iterator[None]:
    """Two rollouts on one instance would write into each other's episodes."""
    if env._player is not None:
        raise UsageError(f"this {env.id} is being played already; give every rollout an instance of its own")
    env._player = game
    try:
        yield
    finally:
        env._player = None


_LONGEST_STRETCH_S = 0.003


class _Game:
    """An episode in the making."""

    def __init__(
        self, env: Env[Any, Any, Any], policy: Policy, task: BaseModel | None, seed: int, limits: Limits
    ) -> None:
        self.env = env
        self.policy = policy
        self.task = task
        self.seed = seed
        self.limits = limits
        self.limit: LimitName | None = None
        self.cause: Cause | None = None
        self._cleanup: Cause | None = None
        self._session: Session | None = None
        self._conversation = Conversation()
        self._opening: tuple[Message, ...] = ()
        self._turns: list[TurnRecord] = []
        self._used = Tally()
        self._others = Tally()
        self._tool_errors = 0
        self._begun = False
        self._policy_name = policy.name
        self._instructions = ""
        self._tools: tuple[ToolSpec, ...] = ()
        self._most_turns = self._most_tokens = self._most_cost_usd = inf
        self._policy_s = self._environment_s = 0.0
        self._started_at = datetime.now(UTC).isoformat()
        self._journal = JOURNAL.get()
        self._clock = running_clock()
        self._started = self._clock()

    async def play(self) -> None:
        """Reset, then turn by turn until the episode is over or a limit is reached."""
        await self._begin()
        session = self._start()
        paused = self._clock()
        while self._goes_on():
            started = self._clock()
            if started - paused > _LONGEST_STRETCH_S:
                # Policy and tools may all be inline: without a pause neither deadline nor Ctrl-C could end them.
                await _pause()
                paused = started = self._clock()
            try:
                with boundary(PolicyFault, self._policy_name, "act"):
                    turn = checked_turn(await session.act(self._conversation)).with_call_ids(len(self._turns))
            except ContextOverflow:
                self.limit = "context"
                return
            acted = self._clock()
            self._policy_s += acted - started
            if turn.latency_s is not None:
                paused = acted  # to wait for a model is a pause
            if turn.usage is not NO_USAGE:
                self._used.add(turn.usage)
            agents = TALLY.set(self._others)
            try:
                await self._take(turn, acted - started)
            finally:
                TALLY.reset(agents)
                self._environment_s += self._clock() - acted

    def run_out_of_time(self) -> None:
        """The deadline has passed: a limit for the agent, but a fault of what never let it speak."""
        if self._begun:
            self.limit = "time"
        else:
            told = f"{self.env.id}.reset took longer than {self.limits.seconds:g} s"
            self.cause = cause_of(EnvironmentFault(told))

    async def let_go(self) -> None:
        """Close the session and the environment, whatever happens, each within the deadline."""
        try:
            if self._session is not None and type(self._session).close is not Session.close:
                await self._close("policy", partial(self._session.close, self._outcome()), PolicyFault)
        finally:
            if type(self.env).aclose is not Env.aclose:
                await self._close("environment", self.env.aclose, EnvironmentFault)

    def episode(self, trial: int) -> Episode:
        """The finished record."""
        env, begun, outcome = self.env, self._begun, self._outcome()
        return Episode(
            environment=env.info,
            policy=self._policy_name,
            task_id="" if self.task is None else task_id(self.task),
            task={} if self.task is None else self.task.model_dump(mode="json"),
            trial=trial,
            seed=self.seed,
            limits=self.limits,
            outcome=outcome,
            limit=self.limit if outcome == "truncated" else None,
            cause=self.cause,
            cleanup=self._cleanup,
            reward=env.reward if begun else 0.0,
            terms=env.reward_terms if begun else {},
            tools=self._tools,
            opening=self._opening,
            turns=tuple(self._turns),
            usage=self._used.usage,
            others=self._others.usage,
            tool_errors=self._tool_errors,
            divergences=0 if self._journal is None else self._journal.divergences,
            versions=VERSIONS,
            timings=Timings(self._started_at, self._clock() - self._started, self._policy_s, self._environment_s),
        )

    async def _begin(self) -> None:
        env, started = self.env, self._clock()
        held = getattr(env, "task", None)
        agents = TALLY.set(self._others)
        try:
            with boundary(EnvironmentFault, env.id, "reset"):
                observation = (await env.reset(self.task, seed=self.seed)).observation
        finally:
            TALLY.reset(agents)
            if getattr(env, "task", None) is not held:
                self.task = env.task  # drawn, perhaps for a begin that failed
        self._begun, self.task = True, env.task
        self._most_turns = _least(self.limits.turns, env.max_turns)
        self._most_tokens, self._most_cost_usd = _least(self.limits.tokens), _least(self.limits.cost_usd)
        with boundary(EnvironmentFault, env.id, "show"):
            self._instructions = env.instructions
            opening = [Message("system", self._instructions)] if self._instructions else []
            self._opening = (*opening, *env.show(observation))
        self._conversation.extend(self._opening)
        self._environment_s += self._clock() - started

    def _start(self) -> Session:
        env = self.env
        with boundary(EnvironmentFault, env.id, "tools"):
            self._tools = env.tool_specs()
            context = Context(
                tools=self._tools,
                instructions=self._instructions,
                limits=self.limits,
                seed=derive_seed(self.seed, "policy"),
                answer_schema=env.answer_schema(),
                reference=partial(_reference_turns, env) if self.policy.reads_reference else None,
            )
        with boundary(PolicyFault, self._policy_name, "start"):
            self._session = self.policy.start(context)
        return self._session

    async def _take(self, turn: Turn, elapsed_s: float) -> None:
        """Carry a turn out, and record it also where it breaks."""
        steps: list[StepRecord] = []
        replies: list[Message] = []
        try:
            with boundary(EnvironmentFault, self.env.id, "step"):
                await self._step(turn, steps, replies)
        finally:
            self._turns.append(TurnRecord(turn, tuple(steps), tuple(replies), elapsed_s))
        self._conversation.append(turn.message())
        self._conversation.extend(replies)

    async def _step(self, turn: Turn, steps: list[StepRecord], replies: list[Message]) -> None:
        """Carry out what the turn asks for; steps and replies are kept as they come."""
        env = self.env
        try:
            actions = env.parse(turn)
        except InvalidActionError as error:
            self._tool_errors += 1
            replies += refusal(turn, error)
            return
        recorded = [env.dump_action(action) for action in actions]
        paired = paired_calls(turn, len(actions))
        if tracing.spans is not None:
            tracing.spans.name_calls(actions, paired)

        def keep(step: Step[Any]) -> None:
            position = len(steps)
            messages = env.show(step.observation, call=paired[position])
            action, shown = recorded[position], step.observation.model_dump(mode="json")
            if self._journal is not None:  # as before, where the episode was interrupted and is played again
                turn_number = len(self._turns)
                shown, messages = self._journal.step(
                    turn_number, position, action=action, observation=shown, messages=messages
                )
            steps.append(self._record(action, shown, step))
            replies.extend(messages)

        await env.take(actions, on_step=keep)
        replies += passed_over(paired[len(steps) :])

    def _record(self, action: JsonObject, shown: JsonObject, step: Step[Any]) -> StepRecord:
        observation, reward, terminated, truncated, info = step
        tool_error = observation.kind if isinstance(observation, ToolError) else None
        if tool_error not in (None, "no_call"):
            self._tool_errors += 1
        return StepRecord(action, shown, reward, terminated, truncated, tool_error, info)

    def _goes_on(self) -> bool:
        if self.env.over:
            self.limit = self.env.truncated_by
            return False
        self.limit = self._limit_reached()
        return self.limit is None

    def _limit_reached(self) -> LimitName | None:
        if len(self._turns) >= self._most_turns:
            return "turns"
        if self._used.tokens >= self._most_tokens:
            return "tokens"
        return "cost" if self._used.cost_usd >= self._most_cost_usd else None

    def _outcome(self) -> Outcome:
        if self.cause is not None or not self._begun:
            return "not_evaluable" if self.limit is None else "truncated"
        if self.env.terminated:
            return "solved" if self.env.solved else "failed"
        return "truncated" if self.limit is not None else "not_evaluable"

    async def _close(self, what: str, close: Callable[[], Awaitable[None]], fault: type[Fault]) -> None:
        try:
            with boundary(fault, what), anyio.move_on_after(self.limits.cleanup_s, shield=True) as deadline:
                await close()
            if deadline.cancelled_caught:
                raise fault(f"closing the {what} took longer than {self.limits.cleanup_s:g} s and was given up")
        except (Fault, UsageError) as broken:
            self._cleanup = self._cleanup or cause_of(broken)


async def _pause() -> None:
    from anyio.lowlevel import checkpoint  # not above: it costs at start

    await checkpoint()


def _reference_turns(env: Env[Any, Any, Any]) -> Iterator[Turn]:
    with boundary(EnvironmentFault, env.id, "reference"):
        solution = iter(env.reference())
    while True:
        with boundary(EnvironmentFault, env.id, "reference"):
            given = next(solution, None)
            if given is None:
                return
            turn = given if isinstance(given, Turn) else env.compose(given)
        yield turn


def paired_calls(turn: Turn, actions: int) -> Sequence[ToolCall | None]:
    """The call behind each of so many actions of a turn; what is no call comes first."""
    calls = turn.tool_calls
    return (*[None] * (actions - len(calls)), *calls) if actions > len(calls) else calls


def refusal(turn: Turn, error: InvalidActionError) -> list[Message]:
    """What is told of a turn that the environment cannot read."""
    return _replies(turn.tool_calls, str(error)) or [Message("user", str(error))]


def passed_over(calls: Sequence[ToolCall | None]) -> list[Message]:
    """What is told of the calls that are left when the episode is over."""
    return _replies(calls, "This call was not carried out.")


def _replies(calls: Sequence[ToolCall | None], text: str) -> list[Message]:
    """The same answer to each call, for a conversation must leave none unanswered."""
    return [Message("tool", text, tool_call_id=call.id) for call in calls if call is not None]


def _least(*bounds: float | None) -> float:
    return min((bound for bound in bounds if bound is not None), default=inf)


def cause_of(fault: Fault | UsageError) -> Cause:
    broken = fault.__cause__ or fault
    where = fault.boundary if isinstance(fault, Fault) else "environment"
    return Cause(where, type(broken).__name__, str(fault))
