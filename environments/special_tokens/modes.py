"""The modes an answer may choose between: each has a token of its own, and the tool that goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentgym.errors import UnknownNameError, UsageError, did_you_mean, one_line
from agentgym.messages import JsonObject
from agentgym.tools import ToolSpec


class Mode(BaseModel):
    """One way to go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")
    token: str = Field(min_length=1, max_length=100)
    """What the answer holds exactly once, as it is written."""
    tool: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    arguments: tuple[str, ...] = Field(min_length=1)
    """The names of the tool's arguments: texts, all needed."""
    about: str = ""
    """When to choose it, as the agent is told."""
    does: Literal["run", "fix", "call"] | None = None
    """What its call has to come to: the program is run, or mended, or just any call; None goes by the tool's name."""
    id: int | None = None
    """The token's id in the model's vocabulary, where the confidence of the choice is to be measured."""

    @property
    def outcome(self) -> Literal["run", "fix", "call"]:
        """What its call has to come to."""
        if self.does is not None:
            return self.does
        if self.tool == "python" and len(self.arguments) == 1:
            return "run"
        return "fix" if self.tool == "editor" and len(self.arguments) == 2 else "call"

    @property
    def spec(self) -> ToolSpec:
        """Its tool, as a model is told of it."""
        properties: JsonObject = {name: {"type": "string"} for name in self.arguments}
        return ToolSpec(
            self.tool,
            self.about,
            {
                "type": "object",
                "properties": properties,
                "required": list(self.arguments),
                "additionalProperties": False,
            },
        )

    @property
    def without_tool(self) -> str:
        """The code for an answer of this mode that does not call its tool."""
        return f"{self.name}_WITHOUT_{self.tool}".upper()


AGENT = Mode(
    name="AGENT",
    token="<|AGENT|>",
    tool="python",
    arguments=("code",),
    about="The request gives no concrete error: explore by running the program in question.",
)
EDIT = Mode(
    name="EDIT",
    token="<|EDIT|>",
    tool="editor",
    arguments=("original_code", "modified_code"),
    about="The request gives a concrete error, or a result that differs from what was expected: mend the program.",
)


_NEEDED = {"run": 1, "fix": 2}
"""How many arguments a call takes: the code, or the code before and after."""


class Modes(Sequence[Mode]):
    """All modes there are, and what it costs to take one for another."""

    def __init__(
        self, modes: Sequence[Mode] = (AGENT, EDIT), costs: Mapping[str, Mapping[str, float]] | None = None
    ) -> None:
        self._modes = tuple(modes)
        self._costs = costs or {}
        if len(modes) < 2:
            raise UsageError("modes: name at least two, or there is nothing to choose")
        for what in ("name", "token", "tool"):
            values = [getattr(mode, what) for mode in modes]
            if len(set(values)) != len(values):
                raise UsageError(f"modes: each has a {what} of its own, not {', '.join(map(repr, values))}")
        for one in self:
            if any(one is not other and one.token in other.token for other in self):
                raise UsageError(f"modes: the token {one.token!r} stands within another one")
            if len(one.arguments) != _NEEDED.get(one.outcome, len(one.arguments)):
                raise UsageError(
                    f"modes: {one.name} does {one.outcome!r}, which takes {_NEEDED[one.outcome]} arguments"
                )
            if "think>" in one.token or "{" in one.token:
                raise UsageError(f"modes: the token {one.token!r} would be mistaken for a thought or a call")
        self._check_costs()

    def __getitem__(self, position: Any) -> Any:
        return self._modes[position]

    def __len__(self) -> int:
        return len(self._modes)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(mode.name for mode in self._modes)

    def named(self, name: str) -> Mode:
        """The mode of that name."""
        for mode in self._modes:
            if mode.name == name:
                return mode
        raise UnknownNameError(f"no mode {name!r}; {did_you_mean(name, self.names)}")

    def credit(self, wanted: str, chosen: str | None) -> float:
        """What a choice is worth, from 0 to 1: one less its cost; no choice is worth nothing."""
        if chosen is None:
            return 0.0
        return 1.0 - self._costs.get(wanted, {}).get(chosen, float(chosen != wanted))

    def _check_costs(self) -> None:
        for wanted, row in self._costs.items():
            for chosen, cost in row.items():
                self.named(wanted), self.named(chosen)
                if type(cost) not in (int, float) or not 0 <= cost <= 1:
                    raise UsageError(f"costs[{wanted}][{chosen}]={cost!r}: give a number from 0 to 1")
                if wanted == chosen and cost:
                    raise UsageError(f"costs[{wanted}][{chosen}]={cost!r}: the right mode costs nothing")


STANDARD = Modes()


def read_modes(
    modes: Sequence[Mode | Mapping[str, Any]] | None = None,
    costs: Mapping[str, Mapping[str, float]] | None = None,
    token_ids: Mapping[str, int] | None = None,
) -> Modes:
    """The modes that settings name, as objects `{name, token, tool, arguments}`; the standard ones where none do.

    `token_ids` gives the tokens' ids by mode or by token, as `agentgym tokens integrate` tells them.
    """
    try:
        given = [AGENT, EDIT] if modes is None else [Mode.model_validate(mode) for mode in modes]
    except ValidationError as error:
        raise UsageError(f"modes: {one_line(error)}") from None
    return Modes(_with_ids(given, token_ids or {}), costs)


def _with_ids(modes: Sequence[Mode], ids: Mapping[str, int]) -> list[Mode]:
    known = {name for mode in modes for name in (mode.name, mode.token)}
    for name, number in ids.items():
        if name not in known or type(number) is not int or number < 0:
            raise UsageError(f"token_ids[{name}]={number!r}: give the id of a token, by its mode: {sorted(known)}")
    return [mode.model_copy(update={"id": ids.get(mode.name, ids.get(mode.token, mode.id))}) for mode in modes]
