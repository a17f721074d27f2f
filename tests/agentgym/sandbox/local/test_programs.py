"""Programs find what they would find in an interpreter of their own, alone or after others in the same process."""

from __future__ import annotations

import pytest

from agentgym.sandbox import Case, Program
from agentgym.sandbox.local import LocalSandbox

pytestmark = pytest.mark.anyio

PROGRAMS = {
    "os-read": ("import os; print(os.read(0, 100))", "xy", "b'xy'\n"),
    "open-0": ("print(open(0).read().split())", "1 2", "['1', '2']\n"),
    "fileinput": ("import fileinput\nfor line in fileinput.input(): print(line.strip())", "a\nb", "a\nb\n"),
    "end-of-input": ("try: input()\nexcept EOFError: print('end')", "", "end\n"),
    "bytes-copied": ("import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line)", "a\r\nb", "a\r\nb"),
    "not-utf-8": ("import sys; sys.stdout.buffer.write(bytes([255]))", "", "\ufffd"),
    "unflushed-file": ("import os; out = os.fdopen(1, 'w'); out.write('kept')", "", "kept"),
    "wrapped-stdout": (
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'utf8')\nprint('é')",
        "",
        "é\n",
    ),
    "replaced-stdout": ("import io, sys\nsys.stdout = io.StringIO()\nsys.__stdout__.write('x')", "", "x"),
    "closed-stdout": ("import sys; print('a'); sys.stdout.close()", "", "a\n"),
    "finalizer": ("class A:\n  def __del__(self): print('bye')\na = A()\nprint('hi')", "", "hi\nbye\n"),
    "generator-left": ("def g():\n  try: yield 1\n  finally: print('left')\nx = g(); print(next(x))", "", "1\nleft\n"),
    "atexit": ("import atexit; atexit.register(print, 'end'); print('x')", "", "x\nend\n"),
    "thread-unjoined": (
        "import threading\ngo = threading.Event()\ndef f(): go.wait(); print('late')\n"
        "threading.Thread(target=f).start(); print('main'); go.set()",
        "",
        "main\nlate\n",
    ),
    "pool-left-open": (
        "from concurrent.futures import ThreadPoolExecutor as T\np = T(4)\nprint(p.submit(lambda: 3).result())",
        "",
        "3\n",
    ),
    "event-loop": (
        "import asyncio\nasync def f(): print(await asyncio.to_thread(int, '5'))\nasyncio.run(f())",
        "",
        "5\n",
    ),
    "scratch-file": ("open('x', 'w').write('hi'); print(open('x').read())", "", "hi\n"),
    "temporary-file": (
        "import tempfile\nwith tempfile.TemporaryFile('w+') as f:\n  f.write('q'); f.seek(0); print(f.read())",
        "",
        "q\n",
    ),
    "depth": ("def f(n): return n and 1 + f(n - 1)\nprint(f(985))", "", "985\n"),
    "too-deep": (
        "def f(): f()\ntry: f()\nexcept RecursionError as e: print(e)",
        "",
        "maximum recursion depth exceeded\n",
    ),
    "very-deep": (
        "import functools, sys\nsys.setrecursionlimit(10**6)\n@functools.lru_cache(None)\n"
        "def f(n): return n and 1 + f(n - 1)\nprint(f(20000))",
        "",
        "20000\n",
    ),
    "source": (
        "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f), end='')",
        "",
        "def f():\n    return 1\n",
    ),
    "pickle": ("import pickle\nclass A: x = 3\nprint(pickle.loads(pickle.dumps(A())).x)", "", "3\n"),
    "signal": ("import os, signal\nsignal.signal(10, lambda *_: print('got'))\nos.kill(os.getpid(), 10)", "", "got\n"),
    "libraries": ("import ssl, sqlite3, decimal, bz2, ctypes, multiprocessing, zoneinfo; print('all')", "", "all\n"),
    "guarded": ("if __name__ == '__main__': print(__file__)", "", "main.py\n"),
    "exit": ("print(1); exit()", "", "1\n"),
    "large-input": ("import sys; print(len(sys.stdin.read()))", "y" * (8 << 20), f"{8 << 20}\n"),
    "large-output": ("print('x' * ((1 << 20) - 1))", "", "x" * ((1 << 20) - 1) + "\n"),
    "much-memory": ("print(len(bytearray(150 << 20)))", "", f"{150 << 20}\n"),
}


