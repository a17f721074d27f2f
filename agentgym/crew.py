"""Who plays the jobs of a run: as many side by side as their endpoints bear, each ending as exactly one record."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial

import anyio
from anyio.lowlevel import checkpoint

from agentgym.ambient import CAPS, JOURNAL, LINES, TALLY
from agentgym.caps import Caps
from agentgym.episode import EnvironmentInfo, Episode
from agentgym.errors import (
    AgentGymError,
    BudgetSpent,
    EnvironmentFault,
    Fault,
    Interrupted,
    UsageError,
    boundary,
)
from agentgym.events import EventLog
from agentgym.garbage import rarer_collections
from agentgym.jobs import Job
from agentgym.lines import Lines
from agentgym.messages import Tally
from agentgym.play import cause_of, play_episode
from agentgym.policy import Policy
from agentgym.sandbox.lending import sharing_sandboxes
from agentgym.store import RunStore

_LOG = EventLog(__name__)
OnEpisode = Callable[[Episode], Awaitable[None]]
MOST_EPISODES = 1024
_AT_ONCE = 16
"""Episodes begun together, where it is known how many may be under way."""
_OBJECTS = 300
"""Of one episode under way, so many that Python counts when it looks for garbage; those of an environment apart."""
_BEFORE_CALLS = 64
"""Episodes at a time while no endpoint was called, or where none ever is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most a whole run may use; of tokens and money, what it used before it was interrupted counts."""

    tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    """After so many no call and no episode begins; what is under way without calls comes to its end."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = (int,) if field.name == "tokens" else (int, float)
            if value is not None and (type(value) not in kinds or not 0 <= value < math.inf):
                raise UsageError(f"Budget({field.name}={value!r}): give a number of at least 0, or None")


