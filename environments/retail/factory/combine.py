"""One task made of several of the same customer: all their calls, and one request that asks for all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from random import Random

from pydantic import JsonValue

from agentgym.episode import Outcome
from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from agentgym.messages import Turn
from agentgym.policies.specs import make_policy
from agentgym.policy import Policy
from agentgym.seeds import derive_seed
from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL, WRITES
from environments.retail.factory.answers import object_in
from environments.retail.factory.authors import Author, Draft, Work
from environments.retail.factory.briefing import task_text
from environments.retail.factory.checks import check_blueprint, scenario_of
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.files import StoredTask
from environments.retail.factory.pipeline import TEMPLATE, PipelineConfig, TaskConfigurationPipeline
from environments.retail.factory.prompts import prompt
from environments.retail.factory.scripts import in_order
from environments.retail.factory.talks import Spent, Talk

METHOD = "combined"
_SEARCH = "find_user_id_by_"
_SENTENCE = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+")
_MOST_SETS = 1000
"""Of one customer's tasks; nobody needs all that could be chosen of many."""
_QUERY = ("q", "query")


@dataclass(frozen=True, slots=True)
class Combination:
    """Tasks that are to be one."""

    parts: tuple[StoredTask, ...]
    user_id: str
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]

    @property
    def joined(self) -> str:
        """The requests one after the other; who it is, is said once."""
        first, *others = (part.blueprint.q.strip() for part in self.parts)
        return " ".join((first, *(f"Besides: {_without_introduction(text)}" for text in others)))

    def task(self, request: str) -> Blueprint:
        """The task, with a request."""
        return Blueprint(q=request, agt=self.calls, ogt=self.outputs)


def combinations_of(
    tasks: Sequence[StoredTask], db: RetailDB, *, size: int = 2, most: int | None = None, seed: int = 0
) -> list[Combination]:
    """Sets of accepted tasks of one customer that touch no order twice.

    Each customer gives one, then each a second one, until there are `most`; without that, one each.
    """
    if size < 2:
        raise UsageError(f"size={size}: a combination is made of at least 2 tasks")
    chance = Random(seed)
    by_user = _by_user(tasks, db)
    rounds = [list(islice(_fitting(user_id, held, size), _MOST_SETS)) for user_id, held in by_user.items()]
    for held in rounds:
        chance.shuffle(held)
    if most is None:
        return [held[0] for held in rounds if held]
    turns = (held[turn] for turn in range(_MOST_SETS) for held in rounds if turn < len(held))
    return list(islice(turns, most))


class CombiningPipeline(TaskConfigurationPipeline):
    """The pipeline with tasks to combine in the place of scenarios to write about; each slot has a combination."""

    def __init__(self, config: PipelineConfig, sets: Sequence[Combination]) -> None:
        self._sets = {_slot_seed(config.seed, slot): held for slot, held in enumerate(sets)}
        self.begun = {slot: scenario_of(held.task("")) or "order_inquiry" for slot, held in enumerate(sets)}
        """The scenarios of the slots: what is changed first."""
        # Joined again, requests would be the same as before.
        super().__init__(replace(config, max_iterations=1) if config.generator == TEMPLATE else config)

    def _make_author(self, keys: tuple[str, ...]) -> Author:
        generator = self.config.generator
        policy = make_policy(generator) if isinstance(generator, str) and generator != TEMPLATE else generator
        return CombiningAuthor(self._sets, in_order(policy) if isinstance(policy, Policy) else None, keys)


class CombiningAuthor(Author):
    """Asks a model for one request; without one, the requests follow each other."""

    method = METHOD

    def __init__(self, sets: Mapping[int, Combination], policy: Policy | None, keys: tuple[str, ...]) -> None:
        self.policies = () if policy is None else (policy,)
        self._sets = sets
        self._policy = policy
        self._keys = keys

    @property
    def scenarios(self) -> tuple[str, ...]:
        return self._keys

    def begin(self, scenario: str, *, seed: int, spent: Spent) -> Work:
        held = self._sets[seed]
        if self._policy is None:
            return _Joining(held)
        return _Asking(
            held,
            Talk(
                self._policy, "generator", prompt("combine_system"), seed=seed, spent=spent, gold=lambda: _golden(held)
            ),
        )


