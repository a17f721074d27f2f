"""Tasks as they stand in tau2-bench's files; what is wrong with one is told with its key."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from agentgym.messages import JsonObject
from environments.retail.tau2.beginning import InitialState, Nothing, Part, listed
from environments.retail.tau2.task import DEFAULT_BASIS, Basis, Tau2Task

_Texts = Annotated[tuple[str, ...], BeforeValidator(listed)]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Instructions(Part):
    domain: str | None = None
    reason_for_call: str
    known_info: str | None = None
    unknown_info: str | None = None
    task_instructions: str

    @model_validator(mode="after")
    def _of_a_shop(self) -> Instructions:
        if self.domain not in (None, "retail"):
            raise PydanticCustomError("domain", "domain: is '{domain}'; this is retail", {"domain": self.domain})
        return self

    @property
    def text(self) -> str:
        parts = (self.known_info, self.unknown_info, self.reason_for_call, self.task_instructions)
        return "\n".join(part.strip() for part in parts if part and part.strip())


class Scenario(Part):
    persona: str | None = None
    instructions: str | Instructions

    @property
    def text(self) -> str:
        """What the customer is told: who and how they are, what they know, what they want."""
        told = self.instructions if isinstance(self.instructions, str) else self.instructions.text
        return "\n".join(part.strip() for part in (self.persona, told) if part and part.strip())


class ReferenceAction(Part):
    requestor: Literal["assistant"] = "assistant"
    name: str
    arguments: JsonObject
    compare_args: Annotated[tuple[str, ...] | None, BeforeValidator(_as_tuple)] = None


class Criteria(Part):
    actions: Annotated[tuple[ReferenceAction, ...], BeforeValidator(listed)] = ()
    env_assertions: Nothing = None
    communicate_info: _Texts = ()
    nl_assertions: _Texts = ()
    reward_basis: Annotated[tuple[Basis, ...] | None, BeforeValidator(_as_tuple)] = None


class Entry(Part):
    id: str
    description: JsonValue = None
    user_scenario: Scenario
    initial_state: InitialState | None = None
    evaluation_criteria: Criteria | None = None
    tags: _Texts = ()
    """Ours alone."""


def read_entry(given: object) -> Tau2Task:
    """The task that stands in a file; pydantic's ValidationError names each key that is wrong."""
    entry = Entry.model_validate(given)
    criteria = entry.evaluation_criteria or Criteria(reward_basis=())  # where nothing is asked, all is well
    basis = DEFAULT_BASIS if criteria.reward_basis is None else criteria.reward_basis
    raw: Any = given
    return Tau2Task.model_validate(
        {
            **{"id": entry.id, "tags": entry.tags, "instruction": entry.user_scenario.text},
            "actions": [action.model_dump(exclude={"requestor"}) for action in criteria.actions],
            "outputs": criteria.communicate_info,
            "nl_assertions": criteria.nl_assertions,
            "reward_basis": basis,
            "initial_state": None if entry.initial_state is None else entry.initial_state.model_dump(),
            "user_scenario": raw["user_scenario"],
            "description": entry.description,
        }
    )


def write_entry(task: Tau2Task) -> JsonObject:
    """The task as a file has it."""
    scenario: JsonValue = {"persona": None, "instructions": task.instruction}
    state = task.initial_state
    actions: list[JsonValue] = [
        {
            **{"action_id": f"{task.id}_{number}", "requestor": "assistant", "name": action.name},
            **{"arguments": action.kwargs, "info": None},
            "compare_args": None if action.compare_args is None else list(action.compare_args),
        }
        for number, action in enumerate(task.actions)
    ]
    return {
        "id": task.id,
        "description": task.description,
        "user_scenario": scenario if task.user_scenario is None else task.user_scenario,
        "initial_state": None if state is None else state.model_dump(mode="json"),
        "evaluation_criteria": {
            "actions": actions,
            "communicate_info": list(task.outputs),
            "nl_assertions": list(task.nl_assertions),
            "reward_basis": list(task.reward_basis),
        },
        **({"tags": list(task.tags)} if task.tags else {}),
    }
