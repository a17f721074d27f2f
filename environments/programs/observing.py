"""What is seen when a program runs on a case; who runs it is up to the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from environments.programs.problem import Case, Problem


@dataclass(frozen=True, slots=True)
class Observed:
    """How a program did on one case."""

    status: str
    """`passed`, `wrong_answer`, `runtime_error`, `timeout`, or another word of the sandbox's."""
    error_type: str = ""
    """The name of the exception's class, such as `KeyError`."""
    message: str = ""
    line: int | None = None
    """The innermost line of the program itself that the error passed, counted from 1."""
    output: str = ""
    """What the program printed; of a function, its result as JSON."""

    @property
    def outcome(self) -> str:
        """The class of the failure: the error's type, or the status."""
        return self.error_type if self.status == "runtime_error" else self.status


Observe = Callable[[Problem, str, Sequence[Case]], Awaitable[Sequence[Observed]]]
"""Runs a program, whose problem says how it is called, on some cases; gives what was seen of each, in order."""