class _Joining(Work):
    def __init__(self, held: Combination) -> None:
        self._held = held

    async def write(self, feedback: str) -> Draft:
        return Draft(self._held.task(self._held.joined).model_dump(mode="json"))


class _Asking(Work):
    def __init__(self, held: Combination, talk: Talk) -> None:
        self._held = held
        self._talk = talk
        self._told = False

    async def write(self, feedback: str) -> Draft:
        asked = feedback if self._told else "\n\n".join(filter(None, (_question(self._held), feedback)))
        self._told = True
        said = await self._talk.ask(asked)
        try:
            request = _request_in(said)
        except ValueError as error:
            return Draft(problem=str(error))
        return Draft(self._held.task(request).model_dump(mode="json"))

    async def aclose(self, outcome: Outcome) -> None:
        await self._talk.aclose(outcome)


def _question(held: Combination) -> str:
    requests = "\n".join(f"{number}. {part.blueprint.q}" for number, part in enumerate(held.parts, 1))
    return prompt("combine", requests=requests, task=task_text(held.task("...")))


def _request_in(said: str) -> str:
    request = object_in(said, having=_QUERY)
    text: JsonValue = next((request[name] for name in _QUERY if name in request), None)
    if not isinstance(text, str) or not text.strip():
        raise ValueError("q is no text")
    return text.strip()


def _golden(held: Combination) -> Iterator[Turn]:
    """What the oracle answers."""
    yield Turn(dump_json({"q": held.joined}).decode())


def _by_user(tasks: Sequence[StoredTask], db: RetailDB) -> dict[str, list[StoredTask]]:
    """The tasks that are sound, by their customers."""
    found: dict[str, list[StoredTask]] = {}
    for task in tasks:
        checked = check_blueprint(task.given, db) if task.accepted else None
        if checked is not None and checked.valid and checked.user_id:
            found.setdefault(checked.user_id, []).append(task)
    return found


def _fitting(user_id: str, tasks: Sequence[StoredTask], size: int) -> Iterator[Combination]:
    for parts in combinations(tasks, size):
        blueprints = [part.blueprint for part in parts]
        if _fit(blueprints):
            outputs = dict.fromkeys(output for blueprint in blueprints for output in blueprint.ogt)
            yield Combination(parts, user_id, _calls(blueprints), tuple(outputs))


def _fit(tasks: Sequence[Blueprint]) -> bool:
    """Whether none undoes, or alters the answer to, what another asks for."""
    names = [call.name for task in tasks for call in task.agt]
    orders = [order for task in tasks for order in _orders(task)]
    return len(orders) == len(set(orders)) and names.count("modify_user_address") < 2 and TERMINAL not in names


def _orders(task: Blueprint) -> set[str]:
    return {str(call.arguments["order_id"]) for call in task.agt if "order_id" in call.arguments}


def _calls(tasks: Sequence[Blueprint]) -> tuple[Call, ...]:
    """All calls in their order; the customer is looked for once, and nothing is looked up twice."""
    kept: list[Call] = []
    for number, task in enumerate(tasks):
        for call in task.agt:
            again = number > 0 and (call.name.startswith(_SEARCH) or (call.name not in WRITES and call in kept))
            if not again:
                kept.append(call)
    return tuple(kept)


def _without_introduction(text: str) -> str:
    """A request without its first sentences, where they say hello and who it is."""
    sentences = _SENTENCE.split(text)
    said = next((place for place, sentence in enumerate(sentences[:3]) if _introduces(sentence)), None)
    return text if said is None or said + 1 == len(sentences) else " ".join(sentences[said + 1 :])


def _introduces(sentence: str) -> bool:
    return re.search(r"\b(?:my|your) (?:name|e-?mail address|user id) is\b", sentence, re.IGNORECASE) is not None


def _slot_seed(seed: int, slot: int) -> int:
    """As the pipeline derives it."""
    return derive_seed(seed, "slot", str(slot))