@pytest.mark.parametrize(("code", "given", "expected"), PROGRAMS.values(), ids=PROGRAMS)
async def test_a_program_does_what_it_does_anywhere(
    code: str, given: str, expected: str, sandbox: LocalSandbox
) -> None:
    alone = await sandbox.run(Program(code), [Case(given, expected)], checker="exact", grading="isolated")
    together = await sandbox.run(Program(code), [Case(given, expected)] * 2, checker="exact")
    for result in (*alone, *together):
        assert (result.status, result.stdout) == ("passed", expected), result


async def test_equal_programs_give_equal_results_whoever_runs_them(sandbox: LocalSandbox) -> None:
    code = "import random\nprint(hash('x'), {'b', 'a', 'c'}, random.random())"
    results = await sandbox.run(Program(code), [Case()] * 6, grading="isolated")
    results += await sandbox.run(Program(code), [Case()] * 3)
    assert len({result.stdout for result in results}) == 1


@pytest.mark.parametrize(
    ("code", "kind", "message", "line"),
    [
        ("x = 1\ndef f():\n  return x / 0\nf()", "ZeroDivisionError", "division by zero", 3),
        ("x = (", "SyntaxError", "'(' was never closed", 1),
        ("if 1:\nx = 1", "IndentationError", "expected an indented block after 'if' statement on line 1", 2),
        ("import json\njson.loads('{')", "JSONDecodeError", None, 2),
        ("exit(3)", "ExitStatus", "ended with exit status 3", None),
        ("import os; os.abort()", "Signal", "ended by SIGABRT", None),
    ],
)
async def test_an_error_is_told_with_its_line(
    code: str, kind: str, message: str | None, line: int | None, sandbox: LocalSandbox
) -> None:
    results = await sandbox.run(Program(code), [Case(expected="1")] * 2)
    for result in results:
        assert (result.status, result.error_type, result.line) == ("runtime_error", kind, line)
        assert message in (None, result.message)


async def test_a_traceback_begins_with_the_program_and_quotes_it(sandbox: LocalSandbox) -> None:
    (result,) = await sandbox.run(Program("def f(a):\n    return a[1]\nf([])", show_locals=True), [Case()])
    lines = result.stderr.splitlines()
    assert lines[:3] == ["Traceback (most recent call last):", '  File "main.py", line 3, in <module>', "    f([])"]
    assert result.variables == (("a", "[]"),)


@pytest.mark.parametrize(
    ("code", "given", "expected", "status"),
    [
        ("def f(a, b): return a + b", "1\n[2]", "3", "runtime_error"),
        ("def f(a, b): return a + b", "[1]\n[2]", "[1, 2]", "passed"),
        ("def f(n): yield from range(n)", "3", "[0, 1, 2]", "passed"),
        ("class Solution:\n  def f(self, n): return (n, {1: None})", "3", '[3, {"1": null}]', "passed"),
        ("class I(int):\n  def __eq__(self, other): return True\ndef f(n): return I(n)", "3", "4", "runtime_error"),
        ("import os\ndef f(n): os._exit(0)", "3", "3", "runtime_error"),
        ("import sys\ndef f(n): sys.exit()", "3", "3", "runtime_error"),
        ("def f(n): return float('nan')", "3", "NaN", "wrong_answer"),
        ("def f(n): print('said'); return n", "3", "3", "passed"),
    ],
)
async def test_a_function_is_judged_by_what_it_returns(
    code: str, given: str, expected: str, status: str, sandbox: LocalSandbox
) -> None:
    results = await sandbox.run(Program(code, function="f"), [Case(given, expected)] * 2)
    assert [result.status for result in results] == [status] * 2, results
