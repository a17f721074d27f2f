"""Programs sent to where only their standard output comes back: what the driver tells stands in a line of its own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from agentgym.sandbox.contract import Allowance, CaseResult, Program
from agentgym.sandbox.outcomes import reported


@dataclass(frozen=True, slots=True)
class Marked:
    """The text that is sent, and how its line is found again."""

    code: str
    mark: str | None
    """The line's beginning, which the program cannot have printed by chance; None where it is sent as it is."""

    def read(self, program: Program, allowance: Allowance, seen: CaseResult) -> CaseResult:
        """What was seen, with what the driver told of it."""
        if self.mark is None:
            return seen
        stdout, found, rest = seen.stdout.rpartition(f"\n{self.mark}")
        report, _, later = rest.partition("\n")
        seen = replace(seen, stdout=f"{stdout}{later}" if found else seen.stdout)
        if seen.status not in ("ran", "runtime_error", "memory"):
            return seen
        return reported(program, allowance, report if found else "", seen)


def marked_program(program: Program) -> Marked:
    """The program as it is, unless the driver is needed: to call a function, or to look at variables."""
    if program.function is None and not program.show_locals:
        return Marked(program.code, None)
    if program.language != "python":
        return Marked(program.code, None)
    mark = secrets.token_hex(16)
    call = f"play({program.code!r}, {program.function!r}, {program.show_locals!r}, telling({mark!r}))"
    return Marked(f"{driver_text()}\n\n{call}\n", mark)


def driver_text() -> str:
    """The driver, as a service is sent it."""
    from agentgym.sandbox import driver

    return Path(driver.__file__).read_text(encoding="utf-8")
