"""The agent that was told every word beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from agentgym.errors import DataFileError, one_line
from agentgym.jsontext import parse_json
from agentgym.messages import Conversation, ToolCall, Turn
from agentgym.policy import Context, Policy, Session

_AFTER = Turn("I have nothing more to say.", finish_reason="stop")


class ScriptedPolicy(Policy):
    """Gives the turns of a list, in order and anew in every episode; a plain string is a turn of text."""

    def __init__(self, turns: Iterable[Turn | ToolCall | str]) -> None:
        self._turns = tuple(_turn_of(given).with_call_ids(number) for number, given in enumerate(turns))

    @classmethod
    def from_file(cls, path: str | Path) -> ScriptedPolicy:
        """Read a JSONL file with a turn a line: `{"text": ..., "tool_calls": [{"name": ..., "arguments": {...}}]}`."""
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DataFileError(f"{path}: cannot be read: {error}; give a JSONL file with a turn a line") from None
        return cls(_read_turn(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip())

    def start(self, context: Context) -> Session:
        return _ScriptedSession(iter(self._turns))


class _ScriptedSession(Session):
    def __init__(self, turns: Iterator[Turn]) -> None:
        self._turns = turns

    async def act(self, conversation: Conversation) -> Turn:
        return next(self._turns, _AFTER)


class _CallLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    arguments: dict[str, JsonValue] | str = {}
    """A string is taken as the JSON text a model wrote, broken or not."""
    id: str = ""

    def call(self) -> ToolCall:
        if isinstance(self.arguments, str):
            return ToolCall.from_text(self.name, self.arguments, id=self.id)
        return ToolCall(self.name, self.arguments, id=self.id)


class _TurnLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = ""
    tool_calls: list[_CallLine] = []
    reasoning: str | None = None


def _read_turn(line: str, where: str) -> Turn:
    try:
        parse_json(line)  # refuses a key that stands twice, which other readers pass over
        read = _TurnLine.model_validate_json(line)
    except ValueError as error:
        told = one_line(error) if isinstance(error, ValidationError) else error
        raise DataFileError(
            f'{where}: not a turn: {told}; write {{"text": ...}} or {{"tool_calls": [{{"name": ..., '
            '"arguments": {...}}]}'
        ) from None
    return Turn(read.text, tuple(call.call() for call in read.tool_calls), reasoning=read.reasoning)


def _turn_of(given: Turn | ToolCall | str) -> Turn:
    if isinstance(given, Turn):
        return given
    return Turn(given) if isinstance(given, str) else Turn(tool_calls=(given,))
