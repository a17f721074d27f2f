"""Sandboxes lent to environments: all episodes of a run share one, and nobody has to keep it anywhere.

`self.sandbox = lend("local")` in an environment's constructor, `await self.sandbox.run(...)` in its tools and
`await self.sandbox.aclose()` in its `aclose` are all it takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import anyio

from agentgym.ambient import SANDBOXES
from agentgym.background import Background
from agentgym.caps import capped
from agentgym.errors import SandboxFault, UsageError, boundary
from agentgym.limits import CLEANUP_S
from agentgym.sandbox.contract import (
    Allowance,
    Case,
    CaseResult,
    Checker,
    Grading,
    Isolation,
    OnResult,
    Program,
    Sandbox,
)
from agentgym.sandbox.specs import SANDBOX_SPECS, make_sandbox


def lend(wanted: str | Sandbox = "local") -> Sandbox:
    """A sandbox to use and to close; it begins with its first program.

    Of a spec: the one that the run shares, which the run ends, or outside a run one of its own, which closing ends.
    A sandbox that was made by the caller is used as it is and never closed. A deep copy holds the same one.
    """
    if not isinstance(wanted, (str, Sandbox)):
        raise UsageError(f"sandbox={wanted!r}: give a sandbox, or one of: {', '.join(SANDBOX_SPECS)}")
    return _Lent(wanted)


@asynccontextmanager
async def sharing_sandboxes() -> AsyncIterator[None]:
    """Within the block whoever asks for the same spec gets the same sandbox; all are ended with it."""
    if SANDBOXES.get() is not None:
        yield
        return
    sandboxes = Sandboxes()
    token = SANDBOXES.set(sandboxes)
    try:
        yield
    finally:
        SANDBOXES.reset(token)
        await sandboxes.aclose()


class Sandboxes:
    """The sandboxes of a run, one for each spec."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def borrow(self, spec: str) -> _Kept:
        """The one of a spec, for one holder more."""
        kept = self._kept.get(spec)
        if kept is None:
            kept = self._kept[spec] = _Kept(spec)
            kept.hold()
        kept.hold()
        return kept

    async def aclose(self) -> None:
        """End them all, whoever may hold them still."""
        for kept in self._kept.values():
            await kept.end()
        self._kept.clear()


class _Place(Protocol):
    """Where a lent sandbox comes from."""

    def hold(self) -> None: ...
    async def sandbox(self) -> Sandbox: ...
    async def let_go(self) -> None: ...


class _Given:
    """A sandbox that its maker begins and ends."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def hold(self) -> None:
        """Any number may."""

    async def sandbox(self) -> Sandbox:
        """It, whatever its state."""
        return self._sandbox

    async def let_go(self) -> None:
        """It goes on."""


class _Kept:
    """A sandbox that begins when it is first used, and ends when nobody holds it any more."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._holders = 0
        self._sandbox: Sandbox | None = None
        self._work: Background | None = None

    def hold(self) -> None:
        """One holder more."""
        self._holders += 1

    async def let_go(self) -> None:
        """One holder less."""
        self._holders -= 1
        if not self._holders:
            await self.end()

    async def sandbox(self) -> Sandbox:
        """It, begun."""
        if self._work is None:
            self._ready, self._over = anyio.Event(), anyio.Event()
            self._work = Background(self._keep)
        work = self._work
        await self._ready.wait()
        if self._sandbox is None:
            await work.ended.wait()
            if self._work is work:
                self._work = None  # whoever comes next may try again
            with boundary(SandboxFault, f"the sandbox {self._spec!r} does not begin"):
                raise work.error or SandboxFault(f"the sandbox {self._spec!r} was closed")
        return self._sandbox

    async def end(self) -> None:
        """End it, if it was begun."""
        work, self._work = self._work, None
        if work is None:
            return
        self._over.set()
        with anyio.move_on_after(CLEANUP_S, shield=True):
            await work.ended.wait()
        work.abandon()

    async def _keep(self) -> None:
        """Begin and end it in one task, whoever uses it meanwhile: a sandbox may have task groups of its own."""
        ready, over = self._ready, self._over
        try:
            async with make_sandbox(self._spec) as self._sandbox:
                ready.set()
                await over.wait()
        finally:
            self._sandbox = None
            ready.set()


class _Lent(Sandbox):
    """What one environment holds."""

    def __init__(self, wanted: str | Sandbox) -> None:
        self.name = wanted if isinstance(wanted, str) else wanted.name
        self.isolation = (
            Isolation("none", missing=("not known before it begins",)) if isinstance(wanted, str) else wanted.isolation
        )
        self._wanted = wanted
        self._place: _Place | None = None

    async def start(self) -> None:
        await self._begun()

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
        async with capped("sandbox"):
            sandbox = await self._begun()
            return await sandbox.run(program, cases, allowance, checker=checker, grading=grading, on_result=on_result)

    async def aclose(self) -> None:
        place, self._place = self._place, None
        if place is not None:
            await place.let_go()

    async def _begun(self) -> Sandbox:
        if self._place is None:
            self._place = _place_of(self._wanted)
        sandbox = await self._place.sandbox()
        self.isolation = sandbox.isolation
        return sandbox

    def __deepcopy__(self, memo: Mapping[int, Any]) -> _Lent:
        twin = _Lent(self._wanted)
        twin._place = self._place
        if self._place is not None:
            self._place.hold()
        return twin


def _place_of(wanted: str | Sandbox) -> _Place:
    if isinstance(wanted, Sandbox):
        return _Given(wanted)
    shared = SANDBOXES.get()
    if shared is not None:
        return shared.borrow(wanted)
    own = _Kept(wanted)
    own.hold()
    return own
