"""What came of one task: the row that reports have of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentgym.episode import Episode, StepRecord
from agentgym.messages import JsonObject
from environments.retail.env import RESPOND
from environments.retail.factory.cases import Case
from environments.retail.factory.envelope import Call
from environments.retail.factory.metrics import SUCCESS, ActionMetrics, compare_actions, output_match, paired_tools
from environments.retail.factory.stage import ENHANCED

_NOT_PLAYED = "not played: the run ended before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One task, or one trial of it."""

    task_id: str
    trial: int = 0
    scenario: str | None = None
    evaluable: bool
    """Whether it says anything about the agent."""
    reward: float = 0.0
    actions: ActionMetrics
    output_match: float = 0.0
    calls: tuple[Call, ...] = ()
    """What the agent called."""
    pairs: Counter[tuple[str | None, str | None]]
    """Tools that were expected, with those called in their places."""
    execution_time: float = 0.0
    model_response_time: float = 0.0
    tool_execution_time: float = 0.0
    error: str | None = None
    """Why it cannot be evaluated, or why nobody can solve it."""
    failure: str | None = None
    """What was missing for success: `state`, `outputs`, both, the task's own `reference`, or the limit that cut it."""
    query_enhanced: bool = False

    @property
    def success(self) -> bool | None:
        """Whether the agent did it; None where there is no telling."""
        return self.reward >= SUCCESS if self.evaluable else None

    def to_json(self, *, with_trial: bool = False) -> JsonObject:
        """The row of the results' file."""
        known, names = self.evaluable, self.actions.names
        row: JsonObject = {
            "task_id": self.task_id,
            "success": self.success,
            "action_precision": names.precision if known else None,
            "action_recall": names.recall if known else None,
            "action_f1": names.f1 if known else None,
            "execution_time": self.execution_time,
            "model_response_time": self.model_response_time,
            "tool_execution_time": self.tool_execution_time,
            "reward": self.reward if known else None,
            "output_match": self.output_match if known else None,
            "exact_action_match": self.actions.exact if known else None,
            "error": self.error,
            "scenario": self.scenario,
            "actions": [call.model_dump(mode="json") for call in self.calls],
            "query_enhanced": self.query_enhanced,
        }
        return {**row, "trial": self.trial} if with_trial else row


def result_of(case: Case, episode: Episode, *, flaws: Sequence[str] = ()) -> Result:
    """The result of an episode; `flaws` are the task's own, for which no agent can be blamed or praised."""
    evaluable = episode.outcome != "not_evaluable"
    calls = tuple(_calls(episode))
    elapsed_s, model_s = max(episode.timings.elapsed_s, 0.0), max(episode.timings.policy_s, 0.0)
    model_s = min(model_s, elapsed_s)
    told = [f"the task cannot be solved: {'; '.join(flaws)}"] if flaws else []
    if episode.cause is not None:
        told = [f"{episode.cause.boundary}: {episode.cause.error}: {episode.cause.message}"]
    return Result(
        task_id=case.id,
        trial=episode.trial,
        scenario=case.scenario,
        evaluable=evaluable,
        reward=episode.reward if evaluable else 0.0,
        actions=compare_actions(calls, case.blueprint.agt),
        output_match=output_match(case.blueprint.ogt, list(_said(episode))),
        calls=calls,
        pairs=paired_tools(calls, case.blueprint.agt),
        execution_time=elapsed_s,
        model_response_time=model_s,
        tool_execution_time=min(_tool_s(episode), elapsed_s - model_s),
        error=told[0] if told else None,
        failure=_failure(episode, flaws) if evaluable else None,
        query_enhanced=any(ENHANCED in step.info for step in episode.steps()),
    )


def unplayed(case: Case, trial: int) -> Result:
    """The result of what was planned and never came to be played."""
    nothing = compare_actions((), case.blueprint.agt)
    return Result(
        task_id=case.id,
        trial=trial,
        scenario=case.scenario,
        evaluable=False,
        actions=nothing,
        pairs=Counter(),
        error=_NOT_PLAYED,
    )


def _calls(episode: Episode) -> Iterator[Call]:
    for record in episode.turns:
        for call in record.turn.tool_calls:
            if call.name != RESPOND:
                yield Call(name=call.name, arguments=call.arguments)


def _said(episode: Episode) -> Iterator[str]:
    """What the customer heard: text beside calls stays unheard."""
    for record in episode.turns:
        turn = record.turn
        if not turn.tool_calls:
            yield turn.text
        for call in turn.tool_calls:
            content = call.arguments.get("content")
            if call.name == RESPOND and isinstance(content, str):
                yield content


def _tool_s(episode: Episode) -> float:
    spent = (step.info.get("elapsed_s") for step in episode.steps() if _is_call(step))
    return sum(max(seconds, 0.0) for seconds in spent if isinstance(seconds, (int, float)))


def _is_call(step: StepRecord) -> bool:
    return step.action.get("type") != "say" and step.action.get("tool") != RESPOND


def _failure(episode: Episode, flaws: Sequence[str]) -> str | None:
    if episode.reward >= SUCCESS:
        return None
    if flaws:
        return "reference"
    if episode.outcome == "truncated":
        return f"limit: {episode.limit}"
    missing = [name for name in ("state", "outputs") if name in episode.terms and not episode.terms[name].value]
    return " and ".join(missing) or "other"
