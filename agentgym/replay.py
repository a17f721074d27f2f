"""Recorded actions carried out again in fresh environments, to see whether everything comes out as it did.

Turns are not read anew: the actions of the record are what is replayed, turn by turn. Models that an environment asks
itself, such as simulated users, answer from the run's journal; what they were never asked before is not asked now.
An environment that asks models past agentgym's policies cannot be kept from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import anyio
from anyio.lowlevel import checkpoint
from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from agentgym.ambient import JOURNAL, LINES
from agentgym.env import Env
from agentgym.episode import Cause, Episode, Outcome, StepRecord, TurnRecord
from agentgym.errors import AgentGymError, EnvironmentFault, Fault, InvalidActionError, RunStopped, boundary, one_line
from agentgym.journal import Journal, KeptCall, line_prefix, prefix_of
from agentgym.jsontext import dump_json
from agentgym.lines import Lines
from agentgym.messages import Message
from agentgym.play import cause_of, paired_calls, passed_over, refusal
from agentgym.runs import CALLS, episode_lines, placed_lines, read_episode
from agentgym.sandbox.lending import sharing_sandboxes
from agentgym.steps import Step
from agentgym.tools import ToolError

MakeEnv = Callable[[Episode], Env[Any, Any, Any]]
"""Makes the environment that a record is replayed in."""
OnResult = Callable[["ReplayResult"], None]
Status = Literal["same", "different", "not_replayable"]
CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """What came out otherwise than it was recorded."""

    what: str
    """`opening`, `action`, `observation`, `reward`, `terminated`, `truncated`, `terms` or `outcome`."""
    recorded: JsonValue
    replayed: JsonValue
    turn: int | None = None
    """None for what belongs to no turn."""
    step: int | None = None
    """Within the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What came of replaying one episode."""

    recorded: Episode
    rescored: Episode
    """The record with the rewards, terms and outcome that the present code gives; as it was where there are none."""
    discrepancies: tuple[Discrepancy, ...] = ()
    """The first of each kind, in the order in which they came."""
    problem: Cause | None = None
    """Why it cannot be replayed."""

    @property
    def status(self) -> Status:
        """How it compares."""
        if self.problem is not None:
            return "not_replayable"
        return "different" if self.discrepancies else "same"


async def replay(
    episode: Episode, make_env: Callable[[], Env[Any, Any, Any]], *, journal: Journal | None = None
) -> ReplayResult:
    """Carry out the actions of a record again, in an environment made for it; the calls of `journal` are at hand."""
    if episode.outcome == "not_evaluable" and not episode.turns:
        return _impossible(episode, Cause("run", "NothingPlayed", "the record holds no turn: nothing was played"))
    lines = Lines()
    lines.stop(RunStopped("the environment asks a model what the run's journal does not hold"))
    tokens = LINES.set(lines), JOURNAL.set(journal or Journal("", 0, _discard))
    try:
        with boundary(EnvironmentFault, "the environment cannot be made"):
            env = make_env()
        return await _replayed(episode, env)
    except Fault as fault:
        return _impossible(episode, cause_of(fault))
    finally:
        LINES.reset(tokens[0])
        JOURNAL.reset(tokens[1])


async def replay_run(
    folder: str | Path,
    make_env: MakeEnv,
    *,
    on_result: OnResult,
    limit: int | None = None,
    concurrency: int = CONCURRENCY,
) -> None:
    """Replay the records of a run, or the first of them; the results come in the order of the records."""
    crew = _Crew(Path(folder), make_env, on_result, limit)
    async with sharing_sandboxes(), anyio.create_task_group() as group:
        for _ in range(concurrency):
            group.start_soon(crew.work_in, group.cancel_scope)
    if crew.broken is not None:
        raise crew.broken


class _Crew:
    """Replays records side by side; none runs far ahead of a slow one, so that few results wait for their turn."""

    def __init__(self, folder: Path, make_env: MakeEnv, on_result: OnResult, limit: int | None) -> None:
        self._make_env = make_env
        self._on_result = on_result
        self._folder = folder
        self._lines = enumerate(episode_lines(folder))
        self._limit = limit
        self._calls = _Calls(folder / CALLS)
        self._held: dict[int, ReplayResult] = {}
        self._told = 0
        self._moved = anyio.Event()
        self.broken: AgentGymError | OSError | None = None
        """What makes it senseless to go on; raised in the end, without its group."""

    async def work_in(self, scope: anyio.CancelScope) -> None:
        """Replay one record after the other."""
        try:
            await self._work()
        except (AgentGymError, OSError) as error:
            self.broken = self.broken or error
            scope.cancel()

    async def _work(self) -> None:
        while True:
            while len(self._held) >= _MOST_HELD:
                await self._moved.wait()
            number, line = next(self._lines, (0, None))
            if line is None or number == self._limit:
                self._lines = enumerate(())
                return
            episode = read_episode(line, self._folder)
            journal = _KeptCalls(episode, self._calls)
            self._tell(number, await replay(episode, partial(self._make_env, episode), journal=journal))
            await checkpoint()

    def _tell(self, number: int, result: ReplayResult) -> None:
        self._held[number] = result
        while self._told in self._held:
            self._on_result(self._held.pop(self._told))
            self._told += 1
        self._moved.set()
        self._moved = anyio.Event()


_MOST_HELD = 64


class _Calls:
    """Where in a run's journal the model calls of an episode are; found out when the first is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[bytes, list[int]] | None = None

    def of(self, episode: Episode) -> Iterator[bytes]:
        """The lines of the calls of an episode."""
        if self._places is None:
            self._places = self._find()
        places = self._places.get(line_prefix(episode.task_id, episode.trial), [])
        if places:
            with self._path.open("rb") as file:
                for place in places:
                    file.seek(place)
                    yield file.readline()

    def _find(self) -> dict[bytes, list[int]]:
        found: dict[bytes, list[int]] = {}
        with suppress(FileNotFoundError):
            for place, line in placed_lines(self._path):
                prefix = prefix_of(line)
                if line.startswith(b'"kind":"call"', len(prefix)):
                    found.setdefault(prefix, []).append(place)
        return found