class Crew:
    """Plays jobs side by side, and hands each episode on as it ends."""

    def __init__(
        self,
        jobs: Iterable[Job],
        policy: Policy,
        *,
        on_episode: OnEpisode,
        store: RunStore | None = None,
        lines: Lines | None = None,
        budget: Budget | None = None,
        caps: Mapping[str, int] | None = None,
        ordered: bool = False,
    ) -> None:
        self.lines = lines or Lines()
        self._jobs = jobs
        self._policy = policy
        self._on_episode = on_episode
        self._store = store
        self._budget = budget or Budget()
        self._caps = Caps(caps or {})
        self._environment: EnvironmentInfo | None = None
        self._playing = 0
        self._ordered = ordered
        self._begun = self._handed_on = 0
        self._hands_on = False
        self._held: dict[int, Episode] = {}
        """Episodes that ended before others that were begun earlier, where order counts."""
        self._changed: anyio.Event | None = None
        """Is there while one waits for room."""
        self._broken: Exception | None = None

    async def play(self) -> None:
        """Play them all, or until the run is stopped; raises what makes it senseless to go on."""
        with (
            rarer_collections(_OBJECTS * (self.lines.pinned or 0)),
            self.lines.telling(on_change=self._notice, on_usage=self._check_budget),
        ):
            async with sharing_sandboxes():
                await self._play_all()

    async def _play_all(self) -> None:
        _LOG.info("a run begins", policy=self._policy.name)
        async with anyio.create_task_group() as around:
            if self._budget.seconds is not None:
                around.start_soon(self._end_in, self._budget.seconds)
            self._check_budget()
            async with anyio.create_task_group() as self._group:
                await self._begin_all()
            around.cancel_scope.cancel()
        _LOG.info("the run ends", policy=self._policy.name, begun=self._begun)
        if isinstance(self.lines.stopped, UsageError):
            raise self.lines.stopped
        if self._broken is not None:
            raise self._broken

    async def _begin_all(self) -> None:
        try:
            for job in self._jobs:
                if self._store is None or not self._store.is_finished(job):
                    await self._begin(job)
        except Exception as error:  # whatever the jobs' maker raises; in the end, without a group around it
            self._broken = self._broken or error
            self._group.cancel_scope.cancel()

    async def _begin(self, job: Job) -> None:
        while self.lines.stopped is None and not self._has_room():
            self._changed = anyio.Event()
            await self._changed.wait()
            self._changed = None
        stopped = self.lines.stopped
        number, self._begun = self._begun, self._begun + 1
        if stopped is None:
            self._playing += 1
            self._group.start_soon(self._guarded, partial(self._play, number, job))
            if self.lines.pinned is None or number % _AT_ONCE == 0:
                await checkpoint()  # it goes as far as its first call, perhaps, before another one begins
        elif not _leaves_no_record(stopped):
            await checkpoint()
            if self._store is None or not self._store.was_recorded(job):
                await self._ended(number, self._unplayed(job, stopped))

    def _has_room(self) -> bool:
        busy = self._playing + len(self._held)
        if self.lines.pinned is not None:
            return busy < self.lines.pinned
        most = min(MOST_EPISODES, _BEFORE_CALLS + 2 * sum(self.lines.limits.values()))
        return busy < most and not self.lines.crowded

    async def _play(self, number: int, job: Job) -> None:
        LINES.set(self.lines)
        CAPS.set(self._caps)
        around, by_lines = TALLY.get(), Tally()
        TALLY.set(by_lines)
        try:
            if self._store is not None:
                JOURNAL.set(self._store.journal(job))
            episode = await self._played(job)
            if by_lines.usage == episode.others:
                self.lines.spend(episode.usage)  # of a policy that makes its calls by itself
            if around is not None:  # played inside an episode of another run
                around.add(by_lines.usage)
            await self._ended(number, episode)
        finally:
            self._playing -= 1
            self._notice()

    async def _played(self, job: Job) -> Episode:
        try:
            with boundary(EnvironmentFault, "the environment cannot be made"):
                env = job.make()
        except Fault as fault:
            return self._unplayed(job, fault)
        self._environment = self._environment or env.info
        if self._store is not None and self._store.resumed:
            self._store.refuse_other_version(env.info)
        return await play_episode(env, self._policy, job.task, seed=job.seed, limits=job.limits, trial=job.trial)

    def _unplayed(self, job: Job, fault: Fault | UsageError) -> Episode:
        return job.unplayed(self._environment or EnvironmentInfo("", ""), self._policy.name, cause_of(fault))

    async def _ended(self, number: int, episode: Episode) -> None:
        stopped = self.lines.stopped
        if episode.outcome == "not_evaluable" and stopped is not None and _leaves_no_record(stopped):
            return
        if self._store is not None:
            self._store.add(episode)
        self._tell(episode)
        if not self._ordered:
            return await self._hand_on(episode)
        self._held[number] = episode
        if self._hands_on:
            return  # another one does, and comes to this
        self._hands_on = True
        while self._handed_on in self._held:
            following = self._held.pop(self._handed_on)
            self._handed_on += 1
            await self._hand_on(following)
        self._hands_on = False

    async def _hand_on(self, episode: Episode) -> None:
        if self._broken is None:  # who raised is not called again, by episodes that end meanwhile
            await self._on_episode(episode)

    def _tell(self, episode: Episode) -> None:
        _LOG.debug(
            "an episode ends",
            environment=episode.environment.id,
            task=episode.task_id,
            trial=episode.trial,
            outcome=episode.outcome,
            reward=episode.reward,
            turns=len(episode.turns),
            cause=None if episode.cause is None else episode.cause.message,
        )

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """What makes it senseless to go on ends everything, once, and is raised at the end without its group."""
        try:
            await work()
        except Exception as error:
            self._broken = self._broken or error
            self._group.cancel_scope.cancel()

    async def _end_in(self, seconds: float) -> None:
        await anyio.sleep(seconds)
        self.lines.stop(BudgetSpent(f"the run's budget of {seconds:g} s is used up", of="seconds"))

    def _check_budget(self) -> None:
        budget = self._budget
        if budget.tokens is None and budget.cost_usd is None:
            return  # asked with every reply
        used = self.lines.usage if self._store is None else self.lines.usage + self._store.spent
        if budget.tokens is not None and used.tokens >= budget.tokens:
            self.lines.stop(BudgetSpent(f"the run's budget of {budget.tokens} tokens is used up", of="tokens"))
        if budget.cost_usd is not None and used.cost_usd >= budget.cost_usd:
            self.lines.stop(BudgetSpent(f"the run's budget of {budget.cost_usd:g} dollars is used up", of="cost_usd"))

    def _notice(self) -> None:
        if self._changed is not None:
            self._changed.set()


def _leaves_no_record(reason: AgentGymError) -> bool:
    """Whether who stops for this reason comes back, to the same run or with a better question."""
    return isinstance(reason, (Interrupted, UsageError))
