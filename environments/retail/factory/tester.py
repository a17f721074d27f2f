"""The test of an agent on tasks: agentgym's own runner, with another report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel

from agentgym.episode import Episode
from agentgym.jsontext import dump_json
from agentgym.limits import Limits
from agentgym.messages import JsonObject
from agentgym.policies.oracle import OraclePolicy
from agentgym.policy import Policy
from agentgym.runner import run
from agentgym.runs import read_episodes
from agentgym.suite import Suite
from environments.retail.database import RetailDB
from environments.retail.factory.cases import Case
from environments.retail.factory.enhance import EnhancedUser
from environments.retail.factory.reporting import Report, Setting
from environments.retail.factory.results import Result, result_of, unplayed
from environments.retail.factory.stage import StagedRetailEnv
from environments.retail.users.llm import LlmUser
from environments.retail.users.mute import MuteUser
from environments.retail.users.query import QueryUser
from environments.retail.users.user import User

MAX_STEPS = 30
_SPARE_TURNS = 8
"""Turns that a reference may need besides its calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How tasks are tested."""

    customer: Policy | None = None
    """Plays the customer, where one is to: or else rules do."""
    rewriter: Policy | None = None
    """Puts what the customer says first in other words."""
    dry_run: bool = False
    """The reference plays, and no model is asked."""
    max_steps: int = MAX_STEPS
    """Turns of the agent."""
    max_seconds: float | None = None
    """Of one episode."""
    trials: int = 1

    @property
    def mode(self) -> str:
        """What reports call it."""
        if self.dry_run:
            return "dry-run"
        named = {"dual-model": self.customer, "enhance-query": self.rewriter}
        return "+".join(name for name, policy in named.items() if policy is not None) or "default"

    @property
    def user(self) -> User:
        """Who plays the customer."""
        if self.dry_run:
            return MuteUser()
        user = QueryUser() if self.customer is None else LlmUser(self.customer)
        return user if self.rewriter is None else EnhancedUser(user, self.rewriter)

    @property
    def user_model(self) -> str | None:
        """The model that says anything for the customer."""
        speaker = self.customer or self.rewriter
        return None if speaker is None or self.dry_run else speaker.name

    @property
    def label(self) -> str:
        """What it adds to the name of a suite, whose tasks are others in other words."""
        return "" if self.rewriter is None or self.dry_run else f", enhanced by {self.rewriter.name}"

    def settings(self, data: str | None) -> JsonObject:
        """The settings of the environment, as `RetailEnv` takes them, for records."""
        given: JsonObject = {"profile": "typed", "scoring": "facts", "user": "mute" if self.dry_run else "query"}
        if self.customer is not None and not self.dry_run:
            given |= {"user": f"llm:{self.customer.name}"}
            given |= {"user_settings": self.customer.settings} if self.customer.settings else {}
        return given if data is None else {**given, "data": data}


@dataclass(frozen=True, slots=True)
class CaseSuite(Suite):
    """The tasks at hand as a suite that the runner plays."""

    cases: Sequence[Case] = ()
    db: RetailDB | None = None
    user: User = field(default_factory=QueryUser)

    def make(self) -> StagedRetailEnv:
        """An instance of the environment."""
        env = StagedRetailEnv(self.db, user=self.user)
        env.config = self.settings
        return env

    def tasks(self) -> Sequence[BaseModel]:
        """The tasks of the cases, in their order."""
        return [case.task for case in self.cases]


def suite_of(
    cases: Sequence[Case], db: RetailDB, plan: Plan, *, name: str = "tasks", data: str | None = None
) -> CaseSuite:
    """The suite of some tasks; runs of other tasks have another one, and are not compared."""
    content = blake2b(dump_json([case.task.model_dump(mode="json") for case in cases]), digest_size=4).hexdigest()
    longest = max((len(case.blueprint.agt) + len(case.blueprint.ogt) for case in cases), default=0)
    limits = Limits(turns=longest + _SPARE_TURNS if plan.dry_run else plan.max_steps)
    return CaseSuite(
        id=f"{name}@{content}{plan.label}",
        environment="retail",
        description="tasks of the factory",
        trials=plan.trials,
        limits=limits if plan.max_seconds is None else replace(limits, seconds=plan.max_seconds),
        settings=plan.settings(data),
        dry_run=plan.dry_run,
        cases=tuple(cases),
        db=db,
        user=plan.user,
    )


def player_of(plan: Plan, policy: Policy) -> Policy:
    """Who plays: in a dry run the reference does."""
    return OraclePolicy() if plan.dry_run else policy


def report_of(cases: Sequence[Case], episodes: Iterable[Episode], db: RetailDB, plan: Plan, *, model: str) -> Report:
    """The report on what was played, a result for each task and trial in the order of the tasks."""
    flaws = flaws_of(cases, db)
    by_id = {case.id: case for case in cases}
    found: dict[tuple[str, int], Result] = {}
    for episode in episodes:
        case = by_id.get(episode.task_id)
        if case is not None and episode.trial < plan.trials:
            found[episode.task_id, episode.trial] = result_of(case, episode, flaws=flaws.get(case.id, ()))
    results = [found.get((case.id, trial)) or unplayed(case, trial) for case in cases for trial in range(plan.trials)]
    return Report(results, Setting(plan.mode, model, plan.user_model, plan.trials))


def flaws_of(cases: Iterable[Case], db: RetailDB) -> Mapping[str, Sequence[str]]:
    """Why tasks measure nothing, for those that do not."""
    env = StagedRetailEnv(db)
    found = ((case.id, env.flaws(case.task)) for case in cases)
    return {name: flaws for name, flaws in found if flaws}


async def try_tasks(
    cases: Sequence[Case],
    policy: Policy,
    db: RetailDB,
    *,
    plan: Plan | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    preflight: bool = True,
    **options: Any,
) -> Report:
    """Test a policy on tasks, in a run directory or in a passing one; `options` are those of `agentgym.run`."""
    plan = plan or Plan()
    player = player_of(plan, policy)
    with _kept(folder) as kept:
        suite = suite_of(cases, db, plan)
        await run(suite, player, kept, seed=seed, trials=plan.trials, preflight=preflight, **options)
        return report_of(cases, read_episodes(kept), db, plan, model=player.name)


@contextmanager
def _kept(folder: str | Path | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    with TemporaryDirectory(prefix="agentgym-tasks-") as passing:
        yield Path(passing) / "run"
