"""Plain processes: every end of a program is told for what it is, nothing is left, and nothing of ours leaks in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from agentgym.errors import UsageError
from agentgym.sandbox import Allowance, Case, CaseResult, PlainSandbox, Program

pytestmark = pytest.mark.anyio
BRIEF = Allowance(cpu_s=0.4, wall_s=60.0)
ROOMY = Allowance(cpu_s=20.0, memory_mb=64)


async def ran(code: str, given: str = "", *, allowance: Allowance = ROOMY, **options: object) -> CaseResult:
    async with PlainSandbox() as sandbox:
        [result] = await sandbox.run(Program(code, **options), [Case(given)], allowance)  # type: ignore[arg-type]
    return result


async def test_cases_are_judged_in_order_and_told_as_they_end() -> None:
    told: list[tuple[int, str]] = []
    async with PlainSandbox(concurrency=2) as sandbox:
        cases = [Case("1", "2"), Case("2", "5"), Case("3"), Case("x", "8")]
        results = await sandbox.run(
            Program("print(int(input()) * 2)"),
            cases,
            on_result=lambda number, result: told.append((number, result.status)),
        )
    assert [result.status for result in results] == ["passed", "wrong_answer", "ran", "runtime_error"]
    assert sorted(told) == [(number, result.status) for number, result in enumerate(results)]


async def test_an_exception_is_told_with_type_message_and_line() -> None:
    result = await ran("def f(x):\n    return x[1]\n\ntry:\n    {}['k']\nexcept KeyError:\n    f([])")
    assert (result.status, result.error_type, result.message) == (
        "runtime_error",
        "IndexError",
        "list index out of range",
    )
    assert (result.line, result.exit_status) == (2, 1)
    assert 'File "main.py", line 7, in <module>' in result.stderr
    assert "driver" not in result.stderr


@pytest.mark.parametrize(
    ("code", "kind", "line"),
    [("x = 1\ny = (", "SyntaxError", 2), ("if 1:\nx", "IndentationError", 2), ("if 1:\n\tx\n        y", "TabError", 3)],
)
async def test_a_program_that_does_not_compile(code: str, kind: str, line: int) -> None:
    result = await ran(code)
    assert (result.status, result.error_type, result.line) == ("runtime_error", kind, line)
    assert result.message
    assert "main.py" not in result.message


async def test_locals_are_told_when_asked_for_and_hold_no_addresses() -> None:
    code = "import os\nclass A: pass\ndef f(n):\n    a = A()\n    text = 'x' * 1000\n    return n / 0\nf(3)"
    assert (await ran(code)).variables == ()
    shown = dict((await ran(code, show_locals=True)).variables)
    assert (shown["n"], shown["a"]) == ("3", "<__main__.A object>")
    assert len(shown["text"]) <= 100


@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [
        ("raise SystemExit", "ran", ""),
        ("import sys; sys.exit(3)", "runtime_error", "ExitStatus"),
        ("import sys; sys.exit('sorry')", "runtime_error", "ExitStatus"),
        ("import os; os._exit(0)", "ran", ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "runtime_error", "Signal"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGPROF)", "runtime_error", "Signal"),
        ("x = bytearray(1 << 30)", "memory", "MemoryError"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", "memory", "MemoryError"),
        ("while True: print('x' * 10000)", "output_limit", ""),
        ("import sys; sys.stderr.write('x' * (2 << 20))", "output_limit", ""),
        ("open('f', 'w').write('x' * (20 << 20))", "output_limit", ""),
        ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "runtime_error", "E"),
        ("def f(): f()\nf()", "runtime_error", "RecursionError"),
    ],
)
async def test_how_programs_end(code: str, status: str, error_type: str) -> None:
    result = await ran(code, allowance=ROOMY)
    assert (result.status, result.error_type) == (status, error_type)
    assert len(result.stdout) <= ROOMY.output_bytes


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import signal; signal.setitimer(signal.ITIMER_PROF, 0)\nwhile True: pass",
        "import signal\nfor s in ('SIGPROF', 'SIGXCPU', 'SIGTERM'): signal.signal(getattr(signal, s), signal.SIG_IGN)\n"
        "while True: pass",
    ],
)
async def test_cpu_time_has_an_end(code: str) -> None:
    result = await ran(code, allowance=BRIEF)
    assert (result.status, result.limit, result.exit_status) == ("timeout", "cpu", None)


async def test_sleepers_meet_the_wall_and_their_output_is_kept() -> None:
    result = await ran("import time; print('here', flush=True); time.sleep(1000)", allowance=Allowance(wall_s=3.0))
    assert (result.status, result.limit, result.stdout) == ("timeout", "wall", "here\n")


@pytest.mark.parametrize(
    ("code", "given", "value"),
    [
        ("def f(a, b): return a + b", "1\n2\n", "3"),
        ("class Solution:\n    def f(self, a): return tuple(a)", "[1, 2]", "[1, 2]"),
        ("def f(n):\n    for i in range(n): yield i", "3", "[0, 1, 2]"),
        ("def f(): return {1: None, 'a': True}", "", '{"1": null, "a": true}'),
        ("def f(): return float('nan')", "", "NaN"),
        ("def f(n): return n * 10", "1" * 5000, "1" * 5000 + "0"),
        ("class Solution:\n    def f(self): return 1\nf = Solution().f()", "", "1"),
    ],
)
async def test_a_function_is_called_with_its_arguments(code: str, given: str, value: str) -> None:
    result = await ran(code, given, function="f")
    assert (result.status, result.value) == ("ran", value)


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("def f(): return {1, 2}", "TypeError", "f returned set, which JSON cannot hold"),
        ("class I(int): pass\ndef f(): return [I(3)]", "TypeError", "f returned I, which JSON cannot hold"),
        ("def f(): return {(1, 2): 3}", "TypeError", "f returned dict, which JSON cannot hold"),
        ("def g(): return 1", "NameError", "the program defines no function 'f'"),
        ("import sys\ndef f(): sys.exit(0)", "SystemExit", "the program ended before f returned"),
        ("import os\ndef f(): os._exit(0)", "ExitStatus", "the program ended before f returned"),
    ],
)
async def test_a_function_that_gives_no_value(code: str, error_type: str, message: str) -> None:
    result = await ran(code, function="f")
    assert (result.status, result.error_type, result.message) == ("runtime_error", error_type, message)
    assert result.value is None


async def test_what_a_program_writes_in_place_of_the_report_passes_nothing() -> None:
    code = (
        "import os\n"
        "def f():\n"
        "    for number in range(3, 20):\n"
        "        try: os.write(number, b'garbage')\n"
        "        except OSError: pass\n"
        "    os._exit(0)"
    )
    async with PlainSandbox() as sandbox:
        [result] = await sandbox.run(Program(code, function="f"), [Case("", "3")], ROOMY)
    assert result.status == "runtime_error"


async def test_equal_runs_give_equal_results() -> None:
    code = "import sys\nprint(hash('a'), sys.argv, __file__, __name__)\nprint({'b', 'a', 'c'})\n1 / 0"
    first, second = await ran(code), await ran(code)
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)
    assert "['main.py'] main.py __main__" in first.stdout


async def test_secrets_of_ours_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    result = await ran("import os; print(dict(os.environ))")
    assert "sk-canary" not in result.stdout


@pytest.mark.parametrize(
    ("code", "given", "printed"),
    [
        ("print(sum(map(int, open(0).read().split())))", "1 2\n3", "6\n"),
        ("import sys\nfor line in sys.stdin: print(line.strip())", "a\nb", "a\nb\n"),
        ("import os; print(len(os.read(0, 100)))", "héllo", "6\n"),
        ("try: input()\nexcept EOFError: print('end')", "", "end\n"),
        ("import threading\nthreading.Thread(target=lambda: print('late')).start()", "", "late\n"),
        ("import atexit; atexit.register(print, 'bye')", "", "bye\n"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "", "\ufffd"),
        ("import dataclasses\n@dataclasses.dataclass\nclass P: x: 'int'\nprint(P(1))", "", "P(x=1)\n"),
        ("import inspect\ndef f(): return 1\nprint(inspect.getsource(f))", "", "def f(): return 1\n\n"),
        ("open('scratch', 'w').write('x'); print(open('scratch').read())", "", "x\n"),
    ],
)
async def test_ordinary_programs(code: str, given: str, printed: str) -> None:
    result = await ran(code, given)
    assert (result.status, result.stdout, result.stderr) == ("ran", printed, "")


async def test_a_shell_script_has_the_same_limits() -> None:
    assert "bash" in PlainSandbox().languages
    result = await ran('read name; echo "hello $name"; exit 4', "you", language="bash")
    assert (result.status, result.stdout, result.exit_status) == ("runtime_error", "hello you\n", 4)
    result = await ran("while :; do :; done", allowance=BRIEF, language="bash")
    assert (result.status, result.limit) == ("timeout", "cpu")


async def test_what_it_does_not_have_is_refused() -> None:
    async with PlainSandbox() as sandbox:
        with pytest.raises(UsageError, match=r"no language 'cobol' here; there are: python"):
            await sandbox.run(Program("", "cobol"), [Case()])
        with pytest.raises(UsageError, match="no checker"):
            await sandbox.run(Program(""), [Case()], checker="fuzzy")
        with pytest.raises(UsageError, match="grading='all' is none"):
            await sandbox.run(Program(""), [Case()], grading="all")  # type: ignore[arg-type] # what it is about


WITH_A_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
with open(sys.stdin.readline().strip(), "w") as file: file.write(f"{os.getpid()} {child.pid} ")
"""


