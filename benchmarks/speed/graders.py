"""The graders that the sandbox is measured beside: a process for each case, and one forked process for all of them.

`forked` works as LiveCodeBench's checker does. For each program it starts a multiprocessing manager and forks a
process, which wraps the program into a function under a header of star imports, and calls that for each case under an
alarm: `open` and standard input are patched by `unittest.mock`, standard output is kept in memory, lines are compared
as text and then as decimals. Left out are its guard against destructive calls, and numpy, with which forks cost more.
Most of what it takes for many cases is the mocks, so it is measured without them too: with nothing but other streams.
`python -m benchmarks.speed.graders` serves it from a process that has imported nothing else.
"""

from __future__ import annotations

import ast
import faulthandler
import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, redirect_stdout
from decimal import Decimal, InvalidOperation
from io import StringIO
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self
from unittest.mock import mock_open, patch

Pair = tuple[str, str]
"""A whole standard input, and the standard output that is right."""
LIMIT_S = 6
_MODULES = """
string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json
"""
_HEADER = "\n".join(f"from {name} import *\nimport {name}" for name in _MODULES.split())
_FORK = multiprocessing.get_context("fork")


def one_process_each(command: Sequence[str], cases: Sequence[Pair]) -> list[bool]:
    """Whether the command prints what is right, started anew for every case."""
    verdicts = []
    for given, wanted in cases:
        ended = subprocess.run(command, input=given.encode(), capture_output=True, timeout=LIMIT_S, check=False)
        verdicts.append(same(ended.stdout, wanted))
    return verdicts


def same(printed: bytes, wanted: str) -> bool:
    """Whether the same words were printed."""
    return printed.split() == wanted.encode().split()


def python(file: Path, *options: str) -> list[str]:
    """The command that runs a file by the interpreter this process runs in, without the virtual environment."""
    base: str | None = getattr(sys, "_base_executable", None)
    return [str(Path(base or sys.executable).resolve()), *options, str(file)]


def bubblewrap(file: Path) -> list[str] | None:
    """The command that does so in namespaces of its own, with all files read-only; None where it is not installed."""
    if shutil.which("bwrap") is None:
        return None
    kept_out = ["--unshare-all", "--die-with-parent", "--new-session"]
    root = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    return ["bwrap", *kept_out, *root, "--ro-bind", str(file), str(file), *python(file, "-I", "-S")]


def forked(code: str, cases: Sequence[Pair], *, mocks: bool = True) -> list[bool]:
    """The verdicts of one forked process on all cases, up to the first that is not passed."""
    with _FORK.Manager() as manager:
        verdicts, notes = manager.list(), manager.list()
        process = _FORK.Process(target=_judge, args=(code, cases, mocks, verdicts, notes))
        process.start()
        process.join((LIMIT_S + 1) * len(cases) + 5)
        if process.is_alive():
            process.kill()
            process.join()
        return list(verdicts[0]) if verdicts else [False]


class Forked:
    """`forked`, in a process of its own."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.speed.graders"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            pass  # which closes what it reads, and waits

    def __call__(self, code: str, cases: Sequence[Pair], *, mocks: bool = True, times: int = 1) -> list[list[bool]]:
        """The verdicts of so many runs, one after the other."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([code, cases, mocks, times]) + "\n")
        self._process.stdin.flush()
        told: list[list[bool]] = json.loads(self._process.stdout.readline())
        return told


def _judge(code: str, cases: Sequence[Pair], mocks: bool, verdicts: Any, notes: Any) -> None:
    signal.signal(signal.SIGALRM, _ring)
    told: list[bool] = []
    note = ""
    try:
        solve = _compiled(code)
        for given, wanted in cases:
            told.append(_is_right(_printed(solve, given, mocks), wanted))
            if not told[-1]:
                break
    except Exception as error:  # whatever the program raises
        told.append(False)
        note = repr(error)
    verdicts.append(told)
    notes.append(note)


def _ring(*_: object) -> None:
    raise TimeoutError


def _compiled(code: str) -> Any:
    tree = ast.parse(code)
    imports = [statement for statement in tree.body if isinstance(statement, (ast.Import, ast.ImportFrom))]
    whole = ast.parse("def solve(): pass")
    function = whole.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = [statement for statement in tree.body if statement not in imports]
    module = ModuleType("solution")
    signal.alarm(LIMIT_S)
    exec("\n".join([_HEADER, *map(ast.unparse, [*imports, whole])]), module.__dict__)
    signal.alarm(0)
    return module.__dict__["solve"]


def _printed(solve: Any, given: str, mocks: bool) -> str:
    kept = StringIO()
    signal.alarm(LIMIT_S)
    faulthandler.enable()
    try:
        with redirect_stdout(kept), ExitStack() as stack:
            for patched in _patches(given) if mocks else [patch.object(sys, "stdin", StringIO(given))]:
                stack.enter_context(patched)
            solve()
    except SystemExit:
        pass
    finally:
        signal.alarm(0)
        faulthandler.disable()
    return kept.getvalue()


def _patches(given: str) -> Iterator[AbstractContextManager[Any]]:
    lines = iter(given.split("\n"))
    yield patch("builtins.open", mock_open(read_data=given))
    yield patch("sys.stdin", StringIO(given))
    yield patch("sys.stdin.readline", lambda *_: next(lines))
    yield patch("sys.stdin.readlines", lambda *_: given.split("\n"))
    yield patch("sys.stdin.read", lambda *_: given)


def _is_right(printed: str, wanted: str) -> bool:
    got, right = ([line.strip() for line in text.strip().split("\n")] for text in (printed, wanted))
    return len(got) == len(right) and all(map(_is_same_line, got, right))


def _is_same_line(got: str, right: str) -> bool:
    if got == right:
        return True
    try:
        return list(map(Decimal, got.split())) == list(map(Decimal, right.split()))
    except InvalidOperation:
        return False


def _serve() -> None:
    for line in sys.stdin:
        code, cases, mocks, times = json.loads(line)
        print(json.dumps([forked(code, cases, mocks=mocks) for _ in range(times)]), flush=True)


if __name__ == "__main__":
    _serve()
