"""Judging: what ran becomes right or wrong, all else stays, and what nobody could judge is refused beforehand."""

from __future__ import annotations

import pytest

from agentgym.errors import UsageError
from agentgym.sandbox import Case, CaseResult, Program
from agentgym.sandbox.judging import judged, judged_aside, refuse_wrong_use, told_exit

RAN = CaseResult(status="ran", stdout="3\n", exit_status=0, cpu_s=0.1)


def test_what_ran_is_right_or_wrong() -> None:
    assert judged(Case("", "3"), RAN, "tokens").status == "passed"
    wrong = judged(Case("", "4"), RAN, "tokens")
    assert (wrong.status, wrong.stdout, wrong.cpu_s) == ("wrong_answer", "3\n", 0.1)


def test_without_an_expected_output_it_only_ran() -> None:
    assert judged(Case(""), RAN, "tokens") is RAN


def test_an_empty_expected_output_is_one() -> None:
    assert judged(Case("", ""), RAN, "tokens").status == "wrong_answer"


@pytest.mark.parametrize("status", ["runtime_error", "timeout", "memory", "output_limit", "sandbox_error"])
def test_all_else_stays(status: str) -> None:
    ended = CaseResult(status=status, stdout="3\n")  # type: ignore[arg-type] # each of them
    assert judged(Case("", "3"), ended, "tokens") is ended


def test_of_a_function_its_value_counts_and_not_what_it_printed() -> None:
    result = CaseResult(status="ran", stdout="[1, 2]", value="[2, 1]")
    assert judged(Case("", "[1, 2]"), result, "tokens", function=True).status == "wrong_answer"
    assert judged(Case("", "[2,1]"), result, "tokens", function=True).status == "passed"


def test_a_checker_that_breaks_is_nobodys_wrong_answer() -> None:
    def broken(given: str, expected: str, got: str) -> bool:
        raise KeyError("x")

    result = judged(Case("", "3"), RAN, broken)
    assert (result.status, result.stdout) == ("sandbox_error", "3\n")
    assert "broken" in result.message


@pytest.mark.anyio
async def test_long_outputs_are_judged_beside_the_event_loop() -> None:
    import threading

    where: list[int] = []

    def noting(given: str, expected: str, got: str) -> bool:
        where.append(threading.get_ident())
        return True

    assert (await judged_aside(Case("", "3"), RAN, noting)).status == "passed"
    assert (await judged_aside(Case("", "3" * 200_000), RAN, noting)).status == "passed"
    assert where[0] == threading.get_ident() != where[1]


@pytest.mark.parametrize(
    ("program", "case", "told"),
    [
        (Program("", function="f"), Case("1\nnope"), "case 0: an argument .*'nope'"),
        (Program("", function="f"), Case("1", "three"), "case 0: the expected .*'three'"),
        (Program("", function="f g"), Case("1"), "no name of a function"),
        (Program("", "bash", function="f"), Case("1"), "python alone"),
    ],
)
def test_what_cannot_be_judged_is_refused(program: Program, case: Case, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        refuse_wrong_use(program, [case], "tokens")


def test_what_can_be_judged_is_not() -> None:
    refuse_wrong_use(Program("", function="f"), [Case('[1]\n"a\u2028b"\n', "NaN"), Case("", "9" * 10_000)], "tokens")
    refuse_wrong_use(Program("", "cobol"), [Case("nope", "three")], lambda given, expected, got: True)
    with pytest.raises(UsageError, match="no checker 'fuzzy'"):
        refuse_wrong_use(Program(""), [], "fuzzy")


def test_an_end_without_an_exception_is_told() -> None:
    assert told_exit(3) == ("ExitStatus", "ended with exit status 3")
    assert told_exit(-11) == ("Signal", "ended by SIGSEGV")
    assert told_exit(-250) == ("Signal", "ended by signal 250")