def is_alive(number: int) -> bool:
    """Whether it runs; what only waits to be reaped does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def numbers_in(file: Path) -> list[int]:
    """The process numbers in the file, once both are there."""
    told = file.read_text() if file.exists() else ""
    return [int(number) for number in told.split()] if told.endswith(" ") else []


async def until(happened: Callable[[], bool], *, within_s: float) -> None:
    """Other processes give no notice."""
    with anyio.fail_after(within_s):
        while not happened():  # noqa: ASYNC110 # there is no event to wait for
            await anyio.sleep(0.01)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks into /proc")
@pytest.mark.parametrize("lingers", [True, False])
async def test_nothing_is_left_of_a_cancelled_program_or_of_one_that_has_ended(tmp_path: Path, lingers: bool) -> None:
    note = tmp_path / "pids"
    program = Program(f"{WITH_A_CHILD}\nif {lingers}: time.sleep(1000)")
    async with PlainSandbox() as sandbox, anyio.create_task_group() as group:
        group.start_soon(sandbox.run, program, [Case(str(note))], Allowance(wall_s=100.0))
        await until(lambda: bool(numbers_in(note)), within_s=30)
        if lingers:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await until(lambda: not any(map(is_alive, numbers_in(note))), within_s=30)
    await until(lambda: not any(map(is_alive, numbers_in(note))), within_s=30)


async def test_closing_ends_what_still_runs() -> None:
    results: list[CaseResult] = []
    sandbox = PlainSandbox(concurrency=1)

    async def play() -> None:
        results.extend(await sandbox.run(Program("import time; time.sleep(1000)"), [Case(), Case()]))

    async with anyio.create_task_group() as group:
        group.start_soon(play)
        await anyio.wait_all_tasks_blocked()
        await sandbox.aclose()
    assert [result.status for result in results] == ["sandbox_error"] * 2
    assert "closed" in results[0].message


def test_it_serves_one_event_loop_after_another() -> None:
    sandbox = PlainSandbox(concurrency=1)

    async def play() -> list[CaseResult]:
        return await sandbox.run(Program("print(1)"), [Case("", "1")] * 3)

    for backend in ("asyncio", "trio", "asyncio"):
        assert [result.status for result in anyio.run(play, backend=backend)] == ["passed"] * 3