class _KeptCalls(Journal):
    """The calls that an episode made; read only if the environment makes any."""

    def __init__(self, episode: Episode, calls: _Calls) -> None:
        super().__init__(episode.task_id, episode.trial, _discard)
        self._episode = episode
        self._all: _Calls | None = calls

    def recall(self, request: str) -> KeptCall | None:
        if self._all is not None:
            for line in self._all.of(self._episode):
                self.remember(line)
            self._all = None
        return super().recall(request)


def _discard(line: bytes) -> None:
    """A replay leaves no journal."""


def _impossible(episode: Episode, problem: Cause) -> ReplayResult:
    return ReplayResult(recorded=episode, rescored=episode, problem=problem)


async def _replayed(episode: Episode, env: Env[Any, Any, Any]) -> ReplayResult:
    seconds = episode.limits.seconds
    again = _Replay(episode, env)
    try:
        with boundary(EnvironmentFault, env.id), anyio.move_on_after(seconds) as deadline:
            await again.play()
        if deadline.cancelled_caught:
            raise EnvironmentFault(f"{env.id}: replaying it took longer than {seconds:g} s")
    finally:
        with suppress(Fault), boundary(EnvironmentFault, env.id, "aclose"):  # what came of it stands
            with anyio.move_on_after(episode.limits.cleanup_s, shield=True):
                await env.aclose()
    return again.result()


