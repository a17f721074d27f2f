"""Runs a program, in a process that was forked for it, on one case or on several one after the other.

What it reports may be false, for the program shares the process; no program gains by that. A case it claims was
well counts for nothing before its output has been compared, and the time is taken by those outside.
"""

from __future__ import annotations

import _thread
import atexit
import builtins
import gc
import io
import json
import mmap
import os
import resource
import sys
import time
import types
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from agentgym.sandbox import driver
from agentgym.sandbox.local.layers import Confinement

HARNESS_FAILED = 70
"""The exit status where something went wrong around the program, such as for want of memory."""
_CODE, _INPUTS, _REPORT, _BELL, _FIRST_FREE = 3, 4, 5, 6, 7
_RECURSION_LIMIT = 1000
_RESERVE_BYTES = 8 << 20
"""Kept back from the program, so that something is left to tell that its memory is full."""
_OWN_FRAMES = 6
"""Below the program's first."""
_REHEARSALS = 16
_REHEARSED = """
import sys
from collections import deque
def solve(n, text="a b"):
    found = {}
    for i, word in enumerate(text.split()):
        found[word] = found.get(word, 0) + i
    return sorted([(n - k) ** 2 % 7 for k in range(n)]), found
class Node:
    def __init__(self, value):
        self.value = value
lines = [line.strip() for line in sys.stdin]
numbers = list(map(int, "1 2 3".split()))
print(*numbers, solve(5)[0], f"{len(lines)} {Node(1).value / 3:.2f}", sep="\\n")
"""
_BUILTINS = dict(builtins.__dict__)


