"""Programs in the sandboxes of E2B, through its SDK; on asyncio alone, as the SDK is."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from agentgym.errors import EndpointFault, UsageError, boundary
from agentgym.extras import require
from agentgym.limits import running_asyncio_loop, running_clock
from agentgym.sandbox.casewise import CLOSING_S, CasewiseSandbox
from agentgym.sandbox.commands import INTERPRETERS, files, order
from agentgym.sandbox.contract import Allowance, Case, CaseResult, Isolation, Program
from agentgym.sandbox.launching import Ended
from agentgym.sandbox.marks import driver_text
from agentgym.sandbox.outcomes import outcome
from agentgym.sandbox.patience import PATIENCE_S, patiently

_CONCURRENCY = 4
_LIFE_S = 900
_START_S = 60.0
"""What making a sandbox may take."""
_ON_THE_WAY_S = 15.0
"""What an answer may take beside the program's time."""
_KILL_S = 5.0


@dataclass(eq=False, slots=True)
class _Box:
    """One of E2B's sandboxes."""

    sdk: Any
    dies_at: float


class E2BSandbox(CasewiseSandbox):
    """Keeps up to `concurrency` sandboxes; each runs one program at a time, in a process of its own.

    A sandbox serves many programs, one after another, and what one leaves in it the next one may find. `life_s` is
    after how long E2B itself ends one; `api_key` and `domain` are E2B_API_KEY and E2B_DOMAIN, unless given; `api_url`
    and `sandbox_url` point at a service of your own. `internet` lets programs out. `patience_s` is for how long a
    failing service is asked again.
    """

    name = "e2b"
    isolation = Isolation("strong", ("E2B",))
    languages = ("python", *INTERPRETERS)

    def __init__(
        self,
        template: str | None = None,
        *,
        concurrency: int = _CONCURRENCY,
        api_key: str | None = None,
        domain: str | None = None,
        api_url: str | None = None,
        sandbox_url: str | None = None,
        internet: bool = False,
        life_s: int = _LIFE_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        super().__init__(concurrency)
        if type(life_s) is not int or life_s < 1:
            raise UsageError(f"life_s={life_s!r} of an E2B sandbox must be a whole number of seconds, 1 or more")
        if type(patience_s) not in (int, float) or not 0 <= patience_s < math.inf:
            raise UsageError(f"patience_s={patience_s!r} must be a number of seconds, 0 or more")
        self._sdk = require("e2b_code_interpreter")
        self._key = api_key or os.environ.get("E2B_API_KEY") or ""
        where = {"api_key": self._key or None, "domain": domain, "api_url": api_url, "sandbox_url": sandbox_url}
        self._where = {name: value for name, value in where.items() if value is not None}
        self._template = template
        self._internet = internet
        self._life_s = life_s
        self._patience_s = patience_s
        self._idle: list[_Box] = []

    def refuse(self, program: Program, allowance: Allowance) -> None:
        _refuse_other_loops()
        if program.language not in self.languages:
            raise UsageError(f"no language {program.language!r} at E2B; there are: {', '.join(self.languages)}")
        if self._needed_s(allowance) > self._life_s:
            raise UsageError(f"life_s={self._life_s} is less than a case may take by the clock: give more, or a wall_s")

    async def start(self) -> None:
        _refuse_other_loops()

    async def run_case(self, program: Program, case: Case, allowance: Allowance) -> CaseResult:
        mark = secrets.token_hex(16)
        cell = _cell(program, case, allowance, mark)
        try:
            return await patiently(partial(self._ask, cell, mark, program, allowance), patience_s=self._patience_s)
        except EndpointFault as fault:
            return CaseResult(status="sandbox_error", message=self._clean(str(fault)))

    async def aclose(self) -> None:
        await super().aclose()
        boxes, self._idle = self._idle, []
        with anyio.move_on_after(CLOSING_S, shield=True):
            async with anyio.create_task_group() as group:
                for box in boxes:
                    group.start_soon(self._kill, box)

    async def _ask(self, cell: str, mark: str, program: Program, allowance: Allowance) -> CaseResult:
        box = await self._take(self._needed_s(allowance))
        try:
            seen = await self._run(box, cell, mark, program, allowance)
        except BaseException:
            await self._kill(box)  # nobody knows what goes on in it
            raise
        if seen is None:
            await self._kill(box)
            return CaseResult(status="timeout", limit="wall")
        self._idle.append(box)
        return seen

    async def _run(self, box: _Box, cell: str, mark: str, program: Program, allowance: Allowance) -> CaseResult | None:
        """What came of it; None where it took too long."""
        allowed_s = allowance.wall_limit_s + _ON_THE_WAY_S
        clock = running_clock()
        begun = clock()
        with self._named_faults(), boundary(EndpointFault, "E2B"):
            try:
                with anyio.fail_after(allowed_s + _ON_THE_WAY_S):
                    execution = await box.sdk.run_code(cell, timeout=allowed_s, request_timeout=_START_S)
            except (TimeoutError, self._sdk.TimeoutException):
                if clock() - begun < allowed_s:
                    raise
                return None
        return _read(execution, mark, program, allowance)

    async def _take(self, needed_s: float) -> _Box:
        """A sandbox that lives long enough."""
        now = running_clock()()
        while self._idle:
            box = self._idle.pop()
            if box.dies_at - now >= needed_s:
                return box
            await self._kill(box)
        with self._named_faults(), boundary(EndpointFault, "E2B"), anyio.fail_after(_START_S):
            sdk = await self._sdk.AsyncSandbox.create(
                self._template, timeout=self._life_s, allow_internet_access=self._internet, **self._where
            )
        return _Box(sdk, now + self._life_s)

    async def _kill(self, box: _Box) -> None:
        """End a sandbox, or leave it to E2B's own limit on its life."""
        with anyio.move_on_after(_KILL_S, shield=True):
            try:
                with boundary(EndpointFault, "E2B"):
                    await box.sdk.kill(request_timeout=_KILL_S)
            except EndpointFault:
                return

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        """Tell apart what asking again does not change."""
        try:
            yield
        except EndpointFault as fault:
            raise self._named(fault) from None

    def _named(self, fault: EndpointFault) -> EndpointFault:
        cause, sdk = fault.__cause__, self._sdk
        if isinstance(cause, sdk.AuthenticationException):
            return EndpointFault("E2B takes no key, or not this one: check E2B_API_KEY", kind="refused")
        if isinstance(cause, (sdk.InvalidArgumentException, sdk.TemplateException)):
            return EndpointFault(str(fault), kind="refused")
        status = getattr(cause, "status_code", None)
        if isinstance(status, int) and 400 <= status < 500 and status not in (404, 408, 409, 425, 429):
            return EndpointFault(str(fault), kind="refused", status=status)
        return EndpointFault(str(fault), kind="failed")

    def _needed_s(self, allowance: Allowance) -> float:
        return allowance.wall_limit_s + 2 * _ON_THE_WAY_S

    def _clean(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _refuse_other_loops() -> None:
    if running_asyncio_loop() is None:
        raise UsageError("the E2B SDK runs on asyncio alone: on trio take another sandbox, such as fusion:URL")


def _cell(program: Program, case: Case, allowance: Allowance, mark: str) -> str:
    """Code for E2B's own interpreter: it starts the program as a process of its own, and prints what it saw."""
    from agentgym.sandbox import launching

    call = (
        f"print_launched({mark!r}, {driver_text()!r}, {order(program, allowance)!r}, {case.input!r}, "
        f"files={files(program)!r}, wall_s={allowance.wall_limit_s!r}, output_bytes={allowance.output_bytes!r})"
    )
    return f"{Path(launching.__file__).read_text(encoding='utf-8')}\n\n{call}\n"


def _read(execution: Any, mark: str, program: Program, allowance: Allowance) -> CaseResult:
    stdout = "".join(execution.logs.stdout)
    _, found, rest = stdout.rpartition(f"\n{mark}")
    if found:
        return _seen(rest.partition("\n")[0], program, allowance)
    # Its interpreter is gone, which only the program can have done; or it runs no such interpreter at all.
    stderr = "".join(execution.logs.stderr)
    if execution.error is None:
        return CaseResult(status="ran", stdout=stdout, stderr=stderr)
    return CaseResult(
        status="runtime_error",
        stdout=stdout,
        stderr=stderr,
        error_type=str(execution.error.name),
        message=str(execution.error.value),
    )


def _seen(told: str, program: Program, allowance: Allowance) -> CaseResult:
    try:
        launched = json.loads(told)
        fault = launched.get("fault")
        if fault is None:
            return outcome(program, allowance, Ended(**launched))
    except (ValueError, TypeError, AttributeError):
        fault = "its answer is torn"
    raise EndpointFault(f"E2B: no process could be run: {fault}", kind="failed")
