"""Whatever a program tries, it harms nobody, learns nothing, leaves nothing, and ends within its limits."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence

import anyio
import pytest

from agentgym.sandbox import Allowance, Case, CaseResult, Program
from agentgym.sandbox.local import LocalSandbox
from tests.agentgym.sandbox.hostile import endings, files, kernel, leftovers, network, processes, resources, secrets
from tests.agentgym.sandbox.hostile.row import Hostile
from tests.agentgym.sandbox.hostile.yard import Yard
from tests.agentgym.sandbox.worlds import WORLDS, local_sandbox

BRIEF = Allowance(cpu_s=0.4, wall_s=1.5)
"""For what may go on until its time is over."""
ROOMY = Allowance(cpu_s=30.0, wall_s=60.0)
"""For what ends by itself or at another limit: it needs next to nothing of it, on no machine all."""
LATE_S = 40.0
"""After which a program hangs: a machine under load may add seconds to its limits."""
LONGEST_MESSAGE = 10_000
KINDS = (processes, resources, secrets, network, files, kernel, endings, leftovers)
ALIKE = (resources, endings)
"""Kinds whose programs meet the interpreter and its limits, and not the layers around it: in the second world one of
each family (`spin-...`, `memory-...`) is enough, since the first has them all."""
HONEST = Program("print(int(input()) + 1)")


def rows() -> Iterator[object]:
    """A row for each program in each world; what has to reach its limit takes its time."""
    for world in WORLDS:
        namespaces, marks = world.values[0], world.marks
        for kind in KINDS:
            for hostile in kind.PROGRAMS if namespaces is None or kind not in ALIKE else one_of_each(kind.PROGRAMS):
                name = f"{world.id}-{kind.__name__.rpartition('.')[2]}-{hostile.name}"
                slow = hostile.slow or hostile.ends == ("timeout",)
                yield pytest.param(namespaces, hostile, id=name, marks=[*marks, *([pytest.mark.slow] if slow else [])])


def one_of_each(programs: Sequence[Hostile]) -> list[Hostile]:
    """The first of every family."""
    return list({hostile.name.partition("-")[0]: hostile for hostile in reversed(programs)}.values())[::-1]


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    yard = Yard()
    yield yard
    yard.close()


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest, yard: Yard) -> Iterator[LocalSandbox]:
    """One worker, so that what a program leaves is left for the next."""
    yield from local_sandbox(workers=1, namespaces=request.param)


def run(sandbox: LocalSandbox, program: Program, case: Case, allowance: Allowance = ROOMY) -> list[CaseResult]:
    return anyio.run(lambda: sandbox.run(program, [case], allowance, grading="isolated"))


@pytest.mark.parametrize(("sandbox", "hostile"), [*rows()], indirect=["sandbox"])
def test_a_hostile_program_is_contained(hostile: Hostile, sandbox: LocalSandbox, yard: Yard) -> None:
    if hostile.only and hostile.only != platform.machine():
        pytest.skip(f"written for {hostile.only}")
    assert run(sandbox, HONEST, Case("1", "2"))[0].status == "passed"
    descriptors = os.listdir("/proc/self/fd")
    expected = yard.secret if hostile.function is None else f'"{yard.secret}"'
    program = Program(yard.text(hostile), function=hostile.function, show_locals=hostile.locals_shown)
    allowance = BRIEF if "timeout" in hostile.ends else ROOMY
    began = time.monotonic()

    (result,) = run(sandbox, program, Case("1", expected), allowance)

    assert time.monotonic() - began < allowance.wall_limit_s + LATE_S
    assert "BREACH" not in result.stdout + result.stderr, result.stdout[:2000]
    assert yard.secret not in repr(result)
    assert result.status in hostile.ends, result
    assert hostile.raw or result.error_type != "SyntaxError", "it is a program, and it ran"
    assert len(result.stdout) <= allowance.output_bytes
    assert len(result.stderr) <= allowance.output_bytes
    assert len(result.message) + len(result.error_type) < LONGEST_MESSAGE
    if hostile.heir:
        (heir,) = run(sandbox, Program(yard.text(hostile, heir=True)), Case("", yard.secret))
        assert heir.status == "wrong_answer", heir
        assert "BREACH" not in heir.stdout, heir.stdout
    assert not yard.harm()
    assert run(sandbox, HONEST, Case("2", "3"))[0].status == "passed"
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)
