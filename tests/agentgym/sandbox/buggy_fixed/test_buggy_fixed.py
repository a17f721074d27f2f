"""Of every pair the right function passes and the wrong one fails, loops without end included."""

from __future__ import annotations

import re
from collections.abc import Iterator

import anyio
import pytest

from agentgym.sandbox import Allowance, Program
from agentgym.sandbox.contract import Grading
from agentgym.sandbox.local import LocalSandbox
from tests.agentgym.sandbox.buggy_fixed.programs import PAIRS, Pair
from tests.agentgym.sandbox.worlds import GRADED, local_sandbox

ROOMY, BRIEF = Allowance(cpu_s=20.0), Allowance(cpu_s=0.3)
"""For the right one, which needs a moment on any machine, and for the wrong one, which may loop without end."""
FUNCTION = re.compile(r"^ *def (\w+)\(", re.MULTILINE)


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    yield from local_sandbox(namespaces=request.param)


def verdicts(sandbox: LocalSandbox, pair: Pair, code: str, grading: Grading, allowance: Allowance) -> list[str]:
    found = FUNCTION.search(code)
    assert found is not None
    program = Program(code, function=found[1])
    results = anyio.run(lambda: sandbox.run(program, pair.cases, allowance, grading=grading))
    return [result.status for result in results]


@pytest.mark.parametrize(("sandbox", "grading"), GRADED, indirect=["sandbox"])
@pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
def test_the_right_one_passes_and_the_wrong_one_fails(pair: Pair, grading: Grading, sandbox: LocalSandbox) -> None:
    assert verdicts(sandbox, pair, pair.right_code, grading, ROOMY) == ["passed"] * len(pair.cases)

    wrong = verdicts(sandbox, pair, pair.wrong_code, grading, BRIEF)

    assert set(wrong) - {"passed"}
    assert set(wrong) <= {"passed", "wrong_answer", "runtime_error", "timeout", "memory"}
