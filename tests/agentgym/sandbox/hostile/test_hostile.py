"""Whatever a program tries, it harms nobody, learns nothing, leaves nothing, and ends within its limits."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator

import anyio
import pytest

from agentgym.sandbox import Allowance, Case, CaseResult, Program
from agentgym.sandbox.local import LocalSandbox
from tests.agentgym.sandbox.hostile import endings, files, kernel, leftovers, network, processes, resources, secrets
from tests.agentgym.sandbox.hostile.row import Hostile
from tests.agentgym.sandbox.hostile.yard import Yard
from tests.agentgym.sandbox.worlds import WORLDS, local_sandbox

ALLOWANCE = Allowance(cpu_s=0.5, wall_s=2.0)
LATE_S = 3.0
"""What a machine under load may add to a program's limits."""
LONGEST_MESSAGE = 10_000
KINDS = (processes, resources, secrets, network, files, kernel, endings, leftovers)
HONEST = Program("print(int(input()) + 1)")


def rows() -> Iterator[object]:
    """A row for each program; what has to reach its limit takes its time."""
    for kind in KINDS:
        for hostile in kind.PROGRAMS:
            name = f"{kind.__name__.rpartition('.')[2]}-{hostile.name}"
            slow = hostile.slow or hostile.ends == ("timeout",)
            yield pytest.param(hostile, id=name, marks=[pytest.mark.slow] if slow else [])


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    yard = Yard()
    yield yard
    yard.close()


@pytest.fixture(scope="module", params=WORLDS)
def sandbox(request: pytest.FixtureRequest, yard: Yard) -> Iterator[LocalSandbox]:
    """One worker, so that what a program leaves is left for the next."""
    yield from local_sandbox(workers=1, namespaces=request.param)


def run(sandbox: LocalSandbox, program: Program, *cases: Case) -> list[CaseResult]:
    return anyio.run(lambda: sandbox.run(program, cases, ALLOWANCE, grading="isolated"))


@pytest.mark.parametrize("hostile", [*rows()])
def test_a_hostile_program_is_contained(hostile: Hostile, sandbox: LocalSandbox, yard: Yard) -> None:
    if hostile.only and hostile.only != platform.machine():
        pytest.skip(f"written for {hostile.only}")
    assert run(sandbox, HONEST, Case("1", "2"))[0].status == "passed"
    descriptors = os.listdir("/proc/self/fd")
    expected = yard.secret if hostile.function is None else f'"{yard.secret}"'
    program = Program(yard.text(hostile), function=hostile.function, show_locals=hostile.locals_shown)
    began = time.monotonic()

    (result,) = run(sandbox, program, Case("1", expected))

    assert time.monotonic() - began < ALLOWANCE.wall_limit_s + LATE_S
    assert "BREACH" not in result.stdout + result.stderr, result.stdout[:2000]
    assert yard.secret not in repr(result)
    assert result.status in hostile.ends, result
    assert hostile.raw or result.error_type != "SyntaxError", "it is a program, and it ran"
    assert len(result.stdout) <= ALLOWANCE.output_bytes
    assert len(result.stderr) <= ALLOWANCE.output_bytes
    assert len(result.message) + len(result.error_type) < LONGEST_MESSAGE
    if hostile.heir:
        (heir,) = run(sandbox, Program(yard.text(hostile, heir=True)), Case("", yard.secret))
        assert heir.status == "wrong_answer", heir
        assert "BREACH" not in heir.stdout, heir.stdout
    assert not yard.harm()
    assert run(sandbox, HONEST, Case("2", "3"))[0].status == "passed"
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)
