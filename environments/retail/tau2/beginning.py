"""How an episode begins: where the shop differs from its data, and what was said and done before."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from agentgym.messages import JsonObject
from environments.retail.conduct import Call, Event, Line
from environments.retail.desk import WRITES, Outcome
from environments.retail.task import Action

_ALIKE = 0.8


class Part(BaseModel):
    """Keys of no meaning here are passed over, as the original does, unless they are a known one written wrongly."""

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _well_spelt(cls, given: Any) -> Any:
        for key in given if isinstance(given, dict) else ():
            absent = [name for name in cls.model_fields if name not in given]
            if key not in cls.model_fields and (meant := get_close_matches(str(key), absent, 1, _ALIKE)):
                told = {"key": str(key), "meant": meant[0]}
                raise PydanticCustomError("misspelt", "unknown key '{key}'; did you mean '{meant}'?", told)
        return given


def listed(value: Any) -> Any:
    """Null is an empty list, and what JSON calls a list is a tuple here."""
    return () if value is None else tuple(value) if isinstance(value, list) else value


def _nothing(value: Any) -> Any:
    if value:
        raise PydanticCustomError("nothing", "the shop has nothing of the kind; leave it out")
    return None


Nothing = Annotated[None, BeforeValidator(_nothing)]
"""What other domains have, and this one has not."""


class InitialData(Part):
    agent_data: JsonObject | None = None
    """Other values in some records, by table and id."""
    user_data: Nothing = None


class InitialCall(Part):
    env_type: Literal["assistant"] = "assistant"
    func_name: str
    arguments: JsonObject = Field(default_factory=dict)


class PastCall(Part):
    model_config = ConfigDict(extra="allow")

    name: str
    arguments: JsonObject = Field(default_factory=dict)


class PastMessage(Part):
    model_config = ConfigDict(extra="allow")

    role: Literal["assistant", "user", "tool"]
    content: str | None = None
    tool_calls: Annotated[tuple[PastCall, ...], BeforeValidator(listed)] = ()


class InitialState(Part):
    """What a task changes before its episode begins."""

    initialization_data: InitialData | None = None
    initialization_actions: Annotated[tuple[InitialCall, ...], BeforeValidator(listed)] = ()
    message_history: Annotated[tuple[PastMessage, ...], BeforeValidator(listed)] = ()

    @model_validator(mode="after")
    def _ends_with_words(self) -> InitialState:
        if self.message_history and (self.message_history[-1].role == "tool" or not self.message_history[-1].content):
            raise PydanticCustomError("history", "message_history must end with something that was said")
        return self

    @property
    def data(self) -> JsonObject:
        """Other values in some records, by table and id."""
        return (self.initialization_data and self.initialization_data.agent_data) or {}

    @property
    def calls(self) -> Iterator[Action]:
        """What changes the shop first."""
        yield from (Action(name=call.func_name, kwargs=call.arguments) for call in self.initialization_actions)
        for message in self.message_history:
            yield from (
                Action(name=call.name, kwargs=call.arguments) for call in message.tool_calls if call.name in WRITES
            )

    @property
    def events(self) -> list[Event]:
        """What was said and done."""
        return list(_events(self.message_history))


def _events(messages: tuple[PastMessage, ...]) -> Iterator[Event]:
    waiting: list[PastCall] = []
    for message in messages:
        if message.role == "tool":
            if waiting:
                call, text = waiting.pop(0), message.content or ""
                yield Call(call.name, call.arguments, Outcome(text, failed=text.startswith("Error: ")))
            continue
        if message.content:
            yield Line(message.content, by_agent=message.role == "assistant")
        waiting = list(message.tool_calls)