class Beginning:
    """Whether a program was begun; those outside can rely on it, for the program no longer has the page it is on."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    def expect(self) -> None:
        """A process is about to be forked."""
        self._page[0] = 0

    def begun(self) -> None:
        """All is in place; called by the process itself, which cannot take it back."""
        self._page[0] = 1
        self._page.close()

    def executing(self) -> None:
        """It is about to be another program, which will not have the page; `failed` takes it back."""
        self._page[0] = 1

    def failed(self, error: BaseException) -> None:
        """It cannot be begun; no matter where it was already."""
        with suppress(ValueError):
            told = f"{type(error).__name__}: {error}".encode()[:1000]
            self._page[: len(told) + 2] = b"\0" + told + b"\0"

    def fault(self) -> str | None:
        """Why it was not begun, if it was not."""
        if self._page[0]:
            return None
        text = self._page[1:1002]
        return text[: text.find(b"\0")].decode("utf-8", "replace") or "the process ended before it was confined"


class Place(NamedTuple):
    """Where programs work, and the page on which their beginning is noted."""

    scratch: str
    beginning: Beginning


def become(order: Mapping[str, Any], descriptors: list[int], confinement: Confinement, place: Place) -> NoReturn:
    """Be the program, to the end."""
    status = HARNESS_FAILED
    try:
        _arrange(descriptors)
        os.setsid()
        os.chdir(place.scratch)
        if order["command"]:
            _execute(order, confinement, place)
        confinement.put_on(order)
        _close_others(order)
        player = _Player(order)
        code = _read_code(order)
        confinement.close_in(order)
        gc.enable()
        place.beginning.begun()
        status = player.play(code)
    except BaseException as error:
        place.beginning.failed(error)
    finally:
        os._exit(status)


def _arrange(descriptors: list[int]) -> None:
    """Code, inputs, standard output and error, report, and where wanted a bell."""
    code, inputs, stdout, stderr, report, *bell = descriptors  # all above `_FIRST_FREE`
    for number, wanted in ((stdout, 1), (stderr, 2), (code, _CODE), (inputs, _INPUTS), (report, _REPORT)):
        os.dup2(number, wanted, inheritable=wanted < _CODE)
    if bell:
        os.dup2(bell[0], _BELL, inheritable=False)


def _close_others(order: Mapping[str, Any]) -> None:
    os.closerange(_FIRST_FREE if order["bell"] else _BELL, 1 << 20)


def rehearse() -> None:
    """Play a program to nobody, often enough that all it takes has been done before: a fork copies what it changes."""
    for _ in range(_REHEARSALS):
        _open_streams()
        main = _main_of(_REHEARSED)
        exec(compile(_REHEARSED, driver.MAIN, "exec", dont_inherit=True), main.__dict__)
        _end(main, collect=False)
    _open_streams()


def _read_code(order: Mapping[str, Any]) -> str:
    code = os.pread(_CODE, order["code_bytes"], 0)
    os.close(_CODE)
    return code.decode("utf-8", "surrogatepass").removeprefix(driver.BYTE_ORDER_MARK)


class _Player:
    """Plays the cases of an order."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._order = order
        self._several = len(order["cases"]) > 1
        self._told: dict[str, Any] = {}
        self._reserve = mmap.mmap(-1, _RESERVE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if self._several:
            self._streams = (os.memfd_create("stdin"), os.dup(1), os.dup(2))
        else:
            os.dup2(_INPUTS, 0)
            os.close(_INPUTS)

    def play(self, code: str) -> int:
        """The exit status: of the only case, or 0 after several."""
        self._code = code
        began = time.monotonic()
        compiled = self._compiled()
        if compiled is None:
            return 1
        if not self._several:
            return self._play_case(compiled)
        for number, (offset, size) in enumerate(self._order["cases"]):
            if not self._feed(offset, size):
                break
            if number:
                self._make_new()
            started_s, started_cpu_s = time.monotonic(), _cpu_s()
            status = self._play_case(compiled)
            spent = {"cpu_s": _cpu_s() - started_cpu_s, "wall_s": time.monotonic() - started_s}
            sizes = [_size(number) for number in self._streams[1:]]
            if min(sizes) < 0:
                return status  # it has closed them all, and has to end like a program that was alone
            self._report({**self._told, **spent, "exit": status, "out": sizes[0], "err": sizes[1]})
            if self._is_used_up(began):
                break
        return 0

    def _compiled(self) -> types.CodeType | None:
        self._main = _main_of(self._code)
        try:
            return compile(self._code, driver.MAIN, "exec", dont_inherit=True)
        except BaseException as error:
            self._report({**driver._told(error, False), "never_ran": True})
            driver._show(error)
            _flush()
            return None

    def _feed(self, offset: int, size: int) -> bool:
        """Whether the case's input could be made the standard input, and all standard streams be put back."""
        try:
            self._put_back_streams(offset, size)
        except OSError:
            return False
        return True

    def _put_back_streams(self, offset: int, size: int) -> None:
        stdin = self._streams[0]
        os.ftruncate(stdin, 0)
        os.lseek(stdin, 0, os.SEEK_SET)
        while size:
            sent = os.sendfile(stdin, _INPUTS, offset, size)
            offset, size = offset + sent, size - sent
        os.lseek(stdin, 0, os.SEEK_SET)
        for wanted, number in enumerate(self._streams):
            os.dup2(number, wanted)

    def _make_new(self) -> None:
        """What the case before may have changed; the first one finds it as it was before the fork."""
        _open_streams()
        builtins.__dict__.clear()
        builtins.__dict__.update(_BUILTINS)
        if "random" in self._code:
            import random

            random.seed(0)
        self._main = _main_of(self._code)

    def _play_case(self, compiled: types.CodeType) -> int:
        self._told = {}
        main = self._main
        status = self._run(compiled, main)
        if not self._several and self._told:
            self._report(self._told)
        _end(main, collect="__del__" in self._code)
        return status

    def _run(self, compiled: types.CodeType, main: types.ModuleType) -> int:
        function = self._order["function"]
        try:
            arguments = driver._arguments() if function else []
            exec(compiled, main.__dict__)
            if function:
                self._told = {"value": driver._as_json(driver._found(main.__dict__, function)(*arguments), function)}
        except SystemExit as request:
            if function:
                message = f"the program ended before {function} returned"
                self._told = {"error_type": "SystemExit", "message": message}
            return _exit_status(request)
        except BaseException as error:
            self._reserve.close()
            self._told = driver._told(error, self._order["show_locals"])
            driver._show(error)
            return 1
        return 0

    def _report(self, told: Mapping[str, Any]) -> None:
        with suppress(OSError):  # the program may have closed it
            os.write(_REPORT, json.dumps(told).encode() + b"\n")
            if self._order["bell"]:
                os.write(_BELL, b".")

    def _is_used_up(self, began: float) -> bool:
        """Whether the process has had its share, or is not as it was; a fresh one does the rest."""
        late = time.monotonic() - began > self._order["wall_s"] / 2
        return late or _cpu_s() > self._order["cpu_s"] / 2 or _thread._count() > 0


def _main_of(code: str) -> types.ModuleType:
    main = driver._main_module(code)
    sys.setrecursionlimit(_RECURSION_LIMIT + _OWN_FRAMES)
    return main


def _open_streams() -> None:
    """Standard streams as the interpreter itself opens them; what was printed before is not lost sight of."""
    stdin = io.TextIOWrapper(io.BufferedReader(_raw(0, "r")), "utf-8", "surrogateescape")
    stdout = io.TextIOWrapper(io.BufferedWriter(_raw(1, "w")), "utf-8", "surrogateescape")
    stderr = io.TextIOWrapper(io.BufferedWriter(_raw(2, "w")), "utf-8", "backslashreplace", line_buffering=True)
    sys.stdin = sys.__stdin__ = stdin  # type: ignore[misc] # a new process of its own, as it were
    sys.stdout = sys.__stdout__ = stdout  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]


