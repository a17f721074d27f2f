"""Does an environment keep the contract? `check_env` plays it in every way that has broken one before."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel

from agentgym.env import Env
from agentgym.errors import UsageError, describe
from agentgym.testing.checks.bad_arguments import bad_arguments
from agentgym.testing.checks.blocking import blocking
from agentgym.testing.checks.cancellation import cancellation
from agentgym.testing.checks.containment import Contained, contain
from agentgym.testing.checks.contract import contract, idle, oracle
from agentgym.testing.checks.forks import fork
from agentgym.testing.checks.repetition import determinism, isolation, observations
from agentgym.testing.checks.report import CheckReport, Finding, Score, Verdict
from agentgym.testing.checks.schemas import schemas
from agentgym.testing.checks.stepping import Stepped
from agentgym.testing.checks.subject import Subject

__all__ = ["CheckReport", "Finding", "Score", "check_env"]

_Check: TypeAlias = Callable[[Subject], Coroutine[Any, Any, str]]
_RULES: dict[str, _Check] = {
    "contract": contract,
    "determinism": determinism,
    "observations": observations,
    "isolation": isolation,
    "fork": fork,
    "schemas": schemas,
    "bad-arguments": bad_arguments,
    "blocking": blocking,
    "cancellation": cancellation,
    "idle": idle,
    "oracle": oracle,
}


async def check_env(
    make: Callable[[], Env[Any, Any, Any]],
    *,
    tasks: Sequence[BaseModel] | None = None,
    seeds: int = 3,
    instances: int = 50,
    max_block_ms: float = 5.0,
    timeout_s: float = 60.0,
) -> CheckReport:
    """Prove an environment's contract by playing it; `make` gives a fresh instance, such as the class itself.

    The event loop should run nothing else meanwhile: tasks that start beside the check are taken for the environment's.
    """
    env = make()
    subject = Subject(make, _tasks(env, tasks), seeds, instances, max_block_ms, timeout_s)
    _refuse_nonsense(subject)
    findings = tuple([await _judge(rule, check, subject) for rule, check in _RULES.items()])
    return CheckReport(env.id, findings, subject.idle, subject.oracle, subject.longest_block_ms)


def _tasks(env: Env[Any, Any, Any], given: Sequence[BaseModel] | None) -> Sequence[BaseModel]:
    tasks = env.tasks() if given is None else given
    if not tasks:
        raise UsageError(f"{env.id} lists no tasks; give some: check_env(make, tasks=[...])")
    for task in tasks:
        if isinstance(env.task_type, type) and not isinstance(task, env.task_type):
            raise UsageError(f"{env.id} plays tasks of type {env.task_type.__name__}, not {type(task).__name__}")
    return tasks


def _refuse_nonsense(subject: Subject) -> None:
    for name in ("seeds", "instances", "max_block_ms", "timeout_s"):
        value = getattr(subject, name)
        if not value > 0:
            raise UsageError(f"check_env({name}={value!r}): give a positive number")


async def _judge(rule: str, check: _Check, subject: Subject) -> Finding:
    contained = await contain(Stepped(check(subject)), seconds=subject.timeout_s)
    if contained.late:
        if contained.stuck or subject.idle is None:
            subject.scripts.clear()  # not even recording came to an end: no other rule would
        return Finding(rule, "violation", _late(contained, subject.timeout_s))
    if isinstance(contained.error, Verdict):
        return Finding(rule, contained.error.status, str(contained.error))
    if contained.error is not None:
        return Finding(rule, "violation", describe(contained.error))
    return Finding(rule, "ok", contained.value or "")


def _late(contained: Contained[str], timeout_s: float) -> str:
    stuck = "; cancelled, it went on, and was left behind" if contained.stuck else ""
    return (
        f"no end within {timeout_s:g} s, waiting in {contained.place or 'no hook of its own'}{stuck}; "
        "if the environment is only slow, give check_env a longer timeout_s"
    )
