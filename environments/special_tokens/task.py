"""A debugging request, and what is known of the program it is about."""

from __future__ import annotations

from pydantic import Field

from agentgym.steps import Task
from environments.programs.problem import Case


class TokenTask(Task):
    """One request; the right mode was found by running the program."""

    request: str
    mode: str
    """The right one's name."""
    program: str
    """The program in question, which has a bug."""
    language: str = "en"
    problem_id: str = ""
    topic: str = ""
    bug_class: str = ""
    error: str = ""
    """What was seen of the failure; the request quotes it only where it is to be mended."""
    fn_name: str | None = None
    """The function in question, where the program is not one that reads and prints."""
    checker: str = "tokens"
    cases: tuple[Case, ...] = ()
    """What a fix has to pass."""
    reference: str = ""
    """A right answer in writing; never shown."""
    cpu_s: float = Field(default=2.0, gt=0)
    """What a program may take on each case."""
