"""Every error agentgym raises on purpose.

AgentGymError
├── UsageError (ValueError)               asked for what cannot be; commands exit with 2
│   ├── UnknownNameError (LookupError)    no environment, policy or suite of that name
│   ├── DataFileError                     a file of tasks or turns that cannot be read
│   │   └── LaterVersionError             written by a later release, which this one cannot read
│   ├── RunFolderError                    a run directory that is another run's, or that nobody can write
│   ├── MissingExtraError (ImportError)   an optional package is not installed
│   └── ShadowedPackageError (ImportError)  somebody else's package answers to one of our names
├── DefinitionError (TypeError)           an environment or a tool is written wrongly
├── InvalidActionError (ValueError)       an action the environment does not take
├── EpisodeStateError (RuntimeError)      a step before reset, or after the end
├── StoreError (OSError)                  a run directory that cannot be written any further
└── Fault                                 something broke while an episode ran
    ├── PolicyFault                       the policy or its model
    │   └── EndpointFault                 the endpoint did not answer, or not as it should
    │       └── ContextOverflow           the conversation no longer fits the model: `truncated`, not a fault of anybody
    ├── EnvironmentFault                  the environment's own code
    │   └── ToolFault                     one of its tools
    ├── SandboxFault                      what runs the agent's programs
    ├── UserFault                         the simulated user
    └── RunStopped                        the run ended before the episode did
        ├── Outage                        an endpoint gave no good answer for too long
        ├── BudgetSpent                   the run's tokens, money or time are used up
        └── Interrupted                   a person stopped it; such an episode leaves no record

A fault is recorded as the cause of a `not_evaluable` episode and never scored as the agent's failure.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Boundary = Literal["policy", "environment", "tool", "sandbox", "user", "run"]
FaultKind = Literal["unreachable", "timeout", "broken", "overloaded", "failed", "refused"]
"""What an endpoint did: no connection; no whole answer in time; an answer cut off or unreadable; too busy (429, 503);
another failure of the server's; or a plain no, which asking again does not change."""


class AgentGymError(Exception):
    """Base of every error agentgym raises on purpose."""


class UsageError(AgentGymError, ValueError):
    """Asked for something that cannot be; the message says what to do instead."""


class UnknownNameError(UsageError, LookupError):
    """No environment, policy, suite or schema answers to the name."""


class DataFileError(UsageError):
    """A file of tasks or turns does not hold what it should; the message names file and line."""


class LaterVersionError(DataFileError):
    """Written by a later release: sound, perhaps, but not for this one to read."""


class RunFolderError(UsageError):
    """A run directory that belongs to another run, is being written by somebody else, or cannot be written."""


class MissingExtraError(UsageError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


class ShadowedPackageError(UsageError, ImportError):
    """A top-level package of ours was found, but it is somebody else's."""


class DefinitionError(AgentGymError, TypeError):
    """An environment or tool class breaks a rule of the contract; raised when the class is made."""


class InvalidActionError(AgentGymError, ValueError):
    """The action is not one of this environment's, or its values are out of bounds."""


class EpisodeStateError(AgentGymError, RuntimeError):
    """The call does not fit the moment: a step before reset, or after the end."""


class StoreError(AgentGymError, OSError):
    """A run directory cannot be written any further; what was written before stands."""


class Fault(AgentGymError):
    """Something broke while an episode ran, at a known boundary."""

    boundary: ClassVar[Boundary] = "environment"


class PolicyFault(Fault):
    """The policy, its model or its endpoint broke."""

    boundary = "policy"


class EndpointFault(PolicyFault):
    """The endpoint did not answer, or not as it should; the message holds no secret."""

    def __init__(
        self,
        message: str,
        *,
        kind: FaultKind = "broken",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: FaultKind = kind
        self.status = status
        self.retry_after_s = retry_after_s
        """How long the endpoint asks to be left alone."""

    @property
    def passing(self) -> bool:
        """Whether asking again may help."""
        return self.kind != "refused"


class ContextOverflow(EndpointFault):
    """The conversation no longer fits the model's context."""


class EnvironmentFault(Fault):
    """The environment's own code broke."""


class ToolFault(EnvironmentFault):
    """A tool raised instead of answering."""

    boundary = "tool"


class SandboxFault(Fault):
    """What runs the agent's programs broke."""

    boundary = "sandbox"


class UserFault(Fault):
    """The simulated user broke."""

    boundary = "user"


class RunStopped(Fault):
    """The run ended before the episode did."""

    boundary = "run"


class Outage(RunStopped):
    """An endpoint gave no good answer for too long."""


class BudgetSpent(RunStopped):
    """The run's tokens, money or time are used up."""

    def __init__(self, message: str, *, of: str = "") -> None:
        super().__init__(message)
        self.of = of
        """Which of its bounds: a field of `Budget`."""


class Interrupted(RunStopped):
    """A person stopped the run."""


class boundary:
    """Classify whatever breaks inside the block, also in a group; what is classified already stays as it is.

    Cancellation, interrupts, wrong use (`UsageError`) and a run that cannot be written (`StoreError`) pass untouched;
    `sys.exit` ends no more than the block.
    `where` is joined by dots, when needed.
    """

    __slots__ = ("_as", "_where")

    def __init__(self, classify_as: type[Fault | UsageError], *where: str) -> None:
        self._as = classify_as
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, _CLASSIFIED):
            return
        if not isinstance(error, (Exception, SystemExit)) and not _is_stray(error):
            return
        leaves = list(_leaves(error))
        for leaf in leaves:
            if isinstance(leaf, _CLASSIFIED):
                raise leaf
        told = "; ".join(dict.fromkeys(describe(leaf) for leaf in leaves))
        raise self._as(f"{'.'.join(self._where)}: {told}") from leaves[0]


_CLASSIFIED = (Fault, UsageError, StoreError)


def _is_stray(error: BaseException) -> bool:
    """Whether this is asyncio's CancelledError, though nobody cancelled the task: some awaitable was cancelled."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group of any depth, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def describe(error: BaseException) -> str:
    """One line: the error's type, its message and the place that raised it."""
    message = " ".join(str(error).split())
    told = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if isinstance(error, SyntaxError):
        return told  # its message names the place; the traceback is the importer's
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return told
    return f"{told} ({Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The rest of a sentence about an unknown name: the nearest known one, or else all there are."""
    from difflib import get_close_matches

    names = list(known)
    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names) or 'none'}"


_FEW_FAULTS = 5


def one_line(error: ValidationError) -> str:
    """What a validation error says, in one line that names each value at fault, or the first few of many."""
    faults = error.errors(include_url=False, include_context=False)
    told = [_fault_line(details) for details in faults[:_FEW_FAULTS]]
    return "; ".join([*told, f"and {len(faults) - _FEW_FAULTS} more"] if len(faults) > _FEW_FAULTS else told)


def _fault_line(details: ErrorDetails) -> str:
    where = ".".join(str(part) for part in details["loc"])
    message = " ".join(details["msg"].split())
    told = f"{where}: {message}" if where else message
    got = repr(details["input"])
    return told if details["type"] == "missing" else f"{told} (got {got if len(got) <= 80 else got[:77] + '...'})"
