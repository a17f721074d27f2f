"""Customer service of an online shop."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from pydantic import JsonValue

from agentgym.errors import DataFileError, EpisodeStateError, UsageError, UserFault, boundary, did_you_mean
from agentgym.jsontext import dump_json, mend_text
from agentgym.messages import NO_USAGE, JsonObject, ToolCall
from agentgym.registry import load_target
from agentgym.tools import BadCall, Say, ToolAction, ToolError
from environments.retail.arguments import read_arguments, write_arguments
from environments.retail.conduct import Call, Conduct, Event, Line, judge_conduct
from environments.retail.database import RetailDB, shared_db
from environments.retail.desk import TERMINAL, WRITES, Outcome, perform
from environments.retail.guidelines import POLICY
from environments.retail.observations import CallError, ToolResult, UserLine
from environments.retail.reference import act_first, talk_through
from environments.retail.scoring import Score
from environments.retail.state import State
from environments.retail.task import RetailTask
from environments.retail.taskfiles import read_each, task_files, tasks_beside
from environments.retail.telling import facts_told, is_value, parts_told, words_told
from environments.retail.tools import RetailTools, Shown
from environments.retail.users.specs import UserSpec, make_user
from environments.retail.users.user import GREETING, STOP, UserSession
from environments.retail.world.own import own_tasks, own_world

if TYPE_CHECKING:
    from agentgym.policy import Policy

Profile = Literal["compat", "typed", "tau2"]
Scoring = Literal["tau", "facts"]
"""How it is judged what the customer was told: by the benchmark's rule, or by the facts in what they should be told."""
RESPOND = "respond"
"""What speaking to the customer is called where it is written as a tool call; plain text does the same."""
_REPORTED = (
    *("state", "outputs", "action_precision", "action_recall", "action_f1", "exact_actions"),
    *("read_precision", "read_recall", "write_precision", "write_recall", "violations"),
)
"""Reward terms that do not count."""
_CLASSES: Mapping[Profile, str] = {
    "typed": "environments.retail.typed:TypedRetailEnv",
    "tau2": "environments.retail.tau2.env:Tau2RetailEnv",
}
"""By their names, for they derive from what stands here."""
_TELLINGS = {"tau": parts_told, "words": words_told, "facts": facts_told}