@dataclass(slots=True)
class _Replay:
    """A replay in the making."""

    episode: Episode
    env: Env[Any, Any, Any]
    found: dict[str, Discrepancy] = field(default_factory=dict)
    turns: list[TurnRecord] = field(default_factory=list)
    broken_off: bool = False
    """Whether actions of the record are left that cannot be carried out any more."""

    async def play(self) -> None:
        """From the reset to the last turn, or as far as it goes."""
        await self._begin()
        for number, record in enumerate(self.episode.turns):
            if self.env.over:
                self._note("outcome", "goes on", "is over", turn=number)
                self.broken_off = True
            if self.broken_off:
                return
            self.turns.append(replace(record, steps=await self._take(number, record)))
            await checkpoint()  # the tools may all be inline, and then nothing else could ever end this

    def result(self) -> ReplayResult:
        """What came of it."""
        rescored = self._rescored()
        if rescored.outcome != self.episode.outcome or rescored.limit != self.episode.limit:
            self._note("outcome", _ending(self.episode), _ending(rescored))
        for what in ("reward", "terms"):
            old, new = (_plain(getattr(record, what)) for record in (self.episode, rescored))
            if old != new and not self._ends_anyhow:
                self._note(what, old, new)
        return ReplayResult(recorded=self.episode, rescored=rescored, discrepancies=tuple(self.found.values()))

    async def _begin(self) -> None:
        episode, env = self.episode, self.env
        try:
            task = env.task_type.model_validate_json(dump_json(episode.task))
        except ValidationError as error:
            raise EnvironmentFault(f"{env.id} takes no such task any more: {one_line(error)}") from None
        observation = (await env.reset(task, seed=episode.seed)).observation
        instructions = env.instructions
        opening = [*([Message("system", instructions)] if instructions else []), *env.show(observation)]
        self._compare("opening", _plain(episode.opening), _plain(opening))

    async def _take(self, number: int, record: TurnRecord) -> tuple[StepRecord, ...]:
        """Carry out the recorded actions of a turn; the steps as they are now, with what was shown then."""
        actions = []
        for position, recorded in enumerate(record.steps):
            try:
                actions.append(self.env.load_action(recorded.action))
            except InvalidActionError as error:
                self._note("action", recorded.action, str(error), turn=number, step=position)
                self.broken_off = True
                return record.steps
        if not actions and not self._is_turn_of_no_action(number, record):
            return ()
        steps: list[StepRecord] = []
        replies: list[Message] = []
        paired = paired_calls(record.turn, len(actions))

        def keep(step: Step[Any]) -> None:
            position = len(steps)
            recorded = record.steps[position]
            self._compare_step(number, position, recorded, step)
            replies.extend(self.env.show(step.observation, call=paired[position]))
            steps.append(replace(recorded, reward=step.reward, terminated=step.terminated, truncated=step.truncated))

        await self.env.take(actions, on_step=keep)
        if len(steps) < len(actions):
            self._note("outcome", "goes on", "is over", turn=number, step=len(steps))
            self.broken_off = True
        elif not self._is_cut(number):
            self._compare_replies(number, record, [*replies, *passed_over(paired[len(steps) :])])
        return tuple(steps)

    def _is_turn_of_no_action(self, number: int, record: TurnRecord) -> bool:
        """Whether the turn was read as no action at all; one that could not be read, or broke, does not count."""
        try:
            return not self.env.parse(record.turn)
        except InvalidActionError as error:
            self._compare_replies(number, record, refusal(record.turn, error))
            return False

    def _compare_replies(self, turn: int, record: TurnRecord, replies: list[Message]) -> None:
        if "observation" not in self.found:  # of which they tell
            self._compare("replies", _plain(record.replies), _plain(replies), turn)

    def _compare_step(self, turn: int, position: int, recorded: StepRecord, step: Step[Any]) -> None:
        self._compare(
            "observation", recorded.observation, _plain(step.observation.model_dump(mode="json")), turn, position
        )
        tool_error = step.observation.kind if isinstance(step.observation, ToolError) else None
        self._compare("observation", recorded.tool_error, tool_error, turn, position)
        self._compare("reward", recorded.reward, step.reward, turn, position)
        self._compare("terminated", recorded.terminated, step.terminated, turn, position)
        if not self._is_cut(turn):
            self._compare("truncated", recorded.truncated, step.truncated, turn, position)

    @property
    def _ends_anyhow(self) -> bool:
        """Whether something that is not replayed ended the episode in the middle of a turn."""
        return self.episode.outcome == "not_evaluable" or self.episode.limit == "time"

    def _is_limit_made_up(self) -> bool:
        """Whether the record tells of a limit that its own figures do not reach."""
        limits, usage = self.episode.limits, self.episode.usage
        if self.episode.limit == "tokens":
            return limits.tokens is None or usage.tokens < limits.tokens
        return self.episode.limit == "cost" and (limits.cost_usd is None or usage.cost_usd < limits.cost_usd)

    def _is_cut(self, turn: int) -> bool:
        return self._ends_anyhow and turn == len(self.episode.turns) - 1

    def _rescored(self) -> Episode:
        """The record as the present code scores it."""
        episode, env = self.episode, self.env
        untouched = episode.turns[len(self.turns) :]
        scored = replace(
            episode,
            environment=env.info,
            reward=env.reward,
            terms=env.reward_terms,
            turns=(*self.turns, *untouched),
        )
        if env.terminated:
            outcome: Outcome = "solved" if env.solved else "failed"
            return replace(scored, outcome=outcome, limit=None, cause=None)
        if self._ends_anyhow and not self.broken_off:
            return scored
        if env.truncated_by is not None:
            return replace(scored, outcome="truncated", limit=env.truncated_by, cause=None)
        if episode.outcome in ("solved", "failed") or self.broken_off or self._is_limit_made_up():
            told = "the recorded actions do not bring the episode to its end any more"
            return replace(scored, outcome="not_evaluable", limit=None, cause=Cause("environment", "NotOver", told))
        return scored

    def _compare(
        self, what: str, old: JsonValue, new: JsonValue, turn: int | None = None, step: int | None = None
    ) -> None:
        if old != new:
            self._note(what, old, new, turn=turn, step=step)

    def _note(
        self, what: str, old: JsonValue, new: JsonValue, *, turn: int | None = None, step: int | None = None
    ) -> None:
        self.found.setdefault(what, Discrepancy(what, old, new, turn, step))


def _ending(episode: Episode) -> str:
    return f"{episode.outcome} by {episode.limit}" if episode.limit else episode.outcome


def _plain(value: object) -> JsonValue:
    """A value as a record holds it."""
    plain: JsonValue = from_json(dump_json(value))
    return plain
