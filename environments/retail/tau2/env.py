"""tau2-bench's shop: its tools, its tasks and its scoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, JsonValue

from agentgym.errors import DataFileError
from agentgym.policy import Policy
from agentgym.tools import BadCall, Say, ToolAction, ToolError, tool
from environments.retail.conduct import Call, Line
from environments.retail.database import RetailDB
from environments.retail.desk import Outcome, perform
from environments.retail.env import Profile, RetailEnv
from environments.retail.observations import ToolResult, UserLine
from environments.retail.state import State
from environments.retail.task import RetailTask
from environments.retail.tau2.desk import TAU2_TOOLS, TAU2_TOOLS_318
from environments.retail.tau2.files import TASKS, read_tau2_tasks, tau2_tasks_beside
from environments.retail.tau2.guidelines import POLICY_FILE, TAU2_POLICY
from environments.retail.tau2.judge import Judgement, make_judge, transcript
from environments.retail.tau2.opening import opening_state, world_of
from environments.retail.tau2.scoring import Tau2Score, actions_matched
from environments.retail.tau2.task import Tau2Task
from environments.retail.tau2.world import Tau2DB, own_tau2_world, shared_tau2_db
from environments.retail.tools import Shown
from environments.retail.users.user import STOP
from environments.retail.world.own import own_tasks

_MOST_REFUSALS = 10
"""So many calls that the shop refuses cut an episode short."""
_REPORTED = ("actions", "assertions", "unjudged")
"""Reward terms that do not count by themselves."""


class Tau2RetailEnv(RetailEnv, id="retail", max_turns=100):
    """Customer service of an online shop, as tau2-bench has it; what `RetailEnv(profile="tau2")` makes."""

    weights = {  # noqa: RUF012
        **RetailEnv.weights,
        **dict.fromkeys(_REPORTED, 0.0),
    }
    metrics = {  # noqa: RUF012
        **RetailEnv.metrics,
        "reward": "the product of the parts that the task names and that were evaluated",
        "actions": "whether some call matched each reference action",
        "assertions": "whether the judge found all assertions true, where it was asked",
        "unjudged": "how many assertions count and were not evaluated, for there is no judge",
    }
    profile: Profile = "tau2"
    stops = (STOP, "###TRANSFER###", "###OUT-OF-SCOPE###")
    last_tool = None
    think = None  # type: ignore[assignment]  # this shop has no such tool

    def __init__(
        self,
        data: str | Path | RetailDB | None = None,
        *,
        profile: Profile = "tau2",
        judge: Policy | str | None = None,
        judge_settings: Mapping[str, JsonValue] | None = None,
        tau2_bug_318: bool = False,
        **options: Any,
    ) -> None:
        self._judge = make_judge(judge, judge_settings)
        self._judgement: Judgement | None = None
        self._bug_318 = tau2_bug_318
        self._refusals = 0
        super().__init__(data, profile=profile, tau2_bug_318=tau2_bug_318, **options)
        self._policy = _policy_beside(self.db) or TAU2_POLICY

    @property
    def instructions(self) -> str:
        """The shop's policy: that beside the data, or else ours."""
        return self._policy

    @tool(readonly=True)
    def get_item_details(
        self, item_id: Annotated[str, Field(description="id of a variant, which is not a product's")]
    ) -> Shown:
        """Look one variant of a product up: options, price and whether it is available."""
        return self._result("get_item_details", item_id=item_id)

    async def begin(self, task: RetailTask) -> UserLine:
        """Open the shop, and hear what the customer wants; the agent is told what went before, if anything did."""
        self._state, self._judgement, self._refusals = None, None, 0
        shown = await super().begin(task)
        state = _tau2(task).initial_state
        past = state.events if state is not None else []
        if not past:
            return shown
        said_last = isinstance(past[-1], Line) and not past[-1].by_agent
        self._events = [*past, *([] if said_last else self._events)]
        return UserLine(text=transcript(self._events))

    async def apply(self, action: ToolAction | BadCall | Say) -> UserLine | ToolResult | ToolError:
        """Run the tool that is called, or speak to the customer; too many refusals of the shop's are a limit."""
        observation = await super().apply(action)
        # Calls that do not fit the tools' schemas cost a turn and nothing else, here as in every environment.
        self._refusals += isinstance(observation, ToolResult) and observation.failed
        if self._refusals >= _MOST_REFUSALS and not self.over:
            self.truncate("environment")
        return observation

    def score(self) -> Tau2Score:
        """What the episode so far would be given; without a judge's opinion before its end."""
        task, score = _tau2(self.task), super().score()
        found: tuple[bool, ...] | None = None if task.nl_assertions else ()
        if self._judgement is not None:
            found = tuple(verdict.met for verdict in self._judgement.verdicts)
        calls = [event for event in self._events if isinstance(event, Call)]
        return Tau2Score(
            state=score.state,
            told=score.told,
            outputs=score.outputs,
            expected=score.expected,
            basis=task.reward_basis,
            actions=actions_matched(task.actions, calls),
            assertions=found,
        )

    def task_files(self, split: str | None = None) -> Sequence[Path]:
        """The file of tasks that lies beside the data."""
        files = [] if self.db.folder is None else [self.db.folder / TASKS]
        return [path for path in files if path.exists()]

    def read_each(self, path: str | Path) -> Iterator[RetailTask | DataFileError]:
        """The tasks of a file, and in the place of each that cannot be read, why."""
        return read_tau2_tasks(path, self._tau2_db)

    def world_of(self, task: RetailTask) -> RetailDB:
        """The world that a task begins in."""
        if self._state is not None and task is self.task:
            return self._state.db  # states of one world are compared, and another one that is equal is another
        return world_of(_tau2(task), self._tau2_db)

    @property
    def _tau2_db(self) -> Tau2DB:
        return cast(Tau2DB, self.db)

    def _opened(self, data: str | Path | RetailDB | None) -> RetailDB:
        if isinstance(data, RetailDB):
            return Tau2DB.of(data)
        return own_tau2_world() if data is None else shared_tau2_db(data)

    def _own_tasks(self, split: str | None) -> Sequence[RetailTask]:
        return [Tau2Task.of(task) for task in own_tasks(split)]

    def _tasks_beside(self, split: str | None) -> Sequence[RetailTask]:
        return tau2_tasks_beside(self._tau2_db, split)

    def _perform(self, state: State, name: str, arguments: Mapping[str, object]) -> Outcome:
        return perform(state, name, arguments, tools=TAU2_TOOLS_318 if self._bug_318 else TAU2_TOOLS)

    def _carry_out_bad(self, state: State, action: BadCall) -> Outcome | None:
        """Refuse it, unless it nearly fits."""
        if action.kind == "unknown_tool":
            return Outcome(f"Error: Tool '{action.call.name}' not found.", failed=True)
        arguments = self._mended(action)
        return None if arguments is None else self._perform(state, action.call.name, arguments)

    def _fresh_state(self, task: RetailTask) -> State:
        world = cast(Tau2DB, self.world_of(task))
        return opening_state(_tau2(task), world, fixed_refunds=self._fixed_refunds)

    def _as_told(self, task: RetailTask) -> RetailTask:
        """The task with what went before, for who plays the customer to go on from there."""
        state = _tau2(task).initial_state
        lines = [event for event in state.events if isinstance(event, Line)] if state is not None else []
        if not lines:
            return task
        told = f"{task.instruction}\n\nThis was said so far:\n\n{transcript(lines)}"
        return task.model_copy(update={"instruction": told})

    async def _first_line(self, task: RetailTask) -> str:
        """What the customer says first, or what they said last."""
        state = _tau2(task).initial_state
        last = state.message_history[-1] if state is not None and state.message_history else None
        if last is None:
            return await super()._first_line(task)
        text = last.content or ""
        return text if last.role == "user" else await self._answer_to(text)

    def _counted_outputs(self, task: RetailTask) -> Sequence[str]:
        return task.outputs if "COMMUNICATE" in _tau2(task).reward_basis else ()

    def _is_idle(self, task: RetailTask, after: State) -> bool:
        """Whether doing nothing solves a task; of what a judge would say nothing is known beforehand."""
        wanted = _tau2(task)
        return not (
            ("DB" in wanted.reward_basis and after != self._fresh_state(task))
            or any(output.strip() for output in self._counted_outputs(task))
            or ("ACTION" in wanted.reward_basis and wanted.actions)
            or ("NL_ASSERTION" in wanted.reward_basis and wanted.nl_assertions and self._judge)
        )

    async def _come_to_an_end(self) -> None:
        """Have it judged what only a judge can tell."""
        task = _tau2(self.task)
        if self._judge is not None and task.nl_assertions and "NL_ASSERTION" in task.reward_basis:
            seed = self.rng.getrandbits(53)
            self._judgement = await self._judge.judge(task.nl_assertions, self._events, seed=seed)
            self.note(nl_assertions=[asdict(verdict) for verdict in self._judgement.verdicts])
        self._conclude()

    def _more_terms(self) -> dict[str, float]:
        score = self.score()
        unjudged = len(_tau2(self.task).nl_assertions) if "NL_ASSERTION" in score.not_evaluated else 0
        if score.not_evaluated:
            self.note(not_evaluated=list(score.not_evaluated))
        judged = {} if self._judgement is None else {"assertions": float(all(score.assertions or ()))}
        return {"actions": float(all(score.actions)), **judged, "unjudged": float(unjudged)}

    def _note_usage(self) -> None:
        """Write down what the customer's model used up, and the judge's."""
        super()._note_usage()
        if self._judge is not None and self._judgement is not None:
            self.note(judge={"name": self._judge.name, **asdict(self._judgement.usage)})


Tau2RetailEnv.task_type = Tau2Task  # which the base names for all profiles


def _tau2(task: RetailTask) -> Tau2Task:
    return Tau2Task.of(task)


def _policy_beside(db: RetailDB) -> str | None:
    path = None if db.folder is None else db.folder / POLICY_FILE
    if path is None or not path.is_file():
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}") from None
