"""What clients may ask, checked to the letter: what is not known here is refused and never passed over."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from agentgym.errors import one_line
from agentgym.jsontext import parse_json
from agentgym.messages import JsonObject
from trainers.serving.refusal import Refusal

MOST_CHOICES = 128
_MOST_STOPS = 16
Ids = list[Annotated[int, Field(ge=0)]]
Stop = Annotated[str, Field(min_length=1)]
Unused = Literal[0] | None
"""A penalty or the like that the engine does not have; saying that there is none is fine."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Function(BaseModel):
    """A function called, with its arguments as JSON text."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    name: str
    arguments: str | JsonObject = "{}"


class Call(BaseModel):
    """A tool call of a message."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    id: str = ""
    type: Literal["function"] = "function"
    function: Function


class ChatMessage(BaseModel):
    """One message; what a template does not know, such as a refusal, is left out."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[JsonObject] | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None


class StreamOptions(BaseModel):
    """Of an answer that is streamed."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    include_usage: bool = False


class ResponseFormat(_Strict):
    """Only plain text: nothing here makes a model keep to a schema."""

    type: Literal["text"]


class Common(_Strict):
    """What chats and plain completions have in common."""

    model: str
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=_MOST_STOPS)] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**64)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    return_token_ids: bool | None = None
    skip_special_tokens: bool = False
    """vLLM's name, not its default: what a model was trained to say may be special tokens."""
    frequency_penalty: Unused = None
    presence_penalty: Unused = None
    logit_bias: Annotated[JsonObject, Field(max_length=0)] | None = None
    top_k: Literal[-1, 0] | None = None
    user: str | None = None
    metadata: JsonObject | None = None
    store: bool | None = None
    service_tier: str | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """As a list, whatever way they were told."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def tells_usage(self) -> bool:
        """Whether a stream ends with what was used."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatAsked(Common):
    """A body of `/v1/chat/completions`."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    tools: list[JsonObject] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    chat_template_kwargs: JsonObject | None = None

    @property
    def most_tokens(self) -> int | None:
        """By its new name, or its old one."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def tool_names(self) -> frozenset[str]:
        """Of the tools that may be called."""
        return frozenset() if self.tool_choice == "none" else frozenset(map(_name, self.tools or ()))


class TextAsked(Common):
    """A body of `/v1/completions`."""

    prompt: str | Annotated[Ids, Field(min_length=1)] | Annotated[list[str] | list[Ids], Field(min_length=1)]
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    add_special_tokens: bool = True
    echo: Literal[False] | None = None
    suffix: Literal[""] | None = None
    best_of: Literal[1] | None = None

    @property
    def prompts(self) -> list[str] | list[Ids]:
        """All of them."""
        held: Any = self.prompt
        return [held] if isinstance(held, str) or isinstance(held[0], int) else held


AskedT = TypeVar("AskedT", bound=Common)
_FORMS = {
    "tool_choice": "only auto and none are known here",
    "response_format": "only text is known here",
    "prompt": "give a text, a list of token ids, or a list of either",
    "stop": f"give a text that is not empty, or a list of at most {_MOST_STOPS}",
}
"""Where what pydantic says of all the forms that might have been meant would help nobody."""


def read_request(body: bytes, kind: type[AskedT]) -> AskedT:
    """What is asked; Refusal where it cannot be, which names the field at fault."""
    try:
        given = parse_json(body.decode())
    except ValueError as error:
        raise Refusal(f"The request is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refusal("The request is not a JSON object.")
    if b"\\ud" in body.lower() and not _is_writable(given):
        raise Refusal("The request holds half of a surrogate pair, which no text may.")
    try:
        asked = kind.model_validate(given)
    except ValidationError as error:
        raise _refusal(error) from None
    if isinstance(asked, ChatAsked):
        _check_chat(asked)
    return asked


def _is_writable(given: JsonObject) -> bool:
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors(include_url=False, include_context=False)[0]
    param = str(first["loc"][0]) if first["loc"] else None
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return Refusal(f"Unrecognized request argument supplied: {param}", param=param)
    told = f"{param}: {_FORMS[param]}" if param in _FORMS else one_line(error)
    return Refusal(f"Invalid request: {told}", param=param)


def _check_chat(asked: ChatAsked) -> None:
    if asked.top_logprobs and not asked.logprobs:
        raise Refusal("top_logprobs needs logprobs to be true.", param="top_logprobs")
    for position, tool in enumerate(asked.tools or ()):
        if not _name(tool):
            told = f"tools[{position}] names no function; write {{'type': 'function', 'function': {{'name': ...}}}}"
            raise Refusal(told, param="tools")


def _name(tool: JsonObject) -> str:
    function: JsonValue = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""
