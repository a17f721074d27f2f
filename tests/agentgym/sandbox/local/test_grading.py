"""Cases that share a process are worth what they would be worth alone."""

from __future__ import annotations

import pytest

from agentgym.sandbox import Allowance, Case, CaseResult, Program
from agentgym.sandbox.local import LocalSandbox

pytestmark = pytest.mark.anyio

ECHO = "print(input())"


def cases(*texts: str) -> list[Case]:
    return [Case(text, text) for text in texts]


async def test_each_case_has_its_own_verdict_in_order(sandbox: LocalSandbox) -> None:
    code = "n = int(input())\nif n == 3: raise KeyError(n)\nprint(n if n != 5 else 0)"
    results = await sandbox.run(Program(code), [*cases("1", "2", "3", "4", "5", "6"), Case("7")])
    statuses = ["passed", "passed", "runtime_error", "passed", "wrong_answer", "passed", "ran"]
    assert [result.status for result in results] == statuses
    assert [result.stdout for result in results] == ["1\n", "2\n", "", "4\n", "0\n", "6\n", "7\n"]


@pytest.mark.parametrize(
    "end",
    [
        "os._exit(0)",
        "os._exit(1)",
        "os.abort()",
        "sys.exit()",
        "os.close(1)",
        "os.closerange(0, 64)",
        "sys.stdout.close()",
    ],
)
async def test_a_case_that_ends_the_process_costs_the_others_nothing(end: str, sandbox: LocalSandbox) -> None:
    code = f"import os, sys\ntext = input()\nprint(text, flush=True)\nif text == 'b': {end}"
    results = await sandbox.run(Program(code), cases("a", "b", "c", "d"))
    assert [results[number].status for number in (0, 2, 3)] == ["passed"] * 3
    alone = await sandbox.run(Program(code), cases("b"), grading="isolated")
    assert (results[1].status, results[1].exit_status) == (alone[0].status, alone[0].exit_status)


async def test_a_case_does_not_see_what_the_one_before_has_left(sandbox: LocalSandbox) -> None:
    code = """
import builtins, os, sys, threading
print(hasattr(builtins, "left"), "left" in globals(), sys.getrecursionlimit() > 5000, sys.stdin.closed)
builtins.left = left = 1
sys.setrecursionlimit(9999)
sys.stdin.close()
sys.stdout.flush()
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
"""
    results = await sandbox.run(Program(code), [Case(expected="False False False False")] * 4)
    assert [result.status for result in results] == ["passed"] * 4


async def test_a_program_that_needs_a_fresh_process_gets_one(sandbox: LocalSandbox) -> None:
    code = "import os\nprint(os.path.exists('mark'))\nopen('mark', 'w').close()"
    results = await sandbox.run(Program(code), [Case(expected="False")] * 4)
    assert [result.status for result in results] == ["passed"] * 4


async def test_time_that_was_saved_up_earlier_gains_nothing(sandbox: LocalSandbox) -> None:
    """The first case's time is spent on a table from which the second would be answered at once."""
    code = """
import builtins, time
spent = getattr(builtins, "_spent", None) or vars(time).setdefault("_spent", [0.0])
while spent[0] < 0.4:
    began = time.thread_time()
    while time.thread_time() - began < 0.02: pass
    spent[0] += 0.02
    if input() == "stop": break
else:
    print("table")
"""
    given = "\n".join(["go"] * 9 + ["stop"])
    wanted = [Case(given), Case(given), Case(given, "table")]
    results = await sandbox.run(Program(code), wanted, Allowance(cpu_s=0.3))
    assert results[2].status != "passed"


@pytest.mark.parametrize("record", ['{"value": "1"}', '{"exit": 0, "out": 0, "err": 0, "value": "1", "cpu_s": 0.0}'])
async def test_what_a_program_claims_of_itself_counts_for_nothing(record: str, sandbox: LocalSandbox) -> None:
    forged = f"""
import os
for number in range(3, 64):
    try: os.write(number, {(record + chr(10)).encode()!r} * 5)
    except OSError: pass
"""
    program = Program(f"{forged}\ndef f(n): return 0", function="f")
    results = await sandbox.run(program, [Case("1", "2"), Case("2", "3")])
    assert "passed" not in {result.status for result in results}
    results = await sandbox.run(Program(forged), [Case("1", "2"), Case("2", "3")])
    assert "passed" not in {result.status for result in results}


async def test_garbage_in_the_report_is_the_programs_own_loss(sandbox: LocalSandbox) -> None:
    code = """
import os
for number in range(3, 64):
    try: os.write(number, b"[[[[" * 9999 + b"\\xff\\n{}\\n" + b'{"out": 1e999, "err": -1, "exit": {}}\\n')
    except OSError: pass
print(input())
"""
    results = await sandbox.run(Program(code), cases("1", "2", "3"))
    assert {result.status for result in results} <= {"passed", "runtime_error", "wrong_answer"}


async def test_results_are_told_as_they_become_final(sandbox: LocalSandbox) -> None:
    told: list[tuple[int, CaseResult]] = []
    code = "n = int(input())\nprint(n if n != 1 else 9)"
    results = await sandbox.run(Program(code), cases("0", "1", "2"), on_result=lambda *one: told.append(one))
    assert sorted(number for number, _ in told) == [0, 1, 2]
    assert [number for number, _ in told][:2] == [0, 2], "what passed is told before the rest is run again"
    assert all(results[number] is result for number, result in told)


async def test_code_that_never_runs_is_told_once_for_all(sandbox: LocalSandbox) -> None:
    results = await sandbox.run(Program("x = ("), cases(*"abcdefgh"))
    assert {(result.status, result.error_type) for result in results} == {("runtime_error", "SyntaxError")}


async def test_a_thousand_cases(sandbox: LocalSandbox) -> None:
    results = await sandbox.run(Program(ECHO), cases(*map(str, range(1000))))
    assert {result.status for result in results} == {"passed"}


async def test_no_cases_have_no_results(sandbox: LocalSandbox) -> None:
    assert await sandbox.run(Program(ECHO), []) == []
