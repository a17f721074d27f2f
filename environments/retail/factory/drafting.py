"""Agentflow mode: an agent plans a task part by part, the generator's model writes each, the checks look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agentgym.ambient import LINES
from agentgym.episode import Episode
from agentgym.errors import PolicyFault
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, Turn
from agentgym.play import rollout
from agentgym.policy import Policy
from agentgym.seeds import derive_seed
from agentgym.steps import Task
from agentgym.toolenv import ToolEnv
from agentgym.tools import ToolAction, ToolError, tool
from environments.retail.factory.answers import object_in
from environments.retail.factory.authors import Author, Draft, Work
from environments.retail.factory.briefing import brief_text
from environments.retail.factory.checks import Checked, Entry, check_blueprint
from environments.retail.factory.files import read_given
from environments.retail.factory.prompts import prompt
from environments.retail.factory.sampling import Brief, Sampler
from environments.retail.factory.talks import Spent, Talk

PARTS = {
    "query": ("q", 'what the customer says: {"q": "..."}'),
    "actions": ("agt", 'the calls that grant it, in order: {"agt": [{"name": ..., "arguments": {...}}, ...]}'),
    "outputs": ("ogt", 'what the customer must be told: {"ogt": ["...", ...]}; an empty list, where it is nothing'),
}
"""The key of each, and what it is."""
_ATTEMPTS = 2
"""At each part."""
_CHECKS = 14
"""So many kinds of findings there are."""
_KINDS = {"ARG": "TOOL", "ITEM": "IDS", "PAYMENT": "IDS", "PRODUCT": "IDS"}
_IDS = ("USER_NOT_FOUND", "ORDER_NOT_FOUND")

Hint = Annotated[str, Field(description="what to mind in writing it")]


class DraftTask(Task):
    """What is to be written."""

    text: str
    """The brief, and what was wrong with the last attempt."""


class DraftView(BaseModel):
    """What the agent sees of the task in the making."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    text: str


@dataclass(slots=True)
class Sheet:
    """A task in the making."""

    parts: dict[str, JsonValue] = field(default_factory=dict)
    """By the keys of files."""
    attempts: dict[str, int] = field(default_factory=dict)
    checked: Checked | None = None

    @property
    def given(self) -> JsonObject:
        """All that is written, as a file would have it."""
        return {"q": "", "agt": [], "ogt": [], **self.parts}

    @property
    def is_whole(self) -> bool:
        """Whether no part is missing; nothing at all need be told."""
        return "q" in self.parts and "agt" in self.parts


