"""Right programs are judged right, whatever they use of the language, in both gradings."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from agentgym.sandbox import Allowance, Program
from agentgym.sandbox.contract import Grading
from agentgym.sandbox.local import LocalSandbox
from tests.agentgym.sandbox.honest.programs import PROGRAMS, Honest
from tests.agentgym.sandbox.worlds import GRADED, local_sandbox


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    yield from local_sandbox(workers=1, namespaces=request.param)


@pytest.mark.parametrize(("sandbox", "grading"), GRADED, indirect=["sandbox"])
@pytest.mark.parametrize("honest", PROGRAMS, ids=[honest.name for honest in PROGRAMS])
def test_a_right_program_passes(honest: Honest, grading: Grading, sandbox: LocalSandbox) -> None:
    program = Program(honest.text, function=honest.function)

    results = anyio.run(lambda: sandbox.run(program, honest.cases, Allowance(cpu_s=60), grading=grading))

    assert [result.status for result in results] == ["passed"] * len(honest.cases), results
