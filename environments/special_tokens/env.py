"""One request, one answer: choose the token, and call the tool that goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from agentgym.env import Env
from agentgym.errors import InvalidActionError, UsageError
from agentgym.jsontext import mend_text
from agentgym.messages import JsonObject, Turn
from agentgym.sandbox.contract import Sandbox
from agentgym.sandbox.lending import lend
from agentgym.steps import Observation
from environments.special_tokens.answer import Answer, Call, read_answer, read_turn
from environments.special_tokens.modes import STANDARD, Mode, Modes, read_modes
from environments.special_tokens.outcome import fixes, is_run, passes_tests
from environments.special_tokens.prompts import instructions_of
from environments.special_tokens.rewards import special_token_terms
from environments.special_tokens.rules import broken_rules
from environments.special_tokens.task import TokenTask
from environments.special_tokens.tasklist import list_tasks


class Judged(BaseModel):
    """What came of the answer; the episode is over."""

    model_config = ConfigDict(frozen=True)

    mode: str | None
    """The one that was chosen."""
    right_mode: str
    codes: tuple[str, ...]
    """Of the rules that were broken."""
    outcome: bool
    """Whether the call did what it was for; only asked where the mode is right."""


Shown = Observation | Judged


class SpecialTokenEnv(Env[TokenTask, Shown, Answer], id="special-tokens", max_turns=1):
    """Answer a debugging request with the one special token that fits, and the call that goes with it."""

    metrics = {  # noqa: RUF012
        "format": "0.2 where the answer keeps to all four rules of its form",
        "mode": "0.5 for the right mode, less what the costs take off for another one",
        "outcome": "0.3 where the call comes to something: the fix passes the tests, the program in question is run",
    }

    def __init__(
        self,
        sandbox: str | Sandbox = "local",
        *,
        strict: bool = False,
        modes: Sequence[Mode | Mapping[str, Any]] | None = None,
        costs: Mapping[str, Mapping[str, float]] | None = None,
        token_ids: Mapping[str, int] | None = None,
        native: bool = False,
    ) -> None:
        self.sandbox = lend(sandbox)
        self.modes = read_modes(modes, costs, token_ids)
        self._strict = strict
        schema, specs = answer_schema_of(self.modes), tuple(mode.spec for mode in self.modes)
        if native:
            self.tool_specs = lambda: specs  # type: ignore[method-assign]  # an instance's modes have their own tools
        self.answer_schema = lambda: schema  # type: ignore[method-assign]

    @property
    def instructions(self) -> str:
        """Which tokens there are, and how to answer."""
        return instructions_of(self.modes)

    async def begin(self, task: TokenTask) -> Observation:
        """Show the request."""
        self.modes.named(task.mode)
        return Observation(text=task.request)

    def parse(self, turn: Turn) -> Sequence[Answer]:
        """The answer in a turn: its text and native calls, or the answer as a JSON object."""
        if not turn.tool_calls and turn.text.lstrip().startswith("{"):
            try:
                return [_without_token(self.load_action(mend_text(turn.text)))]
            except InvalidActionError:
                pass  # it may still hold a thought and a token
        return [read_turn(turn, self.modes)]

    def compose(self, action: Answer) -> Turn:
        """The turn that stands for an answer: in the form it is trained in, where that says all of it."""
        if action.mode is None or action.mode in self.modes.names:
            written = action.written(self.modes)
            if read_answer(written, self.modes) == action:
                return Turn(written)
        return super().compose(action)

    def check_action(self, action: Answer) -> None:
        """Refuse what is no answer."""
        if not isinstance(action, Answer):
            raise InvalidActionError(f"{action!r} is not an answer; give Answer(mode=..., thought=..., call=...)")

    async def apply(self, action: Answer) -> Judged:
        """Judge the answer, which ends the episode."""
        task = self.task
        codes = broken_rules(action, self.modes)
        outcome = action.mode == task.mode and await self._carried_out(action)
        choice = self.modes.credit(task.mode, action.mode if action.mode in self.modes.names else None)
        terms = special_token_terms(in_form=not codes, choice=choice, outcome=outcome, strict=self._strict)
        self.finish(solved=not codes and choice == 1 and outcome, **terms)
        return Judged(mode=action.mode, right_mode=task.mode, codes=codes, outcome=outcome)

    def reference(self) -> Iterator[Turn]:
        """The right answer that the task knows."""
        if not self.task.reference:
            raise UsageError(f"the task {self.task.id} has no reference answer that the oracle could give")
        yield Turn(_in_words_of(read_answer(self.task.reference), self.modes).written(self.modes))

    def tasks(self, split: str | None = None) -> Sequence[TokenTask]:
        """The bundled ones: `train`, `dev` or `test`, or all."""
        return list_tasks(split) if self.modes.names == STANDARD.names else ()

    async def aclose(self) -> None:
        """Let go of the sandbox."""
        await self.sandbox.aclose()

    async def _carried_out(self, answer: Answer) -> bool:
        """Whether the call of the right mode comes to what it is for."""
        task, call, mode = self.task, answer.call, self.modes.named(self.task.mode)
        if call is None or call.name != mode.tool or "BAD_CALL_JSON" in answer.faults:
            return False
        given = [call.arguments.get(name) for name in mode.arguments]
        texts = [mend_text(value) for value in given if isinstance(value, str) and value.strip()]
        if len(texts) != len(mode.arguments):
            return False
        if mode.outcome == "fix":
            return await passes_tests(
                self.sandbox,
                fixes(task.program, *texts),
                task.cases,
                function=task.fn_name,
                checker=task.checker,
                cpu_s=task.cpu_s,
            )
        if mode.outcome == "run":
            return await is_run(
                self.sandbox,
                texts[0],
                task.program,
                function=task.fn_name,
                input=task.cases[0].input if task.cases else "",
                checker=task.checker,
                cpu_s=task.cpu_s,
            )
        return True  # of a tool that is not known here, no more can be asked


def answer_schema_of(modes: Modes) -> JsonObject:
    """JSON Schema of an answer as a JSON object."""
    calls: list[Any] = [
        {
            "type": "object",
            "properties": {"name": {"const": mode.tool}, "arguments": mode.spec.parameters},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for mode in modes
    ]
    return {
        "type": "object",
        "properties": {
            "mode": {"enum": list(modes.names)},
            "thought": {"type": "string"},
            "text": {"type": "string"},
            "call": {"anyOf": calls},
        },
        "required": ["mode", "thought", "text", "call"],
        "additionalProperties": False,
    }


def _in_words_of(answer: Answer, modes: Modes) -> Answer:
    """A reference answer, which is written with the standard tools, with those of other modes of the same names."""
    if answer.mode not in modes.names or answer.call is None:
        return answer
    mode = modes.named(answer.mode)
    arguments = dict(zip(mode.arguments, answer.call.arguments.values(), strict=False))
    return answer.model_copy(update={"call": Call(name=mode.tool, arguments=arguments)})


def _without_token(answer: Answer) -> Answer:
    """An answer that names its mode and gives no token is not in form."""
    return answer.model_copy(update={"faults": tuple(dict.fromkeys((*answer.faults, "NO_TOKEN")))})
