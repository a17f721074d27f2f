"""All cases of a program in one request, which services derived from SandboxFusion take; what is right is not sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from agentgym.errors import EndpointFault
from agentgym.sandbox.contract import Allowance, Case, CaseResult, Program
from agentgym.sandbox.fusionanswers import read_answer
from agentgym.transport import Reply

BATCH_PATH = "/common_evaluate_batch"
_FENCE = "```"


def fits_batch(program: Program, cases: Sequence[Case]) -> bool:
    """Whether the service can find the program in a text, and one request is less than many."""
    return len(cases) > 1 and program.function is None and not program.show_locals and _FENCE not in program.code


def batch_body(language: str, program: Program, cases: Sequence[Case], *, compile_s: float, run_s: float) -> bytes:
    """A request to run the program on all cases; their expected outputs are left empty, for the verdict is ours."""
    from agentgym.jsontext import mend_text

    together = {
        "type": "stdin_stdout",
        "fn_name": None,
        "input": [mend_text(case.input) for case in cases],
        "output": [""] * len(cases),
        "json_input": False,
    }
    config = {
        "language": language,
        "compile_timeout": compile_s,
        "run_timeout": run_s,
        "provided_data": {"test_cases": together},
        "extra": {"run_all_cases": True},
    }
    completion = f"{_FENCE}{language}\n{mend_text(program.code)}\n{_FENCE}"
    return json.dumps({"dataset": "", "id": 0, "completion": completion, "config": config}).encode()


def read_batch(reply: Reply, program: Program, cases: Sequence[Case], allowance: Allowance) -> list[CaseResult] | None:
    """A result for each case; None where the answer does not tell of all of them, or tells of another program."""
    answer = _object(reply)
    tests = answer.get("tests")
    if not isinstance(tests, list) or len(tests) != len(cases) or not _is_same(answer.get("extracted_code"), program):
        return None
    try:
        return [_read_test(test, program, allowance) for test in tests]
    except EndpointFault:
        return None


def _object(reply: Reply) -> Mapping[str, object]:
    try:
        answer = json.loads(reply.body) if reply.status == 200 else None
    except (ValueError, RecursionError):
        answer = None
    return answer if isinstance(answer, dict) else {}


def _is_same(extracted: object, program: Program) -> bool:
    return extracted is None or (isinstance(extracted, str) and extracted.strip() == program.code.strip())


def _read_test(test: object, program: Program, allowance: Allowance) -> CaseResult:
    info = test.get("exec_info") if isinstance(test, Mapping) else None
    return read_answer(Reply(200, json.dumps(info).encode()), program, allowance)
