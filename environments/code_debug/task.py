"""A problem as it is played: what is asked, where to start, and by which cases it is graded."""

from __future__ import annotations

from pydantic import Field

from agentgym.steps import Task
from environments.programs.problem import Case, Problem

CPU_S = 6.0
"""On each case; what LiveCodeBench allows."""


class CodeTask(Task):
    """One problem, to be solved from its starter or by mending a program with a bug."""

    question: str
    prompt: str = ""
    """What stands before the question; may be empty."""
    topic: str | None = None
    difficulty: str | None = None
    fn_name: str | None = None
    """The function to write, where the program is not one that reads and prints."""
    starter: str = ""
    buggy: str = ""
    """A program that is to be mended; with it the starter is of no use."""
    bug_class: str | None = None
    """What is wrong with it; for reports, never shown."""
    solution: str | None = None
    """A right program; never shown."""
    checker: str = "tokens"
    visible: tuple[Case, ...] = ()
    hidden: tuple[Case, ...] = Field(min_length=1)
    """What a submission is graded by."""
    cpu_s: float = Field(default=CPU_S, gt=0)
    """The most a case may take, whatever the agent asks for."""
    memory_mb: int = Field(default=256, gt=0)

    @classmethod
    def of(cls, problem: Problem, *, id: str = "", buggy: str = "", bug_class: str | None = None) -> CodeTask:
        """The task of a problem, with a program to mend or without."""
        return cls(
            id=id or problem.query_id,
            question=problem.question,
            prompt=problem.prompt,
            topic=problem.topic or None,
            difficulty=problem.difficulty or None,
            fn_name=problem.fn_name,
            starter=problem.starter,
            buggy=buggy,
            bug_class=bug_class,
            solution=problem.solution,
            checker=problem.checker,
            visible=problem.visible,
            hidden=problem.hidden,
        )
