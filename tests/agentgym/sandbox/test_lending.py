"""Sandboxes lent: one for a whole run, one of an environment's own outside, and a caller's own left alone."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from agentgym.ambient import CAPS
from agentgym.caps import Caps
from agentgym.errors import SandboxFault, UsageError
from agentgym.sandbox import Case, CaseResult, Isolation, Program, Sandbox, lending
from agentgym.sandbox.lending import lend, sharing_sandboxes

pytestmark = pytest.mark.anyio
PROGRAM = Program("print(1)")


class Noted(Sandbox):
    """Runs nothing, and notes what is done with it."""

    name = "noted"
    isolation = Isolation("weak")

    def __init__(self, *, failing: Exception | None = None) -> None:
        self.begun = self.ended = self.running = self.most_running = 0
        self._failing = failing
        self._group: Any = None

    async def start(self) -> None:
        if self._failing is not None:
            raise self._failing
        self._group = await anyio.create_task_group().__aenter__()  # has to be left by the task that entered it
        self.begun += 1

    async def run(self, program: Program, cases: Sequence[Case], *args: Any, **kwargs: Any) -> list[CaseResult]:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await anyio.lowlevel.checkpoint()
        self.running -= 1
        return [CaseResult(status="ran") for _ in cases]

    async def aclose(self) -> None:
        if self._group is not None:
            await self._group.__aexit__(None, None, None)
        self.ended += 1


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Noted]:
    """Every sandbox that a spec was made into."""
    made: list[Noted] = []

    def make(spec: str) -> Noted:
        broken = {"refused": UsageError("no Landlock here"), "broken": OSError("no room")}
        made.append(Noted(failing=broken.get(spec)))
        return made[-1]

    monkeypatch.setattr(lending, "make_sandbox", make)
    return made


async def use(sandbox: Sandbox) -> None:
    assert [result.status for result in await sandbox.run(PROGRAM, [Case()])] == ["ran"]


async def test_outside_a_run_each_has_one_of_its_own(made: list[Noted]) -> None:
    one, other = lend("local"), lend("local")
    assert made == []
    for sandbox in (one, other, one):
        await use(sandbox)
    assert one.isolation.level == "weak"
    await one.aclose()
    assert [(held.begun, held.ended) for held in made] == [(1, 1), (1, 0)]
    await use(other)
    await other.aclose()
    await other.aclose()
    assert [(held.begun, held.ended) for held in made] == [(1, 1), (1, 1)]
    await use(one)  # it may be used again, and begins anew
    await one.aclose()
    assert len(made) == 3


async def test_within_a_run_all_share_one_for_each_spec_and_the_run_ends_it(made: list[Noted]) -> None:
    async def play(spec: str) -> None:
        sandbox = lend(spec)
        await use(sandbox)
        await sandbox.aclose()

    async with sharing_sandboxes():
        async with anyio.create_task_group() as group:
            for spec in ("local", "none", "local", "local"):
                group.start_soon(play, spec)
        async with sharing_sandboxes():
            await play("none")
        assert [(held.begun, held.ended) for held in made] == [(1, 0), (1, 0)]
    assert [held.ended for held in made] == [1, 1]


async def test_a_callers_own_is_used_and_never_closed() -> None:
    async with Noted() as own:
        sandbox = lend(own)
        await use(sandbox)
        await copy.deepcopy(sandbox).aclose()
        await sandbox.aclose()
        assert (sandbox.name, own.begun, own.ended) == ("noted", 1, 0)


async def test_a_copy_holds_the_same_one_until_the_last_lets_go(made: list[Noted]) -> None:
    sandbox = lend("local")
    await use(sandbox)
    twin = copy.deepcopy(sandbox)
    await sandbox.aclose()
    await use(twin)
    assert (len(made), made[0].ended) == (1, 0)
    await twin.aclose()
    assert made[0].ended == 1


async def test_who_asked_first_may_be_cancelled(made: list[Noted]) -> None:
    async with sharing_sandboxes():
        first, second = lend("local"), lend("local")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await use(first)
        assert scope.cancelled_caught
        await first.aclose()
        await use(second)
    assert [(held.begun, held.ended) for held in made] == [(1, 1)]


async def test_what_does_not_begin_says_why_and_may_be_tried_again(made: list[Noted]) -> None:
    async with sharing_sandboxes():
        for _ in range(2):
            with pytest.raises(UsageError, match="no Landlock here"):
                await lend("refused").start()
        with pytest.raises(SandboxFault, match="the sandbox 'broken' does not begin: OSError: no room"):
            await lend("broken").start()
    assert len(made) == 3


async def test_caps_bound_how_many_run_at_a_time(made: list[Noted]) -> None:
    token = CAPS.set(Caps({"sandbox": 2}))
    async with sharing_sandboxes(), anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(use, lend("local"))
    CAPS.reset(token)
    assert made[0].most_running == 2


def test_what_is_no_sandbox_is_refused() -> None:
    with pytest.raises(UsageError, match="give a sandbox, or one of: local"):
        lend(3)  # type: ignore[arg-type]  # what is tested
