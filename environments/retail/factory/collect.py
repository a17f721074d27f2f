"""Conversations about tasks: those that went well, and what went wrong in the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from agentgym.episode import Episode
from agentgym.errors import RunStopped, UsageError
from agentgym.exports import openai
from agentgym.exports.dialogue import completed
from agentgym.exports.notices import Notices
from agentgym.exports.reading import of_episode
from agentgym.jobs import Job
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.policy import Policy
from agentgym.runner import run
from agentgym.runs import INFO, read_episodes, written_whole
from agentgym.seeds import derive_seed
from agentgym.steps import task_id
from environments.retail.database import RetailDB
from environments.retail.factory.cases import Case
from environments.retail.factory.faults import Mishap, mishap_of
from environments.retail.factory.metrics import SUCCESS
from environments.retail.factory.personas import persona
from environments.retail.factory.results import result_of
from environments.retail.factory.tester import CaseSuite, Plan, flaws_of, suite_of
from environments.retail.task import RetailTask
from environments.retail.users.llm import LlmUser
from environments.retail.users.query import QueryUser
from environments.retail.users.user import User, UserSession

CONVERSATIONS = 3
MOST_TURNS = 30
SUCCESSES, FAILURES = "successes.jsonl", "failures.jsonl"


class PersonaUser(LlmUser):
    """A customer of some temper, who knows what they say in the task, and nothing of how it is granted."""

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        known = f"{task.instruction}\n\n{persona(Random(seed))}"
        return super().start(task.model_copy(update={"instruction": known}), db=db, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """How conversations are had."""

    conversations: int = CONVERSATIONS
    """At most so many about a task: once one went well, there are no more."""
    customer: Policy | None = None
    """Plays the customer; rules do where there is none."""
    best_of: int = 1
    """So many lines the customer thinks of, to say the best."""
    most_turns: int = MOST_TURNS
    seed: int = 0

    @property
    def user(self) -> User:
        """Who plays the customer."""
        return QueryUser() if self.customer is None else PersonaUser(self.customer, best_of=self.best_of)


@dataclass(slots=True)
class Collected:
    """What came of it."""

    tasks: int
    """Of which conversations were had."""
    unsolvable: int = 0
    """Tasks of which none was, for nobody could solve them."""
    conversations: int = 0
    successes: int = 0
    failures: int = 0
    solved: set[str] = field(default_factory=set)
    """Tasks of which a conversation went well."""
    faults: dict[str, int] = field(default_factory=dict)
    stopped: RunStopped | None = None
    """What ended it before its time."""

    def summary(self) -> JsonObject:
        """The counts."""
        return {
            "tasks": self.tasks,
            "unsolvable": self.unsolvable,
            "tasks_solved": len(self.solved),
            "conversations": self.conversations,
            "successes": self.successes,
            "failures": self.failures,
            "faults": dict(sorted(self.faults.items())),
        }


async def collect(
    cases: Sequence[Case],
    policy: Policy,
    db: RetailDB,
    folder: Path,
    how: Collecting,
    *,
    data: str | None = None,
    **options: Any,
) -> Collected:
    """Have conversations in rounds, and write both files into the folder; called again, it goes on where it ended.

    `options` are those of `agentgym.run`.
    """
    flaws = flaws_of(cases, db)
    cases = [case for case in cases if case.id not in flaws]
    if not cases:
        raise UsageError("nobody can solve any of these tasks; see: agentgym tasks test --validate-only")
    suite = _suite(cases, db, how, data)
    jobs: list[Job] = []
    stopped: RunStopped | None = None
    for trial in range(how.conversations):
        solved = _solved(folder / "run") if trial else set()
        jobs += [_job(suite, case, trial, how) for case in cases if case.id not in solved]
        stopped = (await run(jobs, policy, folder / "run", **options)).stopped
        if stopped is not None:
            break
    collected = _write(cases, folder)
    collected.unsolvable = len(flaws)
    collected.stopped = stopped
    return collected


def _suite(cases: Sequence[Case], db: RetailDB, how: Collecting, data: str | None) -> CaseSuite:
    plan = Plan(customer=how.customer, max_steps=how.most_turns)
    suite = suite_of(cases, db, plan, data=data)
    assert isinstance(suite, CaseSuite)
    more: JsonObject = {"mode": "collect", "best_of": how.best_of, "user": how.user.name}
    return replace(suite, user=how.user, settings={**suite.settings, **more})


def _job(suite: CaseSuite, case: Case, trial: int, how: Collecting) -> Job:
    seed = derive_seed(how.seed, suite.id, task_id(case.task), str(trial))
    return Job(make=suite.make, task=case.task, seed=seed, trial=trial, limits=suite.limits)


def _solved(folder: Path) -> set[str]:
    return {episode.task_id for episode in read_episodes(folder) if episode.reward >= SUCCESS and _is_judged(episode)}


def _is_judged(episode: Episode) -> bool:
    return episode.outcome != "not_evaluable"


def _write(cases: Sequence[Case], folder: Path) -> Collected:
    """Both files, each in the order of the tasks."""
    collected = Collected(len(cases))
    if not (folder / "run" / INFO).exists():
        return collected
    good: dict[tuple[int, int], bytes] = {}
    bad: dict[tuple[int, int], bytes] = {}
    for place, episode, row, mishap in _rows(cases, folder):
        collected.conversations += 1
        if mishap is None:
            good[place, episode.trial] = dump_json(row)
            collected.solved.add(episode.task_id)
        else:
            bad[place, episode.trial] = dump_json({**row, **mishap.to_json()})
            collected.faults[mishap.label] = collected.faults.get(mishap.label, 0) + 1
    collected.successes, collected.failures = len(good), len(bad)
    for name, rows in ((SUCCESSES, good), (FAILURES, bad)):
        with written_whole(folder / name) as file:
            file.writelines(rows[key] + b"\n" for key in sorted(rows))
    return collected


def _rows(cases: Sequence[Case], folder: Path) -> Iterator[tuple[int, Episode, JsonObject, Mishap | None]]:
    places = {case.id: place for place, case in enumerate(cases)}
    for number, episode in enumerate(read_episodes(folder / "run"), 1):
        if episode.task_id not in places:
            continue
        place = places[episode.task_id]
        result = result_of(cases[place], episode)
        row: JsonObject = {
            "task_id": episode.task_id,
            "conversation": episode.trial,
            "query": cases[place].blueprint.q,
            "reward": result.reward if result.evaluable else None,
            "user": episode.environment.config.get("user"),
        }
        dialogue = completed(of_episode(episode), number=number)
        row |= next(openai.rows(dialogue, Notices()))
        if result.error:
            row["error"] = result.error
        yield place, episode, row, mishap_of(episode, result)