class DraftEnv(ToolEnv[DraftTask, DraftView], id="retail-drafting"):
    """A task is written part by part; what the checks find in it is seen at once."""

    def __init__(self, executor: _Executor, sheet: Sheet, *, turns: int) -> None:
        self.max_turns = turns + 1  # the last one is the agent's own end
        self.sheet = sheet
        self._executor = executor

    @property
    def instructions(self) -> str:
        """How it is gone about."""
        return prompt("draft_system")

    async def begin(self, task: DraftTask) -> DraftView:
        """Show what is to be written."""
        return DraftView(text=task.text)

    def tasks(self, split: str | None = None) -> list[DraftTask]:
        """None of its own."""
        return []

    @tool
    async def propose_query(self, hint: Hint = "") -> DraftView | ToolError:
        """Have written what the customer says."""
        return await self._propose("query", hint)

    @tool
    async def propose_actions(self, hint: Hint = "") -> DraftView | ToolError:
        """Have the calls written that grant it; the query should be there before."""
        return await self._propose("actions", hint)

    @tool
    async def propose_outputs(self, hint: Hint = "") -> DraftView | ToolError:
        """Have written what the customer must be told; the calls should be there before."""
        return await self._propose("outputs", hint)

    @tool
    async def apply_corrections(self) -> DraftView | ToolError:
        """Take over what the checks can mend by themselves."""
        checked = self._checked()
        if not checked.corrections:
            return ToolError(text="there is nothing that the checks could mend by themselves")
        held = checked.blueprint.model_dump(mode="json")
        self.sheet.parts.update({key: held[key] for key in self.sheet.parts})
        return DraftView(text="\n".join(checked.corrections))

    @tool(name="finish")
    async def finish_task(self) -> DraftView | ToolError:
        """Hand the task in as it stands."""
        if not self.sheet.is_whole:
            return ToolError(text="the query and the actions must be written first")
        return self._handed_in()

    async def hear(self, text: str) -> DraftView | ToolError:
        """Whoever only talks hands in what there is, once that is a task."""
        if not self.sheet.is_whole:
            return ToolError(text="call a tool: nothing else is heard here", kind="no_call")
        return self._handed_in()

    def reference(self) -> Iterator[ToolAction]:
        """Each part once."""
        cls = type(self)
        yield cls.propose_query.action()
        yield cls.propose_actions.action()
        yield cls.propose_outputs.action()
        yield cls.finish_task.action()

    def _handed_in(self) -> DraftView:
        checked = self._checked()
        self.finish(reward=passed_share(checked), solved=checked.valid)
        return DraftView(text="The task is handed in.")

    async def _propose(self, part: str, hint: str) -> DraftView | ToolError:
        sheet, (key, _) = self.sheet, PARTS[part]
        if sheet.attempts.get(part, 0) >= _ATTEMPTS:
            return ToolError(text=f"the {part} were written {_ATTEMPTS} times already; go on with what there is")
        sheet.attempts[part] = sheet.attempts.get(part, 0) + 1
        try:
            sheet.parts[key] = await self._executor.write(part, hint, self.task.text, sheet)
        except ValueError as error:
            return ToolError(text=f"FORMAT_UNREADABLE: {error}")
        wrong = [entry for entry in self._checked().entries if entry.level == "error" and self._concerns(entry)]
        written = dump_json({key: sheet.parts[key]}).decode()
        if wrong:
            return ToolError(text="\n".join((written, *map(str, wrong))))
        return DraftView(text=written)

    def _concerns(self, entry: Entry) -> bool:
        """Whether it is about parts that are written."""
        parts = self.sheet.parts
        if entry.code in ("QUERY_UNIDENTIFIED", "QUERY_ACTION_GAP", "USER_CONTEXT_MISSING"):
            return "q" in parts and "agt" in parts
        if entry.code == "UNVERIFIABLE" or entry.code.startswith("OUTPUT"):
            return "agt" in parts and "ogt" in parts
        if entry.code.startswith("FORMAT"):
            return any(name in entry.code for key, name in _FORMATS.items() if key in parts)
        return "agt" in parts

    def _checked(self) -> Checked:
        checked = self.sheet.checked = self._executor.check(self.sheet.given)
        return checked


_FORMATS = {"q": "QUERY", "agt": "ACTION", "ogt": "OUTPUT"}
"""What codes about the form of each hold."""


class _Executor:
    """Writes the parts: the generator's model."""

    def __init__(
        self, policy: Policy, sampler: Sampler, brief: Brief, *, seed: int, spent: Spent, strict: bool
    ) -> None:
        self._policy = policy
        self._sampler = sampler
        self._brief = brief
        self._seed = seed
        self._spent = spent
        self._strict = strict

    async def write(self, part: str, hint: str, brief: str, sheet: Sheet) -> JsonValue:
        """One part."""
        key, what = PARTS[part]
        number = sheet.attempts[part]
        talk = Talk(
            self._policy,
            "executor",
            prompt("part_system"),
            seed=derive_seed(self._seed, part, str(number)),
            spent=self._spent,
            gold=lambda: self._golden(key),
        )
        wrong = [] if sheet.checked is None else [str(entry) for entry in sheet.checked.entries]
        asked = prompt(
            "part",
            brief=brief,
            draft=dump_json(sheet.parts).decode(),
            findings="\n".join(wrong) or "none",
            hint=hint or "none",
            what=what,
        )
        try:
            said = await talk.ask(asked)
        finally:
            await talk.aclose("solved")
        given = read_given(object_in(said, having=(key, "task")))
        assert isinstance(given, dict)
        return given.get(key)

    def check(self, given: JsonObject) -> Checked:
        """What the checks find in the task so far."""
        return check_blueprint(
            given, self._sampler.db, scenario=self._brief.scenario.key, user_id_validation=self._strict
        )

    def _golden(self, key: str) -> Iterator[Turn]:
        task = self._sampler.gold(self._brief)
        if task is not None:
            yield Turn(dump_json({key: task.model_dump(mode="json")[key]}).decode())


