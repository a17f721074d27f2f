"""What the agent is told before it begins, in a few ways that have names."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from agentgym.errors import UnknownNameError, did_you_mean
from environments.code_debug.responding import shortened
from environments.code_debug.task import CodeTask

SHOWN_CASES = 3
"""As many visible cases stand in the statement; the rest is seen by running them."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One way to put it; `$run`, `$submit`, `$attempts` and `$statement` are filled in."""

    instructions: str
    question: str = "$statement"


_PLAIN = """\
Solve a programming problem. `$run` runs a program on the visible cases and tells how it did on each; `$submit` takes \
your final program, grades it on hidden cases and ends the task.
A program reads standard input and prints its answer, unless a function is asked for: then it defines that function, \
and no more is needed. Only the standard library is there.
At most $attempts different programs may be run, and each after the first costs a part of the reward. If you answer \
without calling a tool, the task ends, and the program that you ran last is graded."""

_RETOOL = """\
Solve the problem below step by step. While you reason you may write Python programs and have them executed: call \
`$run` with the whole program as `code`, and its output, or the way it failed, is given back to you. Use what you see \
to check your ideas, to find mistakes and to correct them; at most $attempts different programs are executed.
Where a program fails, say first what you take to be the cause, then run a corrected one. Once it is right, hand it in \
with `$submit`, or end with an answer that explains the solution: the program executed last is then graded."""

PRESETS = {
    "plain": Preset(_PLAIN),
    "retool": Preset(_RETOOL, "*user question:*\n$statement"),
}


def find_preset(name: str) -> Preset:
    """The preset of that name."""
    if name not in PRESETS:
        raise UnknownNameError(f"no prompt preset {name!r}; {did_you_mean(str(name), PRESETS)}")
    return PRESETS[name]


def instructions_of(preset: Preset, *, run: str, submit: str, attempts: int) -> str:
    """The instructions, with the names the tools go by."""
    return Template(preset.instructions).substitute(run=run, submit=submit, attempts=attempts)


def question_of(preset: Preset, task: CodeTask) -> str:
    """What is asked, with the program to begin with and a few visible cases."""
    parts = [task.prompt, task.question, *_start(task), *_cases(task)]
    return Template(preset.question).substitute(statement="\n\n".join(part for part in parts if part))


def _start(task: CodeTask) -> list[str]:
    asked = [f"Write the function `{task.fn_name}`."] if task.fn_name and task.fn_name not in task.question else []
    if task.buggy:
        return [
            *asked,
            f"This program is meant to solve it, but is wrong. Find the mistake and mend it:\n\n{_fenced(task.buggy)}",
        ]
    return [*asked, f"Start from:\n\n{_fenced(task.starter)}"] if task.starter else asked


def _cases(task: CodeTask) -> list[str]:
    given, wanted = ("arguments, one a line", "result") if task.fn_name else ("input", "output")
    return [
        f"Visible case {number}, {given}:\n{_fenced(case.input, '')}\n{wanted}:\n{_fenced(case.output, '')}"
        for number, case in enumerate(task.visible[:SHOWN_CASES])
    ]


def _fenced(text: str, language: str = "python") -> str:
    return f"```{language}\n{shortened(text).rstrip()}\n```"
