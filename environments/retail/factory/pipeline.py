"""The pipeline: scenario, author, checks, committee; and back to the author with what was wrong, a few times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import anyio
from anyio.lowlevel import checkpoint
from pydantic import JsonValue

from agentgym.ambient import JOURNAL, LINES
from agentgym.errors import PolicyFault, RunStopped, UsageError, boundary
from agentgym.lines import Lines
from agentgym.messages import JsonObject
from agentgym.policies.specs import make_policy
from agentgym.policy import Policy
from agentgym.seeds import checked_seed, derive_seed
from environments.retail.database import RetailDB, shared_db
from environments.retail.factory.attempts import Attempt, envelope_of
from environments.retail.factory.authors import Author, Draft, TemplateAuthor, Work
from environments.retail.factory.checks import Checked, canonical_key, check_blueprint
from environments.retail.factory.committee import Committee
from environments.retail.factory.config import TauBenchConfig
from environments.retail.factory.direct import DirectAuthor
from environments.retail.factory.envelope import Blueprint, TaskEnvelope
from environments.retail.factory.feedback import duplicate, unreadable
from environments.retail.factory.files import dump_envelope
from environments.retail.factory.partial import ACCEPTED, BROKEN, REJECTED, InMemory, Keeper, Record
from environments.retail.factory.sampling import Sampler
from environments.retail.factory.scenarios import Schedule, check_tools, chosen_scenarios
from environments.retail.factory.scripts import in_order
from environments.retail.factory.statistics import Statistics
from environments.retail.factory.talks import Spent
from environments.retail.world.own import own_world

TEMPLATE = "template"
OnRecord = Callable[[Record], None]


@dataclass(frozen=True)
class PipelineConfig:
    """How tasks are made."""

    envs_path: str | Path | RetailDB | None = None
    """The shop's data; our own world, where nothing is named, or the default `envs/retail` does not exist."""
    max_iterations: int = 3
    """The most candidates of one task."""
    committee_size: int = 3
    """0 leaves the committee out."""
    use_agentflow: bool = False
    agentflow_turns: int = field(default=5, kw_only=True)
    generator: str | Policy | None = field(default=None, kw_only=True)
    """`template`, or who writes: a policy or its spec. By default templates; with agentflow the configured model."""
    reviewers: Sequence[str | Policy] = field(default=(), kw_only=True)
    """Dealt round to the seats; the heuristic, where there is none."""
    planner: str | Policy | None = field(default=None, kw_only=True)
    """With agentflow: who plans; `agentflow:` and the generator's spec, where it is not given."""
    scenarios: Sequence[str] = field(default=(), kw_only=True)
    """All, where none is named."""
    user_id_validation: bool = field(default=True, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    rich: bool = field(default=False, kw_only=True)
    """Whether envelopes say more than they have to."""

    @property
    def author(self) -> str | Policy:
        """Who writes."""
        if self.generator is not None:
            return self.generator
        return f"openai:{TauBenchConfig().default_model}" if self.use_agentflow else TEMPLATE

    def __post_init__(self) -> None:
        for name, least in (("max_iterations", 1), ("committee_size", 0), ("agentflow_turns", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UsageError(f"{name}={value!r}: give a whole number of at least {least}")
        checked_seed(self.seed)
        chosen_scenarios(self.scenarios)
        if self.use_agentflow and self.author == TEMPLATE:
            raise UsageError("templates need no agent: leave agentflow out, or name a model as generator")


class TaskConfigurationPipeline:
    """Makes tasks; several may be in the making at a time."""

    def __init__(self, config: PipelineConfig | None = None) -> None:
        check_tools()
        self.config = config = config or PipelineConfig()
        self.db = _opened(config.envs_path)
        self._known: dict[bytes, int] = {}
        """Slots by digests of their tasks."""
        keys = chosen_scenarios(config.scenarios)
        self._author = self._make_author(keys)
        self.scenarios = tuple(key for key in keys if key in self._author.scenarios)
        self._schedule = Schedule(self.scenarios)
        self._slots = 0
        reviewers = [in_order(_policy(reviewer)) for reviewer in config.reviewers]
        self._committee = Committee(config.committee_size, reviewers, seed=config.seed)

    @property
    def method(self) -> str:
        """How tasks are made, as envelopes call it."""
        return self._author.method

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Everybody who is asked, each once."""
        asked = (*self._author.policies, *self._committee.policies)
        return tuple({id(policy): policy for policy in asked}.values())

    async def preflight(self) -> None:
        """Find out whether those who are asked can answer at all."""
        for policy in self.policies:
            await policy.preflight()

    async def aclose(self) -> None:
        """Let them go."""
        for policy in self.policies:
            await policy.aclose()

    async def generate_task(self, scenario: str | None = None) -> TaskEnvelope:
        """One task; of the scenario that is next, where none is named."""
        keeper = InMemory()
        begun = {} if scenario is None else {self._slots: chosen_scenarios([scenario])[0]}
        await self.fill(self._next_slots(1), self._schedule, keeper, begun=begun)
        return TaskEnvelope.model_validate(next(iter(keeper.records.values()))["envelope"])

    async def generate(self, num_tasks: int, *, concurrency: int = 1) -> tuple[list[TaskEnvelope], Statistics]:
        """So many tasks, in the order of their slots, and what it took."""
        if num_tasks < 1 or concurrency < 1:
            raise UsageError(f"num_tasks={num_tasks}, concurrency={concurrency}: both are at least 1")
        keeper, started = InMemory(), monotonic()
        await self.fill(self._next_slots(num_tasks), self._schedule, keeper, concurrency=concurrency)
        records = [keeper.records[slot] for slot in sorted(keeper.records)]
        statistics = Statistics.of(records, seed=self.config.seed, config=self.described())
        statistics.duration_s = monotonic() - started
        return [TaskEnvelope.model_validate(record["envelope"]) for record in records], statistics

    async def fill(
        self,
        slots: Sequence[int],
        schedule: Schedule,
        keeper: Keeper,
        *,
        begun: Mapping[int, str] | None = None,
        concurrency: int = 1,
        lines: Lines | None = None,
        on_record: OnRecord = lambda record: None,
    ) -> None:
        """Fill slots, as many at a time as may be; `begun` tells the scenarios of those that an earlier run began."""
        waiting, lines = iter(slots), lines or Lines(pinned=concurrency)
        token = LINES.set(lines)

        async def work() -> None:
            """Slot after slot, until the calls are stopped; others come to an end of their own then."""
            for slot in waiting:
                with suppress(RunStopped), anyio.CancelScope() as scope, lines.episode(scope):
                    record = await self._fill_any(slot, schedule, begun or {}, keeper)
                    keeper.add(record)
                    on_record(record)
                    await checkpoint()
                if lines.stopped is not None:
                    return

        try:
            with boundary(PolicyFault, self.method):
                async with anyio.create_task_group() as group:
                    for _ in range(min(concurrency, len(slots))):
                        group.start_soon(work)
        finally:
            LINES.reset(token)
        if lines.stopped is not None:
            raise lines.stopped

    def _next_slots(self, count: int) -> range:
        """Slots that were not filled before: each has chances of its own."""
        first, self._slots = self._slots, self._slots + count
        return range(first, self._slots)

    def remember(self, slot: int, key: str) -> None:
        """Take a task as made that an earlier run made."""
        self._known[bytes.fromhex(key)] = slot

    def described(self) -> JsonObject:
        """The settings, without secrets, as reports have them."""
        config = self.config
        folder = config.envs_path.folder if isinstance(config.envs_path, RetailDB) else config.envs_path
        return {
            "envs_path": None if folder is None else str(folder),
            "max_iterations": config.max_iterations,
            "committee_size": config.committee_size,
            "use_agentflow": config.use_agentflow,
            "agentflow_turns": config.agentflow_turns,
            "generator": _named(config.author),
            "reviewers": [_named(reviewer) for reviewer in config.reviewers] or ["heuristic"],
            "scenarios": list(self.scenarios),
            "user_id_validation": config.user_id_validation,
            "rich": config.rich,
        }

    def _make_author(self, keys: tuple[str, ...]) -> Author:
        config = self.config
        sampler = Sampler(self.db, keys, seed=config.seed)
        if config.author == TEMPLATE:
            return TemplateAuthor(self.db, sampler.keys, seed=config.seed, is_known=self._is_known)
        generator = in_order(_policy(config.author))
        if not config.use_agentflow:
            return DirectAuthor(generator, sampler)
        from environments.retail.factory.drafting import AgentFlowAuthor  # not above: most runs need no agent

        return AgentFlowAuthor(
            _planner(config),
            generator,
            sampler,
            turns=config.agentflow_turns,
            user_id_validation=config.user_id_validation,
        )

    async def _fill_any(self, slot: int, schedule: Schedule, begun: Mapping[int, str], keeper: Keeper) -> Record:
        """A slot of the scenario that is next; of another, where the shop holds no more of that."""
        while True:
            scenario = self._scheduled(slot, schedule, begun)
            keeper.begin(slot, scenario)
            record, exhausted = await self._fill(slot, scenario, keeper)
            schedule.end(scenario, accepted=record["outcome"] == ACCEPTED)
            if not (exhausted and schedule.drop(scenario)):
                return record
            begun = {}

    def _scheduled(self, slot: int, schedule: Schedule, begun: Mapping[int, str]) -> str:
        if slot in begun:
            schedule.begin_with(begun[slot])
            return begun[slot]
        return schedule.begin()

    async def _fill(self, slot: int, scenario: str, keeper: Keeper) -> tuple[Record, bool]:
        """A slot's task, or the last attempt at one; and whether its author can write no other of the scenario."""
        started, spent = monotonic(), Spent()
        seed = derive_seed(self.config.seed, "slot", str(slot))
        work: Work | None = None
        attempts: list[Attempt] = []
        feedback = ""
        for iteration in range(1, self.config.max_iterations + 1):
            token = JOURNAL.set(keeper.journal(slot, iteration))
            try:
                work = work or self._author.begin(scenario, seed=seed, spent=spent)
                attempt = await self._attempt(work, feedback, scenario, f"{slot} {iteration}", spent)
            except PolicyFault as fault:
                attempt = Attempt(Draft(), fault=str(fault))
            finally:
                JOURNAL.reset(token)
            attempts.append(attempt)
            if attempt.accepted or attempt.draft.final or attempt.unheard:
                break
            feedback = attempt.feedback
        if work is not None:
            await work.aclose("solved" if attempts[-1].accepted else "failed")
        record = self._record(slot, scenario, attempts, spent, monotonic() - started)
        return record, attempts[-1].draft.final

    async def _attempt(self, work: Work, feedback: str, scenario: str, name: str, spent: Spent) -> Attempt:
        draft = await work.write(feedback)
        if draft.given is None:
            return Attempt(draft, more=(unreadable(draft.problem),))
        checked = self._check(draft.given, scenario)
        known = self._known.get(self._key(checked.blueprint, checked.user_id)) if checked.valid else None
        if known is not None:
            return Attempt(draft, checked, more=(duplicate(f"slot {known}"),))
        if not checked.valid:
            return Attempt(draft, checked)
        decision = await self._committee.review(checked, scenario=scenario, name=name, spent=spent)
        if not decision.available:
            decision = await self._committee.review(checked, scenario=scenario, name=f"{name} again", spent=spent)
        attempt = Attempt(draft, checked, decision)
        return self._taken(attempt, int(name.split()[0])) if attempt.accepted else attempt

    def _taken(self, attempt: Attempt, slot: int) -> Attempt:
        """The attempt, unless another slot was faster with the same task while this one was looked at."""
        assert attempt.checked is not None
        key = self._key(attempt.checked.blueprint, attempt.checked.user_id)
        first = self._known.setdefault(key, slot)
        if first == slot:
            return attempt
        return Attempt(attempt.draft, attempt.checked, attempt.decision, more=(duplicate(f"slot {first}"),))

    def _check(self, given: JsonValue, scenario: str) -> Checked:
        return check_blueprint(given, self.db, scenario=scenario, user_id_validation=self.config.user_id_validation)

    def _is_known(self, blueprint: Blueprint, user_id: str) -> bool:
        return self._key(blueprint, user_id) in self._known

    def _key(self, blueprint: Blueprint, user_id: str) -> bytes:
        return hashlib.blake2b(canonical_key(blueprint, user_id=user_id).encode(), digest_size=16).digest()

    def _record(self, slot: int, scenario: str, attempts: list[Attempt], spent: Spent, duration_s: float) -> Record:
        """What is kept of a slot."""
        last = attempts[-1]
        shown = next((attempt for attempt in reversed(attempts) if attempt.checked is not None), last)
        checked = shown.checked
        user_id = "" if checked is None else checked.user_id
        rich: JsonObject = {"scenario": scenario, "slot": slot, "iterations": len(attempts), "user_id": user_id}
        return {
            "slot": slot,
            "scenario": scenario,
            "outcome": ACCEPTED if last.accepted else BROKEN if last.nobodys_fault else REJECTED,
            "key": "" if checked is None else self._key(checked.blueprint, user_id).hex(),
            "envelope": dump_envelope(envelope_of(shown, method=self.method, rich=rich if self.config.rich else None)),
            "iterations": len(attempts),
            "user_id": user_id,
            "attempts": [attempt.to_json() for attempt in attempts],
            "diff_patch": {} if checked is None else checked.diff_patch,
            "usage": spent.to_json(),
            "duration_s": round(duration_s, 4),
        }


def slots_left(num_tasks: int, done: Mapping[int, str]) -> Iterator[int]:
    """The slots that are still to be filled; what broke is tried again."""
    return (slot for slot in range(num_tasks) if done.get(slot, BROKEN) == BROKEN)


def _opened(data: str | Path | RetailDB | None) -> RetailDB:
    if isinstance(data, RetailDB):
        return data
    is_default = str(data) == TauBenchConfig.model_fields["envs_path"].default
    return own_world() if data is None or (is_default and not Path(data).exists()) else shared_db(data)


def _planner(config: PipelineConfig) -> Policy:
    """The agent; the generator's own policy plans, where nobody else is named."""
    from agentgym.flow.policy import AgentFlowPolicy

    if config.planner is not None:
        return _policy(config.planner)
    if isinstance(config.author, Policy):
        return AgentFlowPolicy(config.author, max_turns=config.agentflow_turns)
    return make_policy(f"agentflow:{config.author}", max_turns=config.agentflow_turns)


def _policy(given: str | Policy) -> Policy:
    return given if isinstance(given, Policy) else make_policy(given)


def _named(given: str | Policy) -> str:
    return given if isinstance(given, str) else given.name
