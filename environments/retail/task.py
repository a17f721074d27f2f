"""What a customer wants, and the actions that would do it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.steps import Task

_OTHER_NAMES = {"q": "instruction", "agt": "actions", "ogt": "outputs"}


class Action(BaseModel):
    """One call of the reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str
    kwargs: JsonObject = Field(default_factory=dict, validation_alias=AliasChoices("kwargs", "arguments"))


class RetailTask(Task):
    """What a customer wants, and how the shop looks when they got it.

    Reads `{user_id, instruction, actions, outputs}` and `{q, agt, ogt}` alike; without an `id` it gets one made from
    what it holds.
    """

    user_id: str = ""
    instruction: str
    """What the customer knows and wants, as they are told; agents never see it."""
    actions: tuple[Action, ...] = ()
    outputs: tuple[str, ...] = ()
    """What the agent must have told the customer."""
    tags: tuple[str, ...] = ()
    """By which reports break scores down."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        read = {_OTHER_NAMES.get(key, key): value for key, value in given.items() if key != "annotator"}
        if "id" not in read:
            read["id"] = f"task-{hashlib.sha256(dump_json(read)).hexdigest()[:12]}"
        if not read.get("user_id"):
            read["user_id"] = _named_user(read.get("actions"))
        return read


def _named_user(actions: Any) -> str:
    """The user that the actions name, where the task does not."""
    for action in actions if isinstance(actions, list) else ():
        arguments = action.get("kwargs", action.get("arguments")) if isinstance(action, dict) else None
        named = arguments.get("user_id") if isinstance(arguments, dict) else None
        if isinstance(named, str):
            return named
    return ""
