"""Programs to write or to mend: run on visible cases as often as it pays, and graded once by hidden ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

from anyio import to_thread
from pydantic import Field, JsonValue

from agentgym.errors import UsageError
from agentgym.jsontext import dump_json, mend_text
from agentgym.messages import Message, ToolCall, Turn
from agentgym.sandbox.contract import Allowance, CaseResult, OnResult, Program, Sandbox
from agentgym.sandbox.lending import lend
from agentgym.steps import Observation
from agentgym.toolenv import ToolEnv
from agentgym.tools import BadCall, Say, ToolAction, ToolError, tool
from environments.code_debug.observations import Graded, RunReport
from environments.code_debug.prompts import find_preset, instructions_of, question_of
from environments.code_debug.responding import bad_index, report_case, report_output, report_run, status_of
from environments.code_debug.rewards import Rates, code_debug_terms
from environments.code_debug.task import CodeTask
from environments.code_debug.tasklist import list_tasks
from environments.code_debug.toolconfig import RUN, SUBMIT, Given, ToolConfig, read_tool_config
from environments.programs.observing import is_remote
from environments.programs.parsing import unfenced
from environments.programs.problem import Case
from environments.programs.quality import quality_of
from environments.programs.running import run_program

MAX_DEBUG_ATTEMPTS = 5
DEFAULT_TIMEOUT_S = 30
_LONG = 10_000
"""A program of more characters is looked through in a thread: the event loop has other things to do."""
Shown = Observation | RunReport | Graded
T = TypeVar("T")


class CodeDebugEnv(ToolEnv[CodeTask, Shown], id="code-debug", max_turns=30):
    """Solve a programming problem: run programs on visible cases, mend them, and submit one for hidden cases."""

    metrics = {  # noqa: RUF012
        "base": "the reward scale where all hidden cases pass, else 0",
        "test_cases": "0.3 of the scale times the share of the hidden cases that pass",
        "tool": "0.05 of the scale where a program was run",
        "debug_penalty": "0.1 of the scale taken off for each program that was run after the first",
    }

    def __init__(
        self,
        sandbox: str | Sandbox = "local",
        *,
        problems: str | Path | None = None,
        prompt: str = "plain",
        tool_config: Given | None = None,
        debug_prints: bool | None = None,
        max_debug_attempts: int | None = None,
        default_timeout: float | None = None,
        reward_scale: float = 1.0,
        debug_penalty: float = 0.1,
        tool_bonus: float = 0.05,
        test_case_bonus: float = 0.3,
        on_result: OnResult | None = None,
    ) -> None:
        self.sandbox = lend(sandbox)
        self._problems = problems
        self._preset = find_preset(prompt)
        own = {spec.name: spec for spec in type(self).tool_specs()}
        self._words = ToolConfig() if tool_config is None else read_tool_config(tool_config, own)
        if tool_config is not None:
            told = (self._words.run.told(own[RUN]), self._words.submit.told(own[SUBMIT]))
            self.tool_specs = lambda: told  # type: ignore[method-assign]  # here each instance may have its own words
        said = self._words
        self._debug_prints = _first(debug_prints, said.debug_prints, False)
        self._max_attempts = _first(max_debug_attempts, said.max_debug_attempts, MAX_DEBUG_ATTEMPTS)
        self._timeout_s = _first(default_timeout, said.default_timeout_s, DEFAULT_TIMEOUT_S)
        if type(self._max_attempts) is not int or self._max_attempts < 1:
            raise UsageError(f"max_debug_attempts={self._max_attempts!r}: give a whole number of at least 1")
        if not 0 < self._timeout_s < float("inf"):
            raise UsageError(f"default_timeout={self._timeout_s!r}: give a number of seconds above 0")
        self._rates = Rates(
            reward_scale=reward_scale,
            debug_penalty=debug_penalty,
            tool_bonus=tool_bonus,
            test_case_bonus=test_case_bonus,
        )
        self._on_result = on_result
        self._attempts: tuple[Program, ...] = ()
        self._last: Program | None = None
        self._calls = 0

    @property
    def instructions(self) -> str:
        """What there is to do, and what it costs."""
        words = self._words
        return instructions_of(self._preset, run=words.run.name, submit=words.submit.name, attempts=self._max_attempts)

    @property
    def attempts(self) -> int:
        """How many different programs were run in this episode."""
        return len(self._attempts)

    @property
    def most_attempts(self) -> int:
        """How many different programs may be run."""
        return self._max_attempts

    async def begin(self, task: CodeTask) -> Observation:
        """Ask the question."""
        self._attempts, self._last, self._calls = (), None, 0
        return Observation(text=question_of(self._preset, task))

    @tool
    async def run_code(
        self,
        code: str,
        test_case_index: int | None = None,
        timeout: Annotated[float, Field(gt=0)] = DEFAULT_TIMEOUT_S,
        language: str = "python",
    ) -> RunReport | Graded | ToolError:
        """Run a program on one visible test case, or on all of them, and see how it does.

        Args:
            code: the whole program
            test_case_index: which visible case, counted from 0; leave it out to run them all
            timeout: the most seconds a case may take
            language: what the program is written in
        """
        program = Program(unfenced(mend_text(code)), language)
        if program not in self._attempts and self.attempts >= self._max_attempts:
            spent = f"all {self._max_attempts} attempts are used up: no other program is run any more"
            return ToolError(text=f"{spent}; call {self._words.submit.name} with your final one")
        visible = self.task.visible
        if test_case_index is not None and not 0 <= test_case_index < len(visible):
            left = self._max_attempts - self.attempts
            return bad_index(test_case_index, len(visible), attempts_left=left)
        numbers = range(len(visible)) if test_case_index is None else range(test_case_index, test_case_index + 1)
        try:
            results = await self._results(program, [visible[n] for n in numbers], timeout_s=timeout)
        except UsageError as error:
            if language == "python":
                raise
            return ToolError(text=str(error))
        self._attempts = self._attempts if program in self._attempts else (*self._attempts, program)
        self._last, self._calls = program, self._calls + 1
        if self.max_turns is not None and self._calls >= self.max_turns:
            return await self._graded(program)
        return await self._reported(program, numbers, results, alone=test_case_index is not None)

    @tool
    async def submit(self, code: str) -> Graded:
        """Hand in the final program: it is graded on hidden test cases, and the task ends.

        Args:
            code: the whole program
        """
        code = unfenced(mend_text(code))
        run_before = next((program for program in self._attempts if program.code == code), None)
        return await self._graded(run_before or Program(code))

    async def hear(self, text: str) -> Graded | ToolError:
        """What comes of an answer without any call: the program that was run last is graded."""
        if self._last is not None:
            return await self._graded(self._last)
        self.finish(solved=False, **self._terms(0))
        return ToolError(
            text="No tool was called, which ends the task; no program was run or submitted.", kind="no_call"
        )

    def show(self, observation: Shown | ToolError, *, call: ToolCall | None = None) -> list[Message]:
        """How the agent reads an observation: reports as JSON, all else as text."""
        if not isinstance(observation, RunReport):
            return super().show(observation, call=call)
        content = dump_json(observation.shown()).decode()
        return [Message("user", content) if call is None else Message("tool", content, tool_call_id=call.id)]

    def parse_call(self, call: ToolCall) -> ToolAction | BadCall:
        """The action a call stands for, by the names that the agent was told."""
        names = {self._words.run.name: RUN, self._words.submit.name: SUBMIT}
        own = names.get(call.name, call.name)
        if own not in self.tools:
            return BadCall(call, "unknown_tool", f"there is no tool {call.name!r}; the tools are: {', '.join(names)}")
        parsed = super().parse_call(self._filled(replace(call, name=own)))
        if isinstance(parsed, BadCall):
            return replace(parsed, message=parsed.message.replace(f"{own}:", f"{call.name}:", 1))
        return parsed

    def compose(self, action: ToolAction | BadCall | Say) -> Turn:
        """The turn that stands for an action, with the names that the agent was told."""
        turn = super().compose(action)
        if isinstance(action, BadCall):
            return turn
        names = {RUN: self._words.run.name, SUBMIT: self._words.submit.name}
        return replace(turn, tool_calls=tuple(replace(call, name=names[call.name]) for call in turn.tool_calls))

    def reference(self) -> Iterator[ToolAction]:
        """The solution, run and handed in."""
        if self.task.solution is None:
            raise UsageError(f"the task {self.task.id} has no solution that the oracle could play")
        yield CodeDebugEnv.run_code.action(self.task.solution)
        yield CodeDebugEnv.submit.action(self.task.solution)

    def tasks(self, split: str | None = None) -> Sequence[CodeTask]:
        """Those of the file of problems, or the bundled ones: to `write`, to `debug`, or both."""
        return list_tasks(split, self._problems, remote=is_remote(self.sandbox.name))

    async def aclose(self) -> None:
        """Let go of the sandbox."""
        await self.sandbox.aclose()

    def _filled(self, call: ToolCall) -> ToolCall:
        """The call with the configured time limit, where it names none."""
        if call.name != RUN or call.problem is not None or "timeout" in call.arguments:
            return call
        if self._timeout_s == DEFAULT_TIMEOUT_S:
            return call
        return replace(call, arguments={**call.arguments, "timeout": self._timeout_s}, raw=None)

    async def _results(self, program: Program, cases: Sequence[Case], *, timeout_s: float) -> list[CaseResult]:
        """What the sandbox saw; where there is nothing to compare, the program is only run."""
        task = self.task
        function = task.fn_name if cases else None
        results = await run_program(
            self.sandbox,
            replace(program, function=function, show_locals=self._debug_prints and program.language == "python"),
            cases,
            Allowance(cpu_s=min(timeout_s, task.cpu_s), memory_mb=task.memory_mb),
            checker=task.checker,
            on_result=self._on_result,
        )
        self.note(cpu_s=[result.cpu_s for result in results], wall_s=[result.wall_s for result in results])
        return results

    async def _reported(
        self, program: Program, numbers: range, results: Sequence[CaseResult], *, alone: bool
    ) -> RunReport:
        left, visible = self._max_attempts - self.attempts, self.task.visible

        def report() -> RunReport:
            if not numbers:
                return report_output(results[0], program.code, attempts_left=left)
            pairs = zip(numbers, results, strict=True)
            reports = [report_case(program.code, number, visible[number], result) for number, result in pairs]
            return report_run(reports, alone=alone, attempts_left=left)

        return await to_thread.run_sync(report) if len(program.code) > _LONG else report()

    async def _graded(self, program: Program) -> Graded:
        """Grade a program on the hidden cases, which ends the episode."""
        results = await self._results(program, self.task.hidden, timeout_s=self.task.cpu_s)
        statuses = tuple(map(status_of, results))
        passed = statuses.count("passed")
        if program.language == "python":
            self.note(quality=await _quality(program.code))
        self.finish(solved=passed == len(statuses), **self._terms(passed))
        return Graded(passed=passed == len(statuses), passed_cases=passed, total_cases=len(statuses), statuses=statuses)

    def _terms(self, passed: int) -> dict[str, float]:
        return code_debug_terms(
            passed=passed,
            total=len(self.task.hidden),
            attempts=self.attempts,
            used_tool=bool(self._attempts),
            rates=self._rates,
        )


async def _quality(code: str) -> JsonValue:
    """Figures about how the program is written, which count for nothing."""
    figures = await to_thread.run_sync(quality_of, code) if len(code) > _LONG else quality_of(code)
    return {
        "parses": figures.parses,
        "lines": figures.lines,
        "characters": figures.characters,
        "complexity": figures.complexity,
        "findings": len(figures.findings),
    }


def _first(*values: T | None) -> T:
    """The first that was given."""
    return next(value for value in values if value is not None)
