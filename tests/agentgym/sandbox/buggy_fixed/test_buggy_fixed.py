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
from tests.agentgym.sandbox.worlds import GRADINGS, WORLDS, local_sandbox

FUNCTION = re.compile(r"^ *def (\w+)\(", re.MULTILINE)


@pytest.fixture(scope="module", params=WORLDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    yield from local_sandbox(namespaces=request.param)


def verdicts(sandbox: LocalSandbox, pair: Pair, code: str, grading: Grading) -> list[str]:
    found = FUNCTION.search(code)
    assert found is not None
    program = Program(code, function=found[1])
    results = anyio.run(lambda: sandbox.run(program, pair.cases, Allowance(cpu_s=0.5), grading=grading))
    return [result.status for result in results]


@pytest.mark.parametrize("grading", GRADINGS)
@pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
def test_the_right_one_passes_and_the_wrong_one_fails(pair: Pair, grading: Grading, sandbox: LocalSandbox) -> None:
    assert verdicts(sandbox, pair, pair.right_code, grading) == ["passed"] * len(pair.cases)

    wrong = verdicts(sandbox, pair, pair.wrong_code, grading)

    assert set(wrong) - {"passed"}
    assert set(wrong) <= {"passed", "wrong_answer", "runtime_error", "timeout", "memory"}