def _raw(number: int, mode: str) -> io.FileIO:
    raw = io.FileIO(number, mode, closefd=False)
    raw.name = ("<stdin>", "<stdout>", "<stderr>")[number]
    return raw


def _end(main: types.ModuleType, *, collect: bool) -> None:
    """What the interpreter does in the end: threads, exit functions, and the module's own objects."""
    threading = sys.modules.get("threading")
    if threading is not None and _thread._count():
        threading._shutdown()
    atexit._run_exitfuncs()
    atexit._clear()
    _flush()
    names = main.__dict__
    for name in [name for name in names if name[:1] == "_" and name[1:2] != "_"]:
        names[name] = None
    for name in [name for name in names if name != "__builtins__"]:
        names[name] = None
    if collect:
        gc.collect()
    _flush()


def _cpu_s() -> float:
    """Of this process, to the microsecond, where the clock for it knows only ticks as soon as there is a limit."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _flush() -> None:
    for stream in (sys.stdout, sys.__stdout__, sys.stderr):
        with suppress(BaseException):
            stream.flush()  # type: ignore[union-attr] # or else it is suppressed


def _exit_status(request: SystemExit) -> int:
    code = request.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    with suppress(BaseException):
        sys.stderr.write(f"{code}\n")
    return 1


def _size(number: int) -> int:
    """Of a stream so far; whatever is printed next goes behind it."""
    try:
        return os.lseek(number, 0, os.SEEK_END)
    except OSError:
        return -1


def _execute(order: Mapping[str, Any], confinement: Confinement, place: Place) -> NoReturn:
    """Become an interpreter of another language."""
    with open(order["file"], "wb") as file:
        file.write(os.pread(_CODE, order["code_bytes"], 0))
    os.dup2(_INPUTS, 0)
    confinement.put_on(order)
    _close_others(order)
    confinement.close_in(order)
    environment = {**os.environ, "OPENSSL_CONF": "/dev/null"}
    place.beginning.executing()
    os.execve(order["command"][0], order["command"], environment)
