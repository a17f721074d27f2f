"""A programming problem and its cases."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, JsonValue

from agentgym.jsontext import dump_plain, parse_json
from agentgym.messages import JsonObject


class Case(BaseModel):
    """One input and what a right program makes of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: str
    """The whole standard input; of a function, its arguments as JSON, one a line."""
    output: str
    """The whole standard output; of a function, its result as JSON."""

    @classmethod
    def of_call(cls, arguments: Iterable[JsonValue], result: JsonValue) -> Case:
        """A case of a function; ValueError where JSON cannot hold a value."""
        return cls(input="\n".join(dump_plain(argument) for argument in arguments), output=dump_plain(result))

    @property
    def arguments(self) -> list[JsonValue]:
        """What the function is called with; ValueError where the input is no JSON."""
        return [parse_json(line) for line in self.input.split("\n") if line.strip()]

    @property
    def result(self) -> JsonValue:
        """What the function has to return; ValueError where the output is no JSON."""
        return parse_json(self.output)


class Problem(BaseModel):
    """One problem: a program that reads and prints, or a function where `fn_name` is given; unknown keys are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    query_id: str
    question: str
    prompt: str = ""
    """What a system message says before the question; may be empty."""
    topic: str = ""
    difficulty: str = ""
    fn_name: str | None = None
    """A function of the program, or a method of its class `Solution`."""
    starter: str = ""
    solution: str | None = None
    """A right program; never shown to an agent."""
    checker: str = "tokens"
    """How outputs are compared: a mode of the sandbox's checkers."""
    remote: bool = False
    """Whether the row asks for its cases to be run on a remote sandbox."""
    visible: tuple[Case, ...] = ()
    """What an agent may run and see."""
    hidden: tuple[Case, ...] = ()
    """What a submission is graded by."""

    @property
    def id(self) -> str:
        """The query id: a problem serves as a task."""
        return self.query_id

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases, the visible ones first."""
        return self.visible + self.hidden

    def record(self) -> JsonObject:
        """The row `{prompt, question, query_id, input_output, ...}` that other tools of this lineage read."""
        row: JsonObject = self.model_dump(mode="json", exclude={"visible", "hidden", "fn_name", "remote", "starter"})
        cases: JsonObject = {
            "inputs": [case.input for case in self.cases],
            "outputs": [case.output for case in self.cases],
            "remote": self.remote,
        }
        if self.fn_name is not None:
            cases["fn_name"] = self.fn_name
        return row | {"starter_code": self.starter, "visible_count": len(self.visible), "input_output": cases}
