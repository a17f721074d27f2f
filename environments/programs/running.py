"""Programs run on cases in a sandbox, the way every environment and command does it."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from agentgym.sandbox import contract
from agentgym.sandbox.contract import Allowance, CaseResult, Grading, OnResult, Program, Sandbox
from environments.programs.parsing import parsed
from environments.programs.problem import Case

_STARRED = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics"),
    *("itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing"),
)
PRELUDE = "; ".join(
    (*(f"from {name} import *" for name in _STARRED), f"import {', '.join(_STARRED)}", "sys.setrecursionlimit(50000)")
)
"""What LiveCodeBench puts before a program: its starters name `List`, and solutions `deque` or `inf`, unimported."""
_PLACE = re.compile(r'(File "main\.py", line )(\d+)')


async def run_program(
    sandbox: Sandbox,
    program: Program,
    cases: Sequence[Case],
    allowance: Allowance,
    *,
    checker: str = "tokens",
    grading: Grading = "shared_then_isolated",
    on_result: OnResult | None = None,
) -> list[CaseResult]:
    """The results on the cases, or of one run without any input where there are none to compare with.

    With the checker `lcb` a program in Python has LiveCodeBench's names at hand; its lines keep their numbers.
    """
    if checker != "lcb" or not _takes_prelude(program):
        given = as_cases(cases) or [contract.Case()]
        return await sandbox.run(program, given, allowance, checker=checker, grading=grading, on_result=on_result)

    def tell(number: int, result: CaseResult) -> None:
        if on_result is not None:
            on_result(number, _without_prelude(result))

    longer = replace(program, code=f"{PRELUDE}\n{program.code}")
    given = as_cases(cases) or [contract.Case()]
    results = await sandbox.run(longer, given, allowance, checker=checker, grading=grading, on_result=tell)
    return [_without_prelude(result) for result in results]


def as_cases(cases: Sequence[Case]) -> list[contract.Case]:
    """The cases as a sandbox takes them."""
    return [contract.Case(case.input, case.output) for case in cases]


def _takes_prelude(program: Program) -> bool:
    """Whether something may stand before the program: nothing may before `from __future__ import ...`."""
    if program.language != "python" or "__future__" not in program.code:
        return program.language == "python"
    tree = parsed(program.code)
    nodes = [] if tree is None else tree.body
    return not any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in nodes)


def _without_prelude(result: CaseResult) -> CaseResult:
    """The result as if the program stood alone."""
    line = None if result.line is None else max(1, result.line - 1)
    return replace(result, line=line, stderr=_PLACE.sub(lambda place: f"{place[1]}{int(place[2]) - 1}", result.stderr))