class AgentFlowAuthor(Author):
    """Has an agent plan each task, and the generator's model write its parts."""

    method = "agentflow"

    def __init__(
        self, planner: Policy, executor: Policy, sampler: Sampler, *, turns: int = 5, user_id_validation: bool = True
    ) -> None:
        self.policies = (planner, executor)
        self.planner = planner
        self.executor = executor
        self.sampler = sampler
        self.turns = turns
        self.strict = user_id_validation

    @property
    def scenarios(self) -> tuple[str, ...]:
        return self.sampler.keys

    def begin(self, scenario: str, *, seed: int, spent: Spent) -> Work:
        return _DraftWork(self, self.sampler.brief(scenario, seed=seed), spent)


class _DraftWork(Work):
    def __init__(self, author: AgentFlowAuthor, brief: Brief, spent: Spent) -> None:
        self._author = author
        self._brief = brief
        self._spent = spent
        self._sheet = Sheet()
        self._attempts = 0
        self._feedback = "none"

    async def write(self, feedback: str) -> Draft:
        author, brief = self._author, self._brief
        self._attempts += 1
        self._feedback = feedback or self._feedback  # after a fault there is nothing new
        seed = derive_seed(brief.seed, "draft", str(self._attempts))
        sheet = self._sheet = Sheet(dict(self._sheet.parts), checked=self._sheet.checked)
        executor = _Executor(author.executor, author.sampler, brief, seed=seed, spent=self._spent, strict=author.strict)
        env = DraftEnv(executor, sheet, turns=author.turns)
        text = prompt(
            "draft",
            brief=brief_text(brief),
            draft=dump_json(sheet.parts).decode() if sheet.parts else "nothing yet",
            feedback=self._feedback,
        )
        episode = await rollout(env, author.planner, DraftTask(id=f"draft {self._attempts}", text=text), seed=seed)
        self._count(episode)
        _raise_faults(episode)
        if not sheet.parts:
            return Draft(turns=len(episode.turns), problem="no part of the task was written")
        checked = sheet.checked or executor.check(sheet.given)
        confidence = _confidence_of(episode) * passed_share(checked)
        return Draft(sheet.given, turns=min(len(episode.turns), author.turns), confidence=confidence)

    def _count(self, episode: Episode) -> None:
        for record in episode.turns:
            for call in record.turn.calls:
                self._spent.add(call.role, call.reply.usage)
            if not record.turn.calls:
                self._spent.add(record.turn.role or "planner", record.turn.usage)


def passed_share(checked: Checked) -> float:
    """The share of the kinds of checks that found no error."""
    failed = {_kind(code) for code in checked.codes}
    return max(0.0, 1 - len(failed) / _CHECKS)


def _kind(code: str) -> str:
    if code in _IDS:
        return "IDS"
    first = code.partition("_")[0]
    return _KINDS.get(first, first if first in ("FORMAT", "POLICY", "TOOL") else code)


def _raise_faults(episode: Episode) -> None:
    """What broke was recorded as the episode's cause; here it is the slot's."""
    lines = LINES.get()
    if lines is not None and lines.stopped is not None:
        raise lines.stopped
    if episode.cause is not None:
        raise PolicyFault(episode.cause.message)


def _confidence_of(episode: Episode) -> float:
    """What the agent's generator said of its own answer; all, where it was never asked."""
    for record in reversed(episode.turns):
        for call in reversed(record.turn.calls):
            if call.role == "generator":
                return _stated(call.reply)
    return 1.0


def _stated(reply: Turn) -> float:
    try:
        said: Mapping[str, JsonValue] = object_in(reply.text, having=("confidence",))
    except ValueError:
        return 0.0
    value = said["confidence"]
    return min(1.0, max(0.0, float(value))) if isinstance(value, (int, float)) else 0.0
