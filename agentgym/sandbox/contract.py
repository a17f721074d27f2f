"""What a sandbox is asked and what it answers: the same words for every back end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from agentgym.errors import UsageError

Status = Literal[
    "passed",
    "ran",
    "wrong_answer",
    "runtime_error",
    "timeout",
    "memory",
    "output_limit",
    "sandbox_error",
]
"""`ran`: ended well, with nothing to compare; `sandbox_error` is never the program's fault."""
Level = Literal["strong", "weak", "none"]
"""How far a program is kept from the machine: see `Isolation`."""
Grading = Literal["shared_then_isolated", "isolated"]
"""One process for all cases and one more for each that did not pass, or from the start one for each."""
Checker = str | Callable[[str, str, str], bool]
"""`exact`, `tokens`, `float(TOLERANCE)`, `lcb`, `fusion`, or a function of (input, expected, got)."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program: one that reads its standard input and prints, or a function where `function` is given."""

    code: str
    language: str = "python"
    function: str | None = None
    """A function of the program, or a method of its class `Solution`; Python alone."""
    show_locals: bool = False
    """Whether a runtime error tells the local variables of the program's innermost frame; Python alone."""


@dataclass(frozen=True, slots=True)
class Case:
    """One input, and what is right; what is right never enters the sandbox."""

    input: str = ""
    """The whole standard input; of a function, its arguments as JSON, one a line."""
    expected: str | None = None
    """The whole standard output; of a function, its result as JSON; None where nothing is to be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a program may use on each case."""

    cpu_s: float = 10.0
    wall_s: float | None = None
    """By the clock; three times the CPU time and a second, unless said otherwise."""
    memory_mb: int = 256
    """Address space beyond what the bare interpreter takes."""
    output_bytes: int = 1 << 20
    """Of each stream, and of a function's result."""
    file_mb: int = 16
    """Of one file in the scratch directory."""
    scratch_mb: int = 64
    processes: int = 1
    """How many processes at a time, the program's own included; more than one needs a PID namespace."""

    def __post_init__(self) -> None:
        for name in ("cpu_s", "wall_s", "memory_mb", "output_bytes", "file_mb", "scratch_mb", "processes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name}={value!r} of a sandbox's allowance must be a number above 0")

    @property
    def wall_limit_s(self) -> float:
        """After how long by the clock the program is ended."""
        return 3 * self.cpu_s + 1 if self.wall_s is None else self.wall_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How a program did on one case."""

    status: Status
    stdout: str = ""
    stderr: str = ""
    value: str | None = None
    """A function's result as JSON."""
    exit_status: int | None = None
    """Negative: the signal that ended the program; None where it was not let end by itself."""
    error_type: str = ""
    """The name of the exception's class, such as `KeyError`; `ExitStatus` or `Signal` where there was none."""
    message: str = ""
    """What the exception says, or what went wrong with the sandbox."""
    line: int | None = None
    """The innermost line of the program itself that the error passed, counted from 1."""
    variables: tuple[tuple[str, str], ...] = ()
    """Name and shortened repr of each local variable, where the program asked for them."""
    limit: Literal["cpu", "wall"] | None = None
    """Which clock ran out, of a `timeout`."""
    cpu_s: float | None = None
    wall_s: float | None = None

    @property
    def got(self) -> str:
        """What is compared: a function's result, else what the program printed."""
        return self.stdout if self.value is None else self.value


@dataclass(frozen=True, slots=True)
class Isolation:
    """What stands between a program and the machine, as found in force."""

    level: Level
    """`strong`: seccomp, and Landlock or namespaces of mounts, processes and network; `weak`: seccomp and resource
    limits; `none`: a plain process. A remote service answers for itself and counts as strong."""
    layers: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())
    """Layers this machine does not give, each with the reason."""


OnResult = Callable[[int, CaseResult], None]
"""Called with a case's index and its result as soon as it is final."""


class Sandbox(ABC):
    """Runs programs that nobody trusts; one serves any number of callers at a time."""

    name: str
    isolation: Isolation

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers in force."""
        return self.isolation.layers

    @abstractmethod
    async def run(
        self,
        program: Program,
        cases: Sequence[Case],
        allowance: Allowance | None = None,
        *,
        checker: Checker = "tokens",
        grading: Grading = "shared_then_isolated",
        on_result: OnResult | None = None,
    ) -> list[CaseResult]:
        """A result for each case, in order; a fault of the sandbox is the status `sandbox_error`, never an exception.

        UsageError for a language, checker or allowance this sandbox does not have.
        """

    async def start(self) -> None:
        """Get ready; UsageError where this machine cannot give what was asked for."""

    @abstractmethod
    async def aclose(self) -> None:
        """End whatever still runs and let go of everything."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