class RetailEnv(RetailTools, id="retail", max_turns=30):
    """Customer service of an online shop: look orders up, change them as the policy allows, talk with the customer.

    The profile `compat` takes arguments as tau-bench does, `typed` refuses what does not fit the tools' schemas, and
    `tau2` is the shop of tau2-bench.
    """

    weights = dict.fromkeys(_REPORTED, 0.0)
    metrics = {  # noqa: RUF012
        "reward": "1 where both verdicts below are good, else 0",
        "state": "whether the shop looks as after the reference actions",
        "outputs": "whether the customer was told all that they must be told",
        "action_precision": "the share of the tools called that the reference calls",
        "action_recall": "the share of the tools that the reference calls that were called",
        "action_f1": "the harmonic mean of both",
        "exact_actions": "whether the same calls were made in the same order",
        "read_precision": "the share of the lookups made, with their arguments, that the reference makes",
        "read_recall": "the share of the lookups of the reference, with their arguments, that were made",
        "write_precision": "the share of the changes made, with their arguments, that the reference makes",
        "write_recall": "the share of the changes of the reference, with their arguments, that were made",
        "violations": "how often the policy was broken, as far as rules can tell",
    }
    profile: Profile = "compat"
    stops: tuple[str, ...] = (STOP,)
    """What a customer who wants nothing more says."""
    last_tool: str | None = TERMINAL

    def __new__(cls, *args: Any, profile: Profile = "compat", **kwargs: Any) -> RetailEnv:
        if profile not in get_args(Profile):
            raise UsageError(f"profile={profile!r}: {did_you_mean(str(profile), get_args(Profile))}")
        if profile == cls.profile or profile == "compat":
            return super().__new__(cls)
        wanted = _class_of(profile)
        if cls is not RetailEnv:
            raise UsageError(
                f"{cls.__name__} is of the profile {cls.profile!r}; derive it from {wanted.__name__} instead"
            )
        return super().__new__(wanted)

    def __init__(
        self,
        data: str | Path | RetailDB | None = None,
        *,
        profile: Profile = "compat",
        scoring: Scoring = "tau",
        user: UserSpec = "scripted",
        user_best_of: int | None = None,
        user_settings: Mapping[str, JsonValue] | None = None,
        fixed_refunds: bool = False,
        strict_outputs: bool = False,
        skip_flawed: bool = False,
        judge: Policy | str | None = None,
        judge_settings: Mapping[str, JsonValue] | None = None,
        tau2_bug_318: bool = False,
    ) -> None:
        if (judge or judge_settings or tau2_bug_318) and self.profile != "tau2":
            raise UsageError("judge, judge_settings and tau2_bug_318 are for profile='tau2'; give that too")
        _check_switches(
            fixed_refunds=fixed_refunds,
            strict_outputs=strict_outputs,
            skip_flawed=skip_flawed,
            tau2_bug_318=tau2_bug_318,
        )
        if scoring not in ("tau", "facts"):
            raise UsageError(f"scoring={scoring!r}: there are 'tau' and 'facts'")
        self.db = self._opened(data)
        self._is_own = data is None
        self.db.ledger  # noqa: B018 - made now, for an event loop would stand still meanwhile
        self._user = make_user(user, best_of=user_best_of, settings=user_settings)
        self._fixed_refunds = fixed_refunds
        self._telling = "words" if scoring == "tau" and strict_outputs else scoring
        self._skip_flawed = skip_flawed
        self._state: State | None = None
        self._customer: UserSession | None = None
        self._events: list[Event] = []

    @property
    def instructions(self) -> str:
        """The shop's policy."""
        return POLICY

    @property
    def state(self) -> State:
        """The shop as this episode made it."""
        if self._state is None:
            raise EpisodeStateError(f"{self.id} has no episode; call `await env.reset(...)` first")
        return self._state

    def state_hash(self) -> str:
        """The exact hash of the whole shop as it is now."""
        return self.state.digest()

    def score(self) -> Score:
        """What the episode so far would be given; it touches nothing."""
        actual = self.state
        expected, _ = self.replayed(self.task)
        said = [event.text for event in self._events if isinstance(event, Line) and event.by_agent]
        told = _TELLINGS[self._telling](self.task.outputs, said)
        counted = list(told.values())
        if self._telling == "facts" and any(action.name in WRITES for action in self.task.actions):
            counted = [was for output, was in told.items() if is_value(output)]
        return Score(self._compared(actual, expected) == expected, all(counted), told, expected)

    def conduct(self) -> Conduct:
        """How the agent went about it so far; the reward knows nothing of it."""
        expected = (Call(action.name, action.kwargs) for action in self.task.actions)
        return judge_conduct(self._events, expected, self.world_of(self.task))

    async def begin(self, task: RetailTask) -> UserLine:
        """Open the shop, and hear what the customer wants."""
        if self._customer is not None:
            await self._customer.aclose()
        self._state, self._events = self._fresh_state(task), []
        seed = self.rng.getrandbits(53)
        with boundary(UserFault, self.id, "user"):
            self._customer = self._user.start(self._as_told(task), db=self.world_of(task), seed=seed)
        opening = await self._first_line(task)
        self._events.append(Line(opening, by_agent=False))
        return UserLine(text=opening)

    async def hear(self, text: str) -> UserLine:
        """Speak to the customer, who answers, and may be content."""
        self._events.append(Line(text, by_agent=True))
        reply = await self._answer_to(text)
        self._events.append(Line(reply, by_agent=False))
        if any(stop in reply for stop in self.stops):
            await self._come_to_an_end()
        return UserLine(text=reply)

    async def apply(self, action: ToolAction | BadCall | Say) -> UserLine | ToolResult | ToolError:
        """Run the tool that is called, or speak to the customer."""
        observation = await self._applied(action)
        self._note_usage()
        return observation

    async def _applied(self, action: ToolAction | BadCall | Say) -> UserLine | ToolResult | ToolError:
        if not isinstance(action, BadCall):
            return await super().apply(action)
        content = action.call.arguments.get("content")
        if action.call.name == RESPOND and action.call.problem is None and isinstance(content, str):
            return await self.hear(content)
        outcome = self._carry_out_bad(self.state, action)
        self._events.append(_call(action, outcome or _refused(action)))
        if action.call.name == self.last_tool and outcome is not None:
            self._conclude()
        return _call_error(action, outcome or _refused(action))

    def parse_call(self, call: ToolCall) -> ToolAction | BadCall:
        """The action a call stands for; what does not fit keeps its text, from which it can be done again."""
        if call.raw is None:
            call = ToolCall(call.name, call.arguments, call.id, write_arguments(call.arguments))
        return super().parse_call(call)

    def tasks(self, split: str | None = None) -> Sequence[RetailTask]:
        """The tasks of our own world, or of the files beside the data; with `skip_flawed` those without a flaw."""
        listed = self._own_tasks(split) if self._is_own else self._tasks_beside(split)
        return [task for task in listed if not self.flaws(task)] if self._skip_flawed else listed

    def task_files(self, split: str | None = None) -> Sequence[Path]:
        """The files of tasks that lie beside the data."""
        return task_files(self.db, split)

    def read_each(self, path: str | Path) -> Iterator[RetailTask | DataFileError]:
        """The tasks of a file, and in the place of each that cannot be read, why."""
        return read_each(path, self.db)

    def world_of(self, task: RetailTask) -> RetailDB:
        """The world that a task begins in."""
        return self.db

    def flaws(self, task: RetailTask) -> list[str]:
        """What makes a task measure less than it should: reference actions that fail, nothing to do, untold outputs."""
        state, outcomes = self.replayed(task)
        found = [f"action {number}: {outcome.text}" for number, outcome in enumerate(outcomes) if outcome.failed]
        if self._is_idle(task, state):
            found.append("doing nothing solves it: the reference changes nothing, and nothing must be told")
        commas = [output for output in self._counted_outputs(task) if "," in output] if self._telling == "tau" else []
        return found + [f"output {output!r} is never found in what was said, for it holds a comma" for output in commas]

    def reference(self) -> Iterator[ToolAction | BadCall | Say]:
        """The task's own actions, and all that must be told; with a customer who listens, in a conversation."""
        actions = [action for action in self.task.actions if action.name != RESPOND]
        parse = self.parse_call
        world = self.world_of(self.task)
        yield from (talk_through if self._user.converses else act_first)(self.task, actions, world, parse)
        while not self.over:
            yield Say("Is there anything else?")

    async def aclose(self) -> None:
        """Let the customer go."""
        customer, self._customer = self._customer, None
        if customer is not None:
            await customer.aclose()

    def _result(self, name: str, **arguments: object) -> Shown:
        outcome = self._perform(self.state, name, arguments)
        self._events.append(Call(name, cast(JsonObject, arguments), outcome))
        return ToolResult(text=mend_text(outcome.text), tool=name, changed=outcome.changed, failed=outcome.failed)

    def replayed(self, task: RetailTask) -> tuple[State, list[Outcome]]:
        """The shop after the reference actions of a task, and what became of each."""
        state = self._fresh_state(task)
        actions = [action for action in task.actions if action.name not in (TERMINAL, RESPOND)]
        calls = [self.parse_call(ToolCall(action.name, action.kwargs)) for action in actions]
        return state, [self._carry_out(state, call) for call in calls]

    def _carry_out(self, state: State, action: ToolAction | BadCall) -> Outcome:
        if isinstance(action, BadCall):
            return self._carry_out_bad(state, action) or _refused(action)
        return self._perform(state, action.tool, vars(action.arguments))

    def _carry_out_bad(self, state: State, action: BadCall) -> Outcome | None:
        """What comes of a call that does not fit the schema; None where nothing is carried out."""
        arguments = read_arguments(action.call)
        return None if arguments is None else perform(state, action.call.name, arguments)

    def _perform(self, state: State, name: str, arguments: Mapping[str, object]) -> Outcome:
        return perform(state, name, arguments)

    def _mended(self, action: BadCall) -> JsonObject | None:
        """The arguments of a call that fits but for lone surrogates, which are text to the shop and to no validator."""
        arguments = read_arguments(action.call)
        if arguments is None or action.kind != "invalid_arguments":
            return None
        mended = self.tools[action.call.name].parse(ToolCall(action.call.name, raw=dump_json(arguments).decode()))
        return arguments if isinstance(mended, ToolAction) else None

    def _compared(self, actual: State, expected: State) -> State:
        """The shop as this episode made it, as it is compared."""
        return actual

    def _opened(self, data: str | Path | RetailDB | None) -> RetailDB:
        """The world that was asked for."""
        if isinstance(data, RetailDB):
            return data
        return own_world() if data is None else shared_db(data)

    def _own_tasks(self, split: str | None) -> Sequence[RetailTask]:
        return own_tasks(split)

    def _tasks_beside(self, split: str | None) -> Sequence[RetailTask]:
        return tasks_beside(self.db, split)

    def _fresh_state(self, task: RetailTask) -> State:
        """The shop as a task begins."""
        return State(self.world_of(task), fixed_refunds=self._fixed_refunds)

    def _as_told(self, task: RetailTask) -> RetailTask:
        """The task as whoever plays the customer is told of it."""
        return task

    async def _first_line(self, task: RetailTask) -> str:
        """What the customer says first."""
        return await self._answer_to(GREETING)

    def _counted_outputs(self, task: RetailTask) -> Sequence[str]:
        """What the customer must be told for the reward."""
        return task.outputs

    def _is_idle(self, task: RetailTask, after: State) -> bool:
        """Whether doing nothing solves a task, after whose reference the shop is as given."""
        return not any(output.strip() for output in self._counted_outputs(task)) and not after.difference()

    async def _come_to_an_end(self) -> None:
        """The customer wants nothing more."""
        self._conclude()

    def _more_terms(self) -> dict[str, float]:
        """What a profile reports besides."""
        return {}

    def _conclude(self) -> None:
        verdict, conduct = self.score(), self.conduct()
        reads = {"read_precision": conduct.reads.precision, "read_recall": conduct.reads.recall}
        if conduct.violations:
            self.note(violations=list(conduct.violations))
        self.finish(
            reward=verdict.reward,
            state=float(verdict.state),
            outputs=float(verdict.told),
            action_precision=conduct.names.precision,
            action_recall=conduct.names.recall,
            action_f1=conduct.names.f1,
            exact_actions=float(conduct.exact),
            write_precision=conduct.writes.precision,
            write_recall=conduct.writes.recall,
            **(reads if conduct.reads.expected else {}),  # many references name no lookups, and mean none by that
            violations=float(len(conduct.violations)),
            **self._more_terms(),
            solved=verdict.solved,
        )

    def _note_usage(self) -> None:
        """Write down what the customer's model used up for this step, and for the opening line before the first."""
        used = NO_USAGE if self._customer is None else self._customer.take_usage()
        if used != NO_USAGE:
            self.note(user={"name": self._user.name, **asdict(used)})

    async def _answer_to(self, text: str) -> str:
        customer = self._customer
        if customer is None:
            raise EpisodeStateError(f"{self.id} is closed; call `await env.reset(...)` for another episode")
        with boundary(UserFault, self.id, "user"):
            return mend_text(await customer.reply(text))


def _check_switches(**given: object) -> None:
    """Refuse text, of which also 'false' would count as true."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise UsageError(f"{name}={value!r}: give true or false")


def _refused(action: BadCall) -> Outcome:
    return Outcome(f"Error: {action.message}", failed=True)


def _call(action: BadCall, outcome: Outcome) -> Call:
    return Call(action.call.name, read_arguments(action.call) or {}, outcome)


def _call_error(action: BadCall, outcome: Outcome) -> CallError:
    name, raw, text = map(mend_text, (action.call.name, action.call.text, outcome.text))
    return CallError(text=text, kind=action.kind, tool=name, raw=raw, changed=outcome.changed)


@cache
def _class_of(profile: Profile) -> type[RetailEnv]:
    wanted: type[RetailEnv] = load_target(_CLASSES[profile], f"profile={profile!r}")
    return wanted


def _settings() -> inspect.Signature:
    """What may be set, which `__new__` hides from whoever looks."""
    parameters = list(inspect.signature(RetailEnv.__init__).parameters.values())
    return inspect.Signature(parameters[1:])


RetailEnv.__signature__ = _settings()  # type: ignore[attr-defined]  # read by `inspect`
