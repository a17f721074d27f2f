"""Runs a program as `main.py` and tells how it ended; in an interpreter of its own, here or at a remote service.

It imports the standard library alone and runs under Python 3.9, for services are sent its text. Whatever it tells
comes out of the program's own process: it may be wrong about the program, and no verdict rests on it alone.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import linecache
import os
import re
import reprlib
import signal
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

MAIN = "main.py"
BYTE_ORDER_MARK = "\ufeff"
"""Which a file may begin with, but no text that is compiled."""
_LONGEST_MESSAGE = 2000
_LONGEST_REPR = 100
_MOST_VARIABLES = 30
_STACK_BYTES = 64 << 20
_RESERVE_BYTES = 4 << 20
"""Kept back from the program, so that something is left to tell that its memory is full."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_DULL = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)

Tell = Callable[[dict[str, Any]], None]


def play(code: str, function: str | None, show_locals: bool, tell: Tell) -> None:
    """Run the code, call the function, and tell what came of it; `tell` hears nothing of a program that ends well."""
    code = code[1:] if code.startswith(BYTE_ORDER_MARK) else code
    main = _main_module(code)
    reserve = [bytearray(_RESERVE_BYTES)]
    try:
        arguments = _arguments() if function else []
        exec(compile(code, MAIN, "exec", dont_inherit=True), main.__dict__)
        if function:
            tell({"value": _as_json(_found(main.__dict__, function)(*arguments), function)})
    except SystemExit:
        if function:
            tell({"error_type": "SystemExit", "message": f"the program ended before {function} returned"})
        raise
    except BaseException as error:
        reserve.clear()
        told = _told(error, show_locals)
        with contextlib.suppress(OSError):  # the program may have closed what it is told through
            tell(told)
        _show(error)
        sys.exit(1)


def _main_module(code: str) -> types.ModuleType:
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __file__=MAIN)
    sys.modules["__main__"] = main
    sys.argv = [MAIN]
    linecache.cache[MAIN] = (len(code), None, code.splitlines(True), MAIN)
    return main


def _arguments() -> list[Any]:
    with _any_digits():
        return [json.loads(line) for line in sys.stdin.read().split("\n") if line.strip()]


def _found(names: dict[str, Any], function: str) -> Any:
    if callable(names.get(function)):
        return names[function]
    if hasattr(names.get("Solution"), function):
        return getattr(names["Solution"](), function)
    raise NameError(f"the program defines no function {function!r}")


def _as_json(value: Any, function: str) -> str:
    with _any_digits():
        return json.dumps(_plain(list(value) if type(value) is types.GeneratorType else value, function))


def _plain(value: Any, function: str) -> Any:
    """The value, if it is of plain types; a subclass may be equal to anything."""
    kind = type(value)
    if any(kind is plain for plain in (int, float, str, bool, type(None))):
        return value
    if kind is list or kind is tuple:
        return [_plain(item, function) for item in value]
    if kind is dict and all(type(key) is str or type(key) is int for key in value):
        return {key: _plain(item, function) for key, item in value.items()}
    raise TypeError(f"{function} returned {_type_name(value)}, which JSON cannot hold")


class _any_digits:
    """Numbers of any length are read and written inside the block; the program itself runs with the usual limit."""

    def __enter__(self) -> None:
        self._usual: int | None = None
        if hasattr(sys, "set_int_max_str_digits"):
            self._usual = sys.get_int_max_str_digits()
            sys.set_int_max_str_digits(0)

    def __exit__(self, *_: object) -> None:
        if self._usual is not None:
            sys.set_int_max_str_digits(self._usual)


def _told(error: BaseException, show_locals: bool) -> dict[str, Any]:
    line, frame = None, None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == MAIN:
            line, frame = trace.tb_lineno, trace.tb_frame
        trace = trace.tb_next
    variables = _variables(frame) if frame is not None and show_locals else []
    if isinstance(error, MemoryError):
        frame = None
        traceback.clear_frames(error.__traceback__)  # what filled the memory; something is needed to tell
    if isinstance(error, SyntaxError) and line is None:
        return {"error_type": _type_name(error), "message": str(error.msg), "line": error.lineno}
    return {"error_type": _type_name(error), "message": _message(error), "line": line, "variables": variables}


def _type_name(value: object) -> str:
    return str(type(value).__name__)[:_LONGEST_REPR]


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST_MESSAGE]
    except BaseException:
        return ""


def _variables(frame: types.FrameType) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    for name, value in list(frame.f_locals.items()):
        if not name.startswith("__") and not isinstance(value, _DULL) and len(shown) < _MOST_VARIABLES:
            shown.append((name, _short(value)))
    return shown


def _short(value: object) -> str:
    """A repr that is the same in every run, without addresses."""
    try:
        return _ADDRESS.sub("", _REPR.repr(value))[:_LONGEST_REPR]
    except BaseException:
        return f"<{_type_name(value)}>"


def _show(error: BaseException) -> None:
    """Print the traceback as the interpreter does, from the program's first frame on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != MAIN:
        trace = trace.tb_next
    error.__traceback__ = trace
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
    with contextlib.suppress(BaseException):
        own = sys.excepthook is not sys.__excepthook__
        (sys.excepthook if own else traceback.print_exception)(type(error), error, trace)


def limit(*, cpu_s: float, memory_bytes: int | None, file_bytes: int) -> None:
    """Bind this process to its limits, as far as the system knows them; to be raised by nobody."""
    import resource

    def bind(name: str, soft: int, hard: int) -> None:
        number = getattr(resource, name, None)
        if number is None:
            return
        most = resource.getrlimit(number)[1]
        allowed = [wanted if most == resource.RLIM_INFINITY else min(wanted, most) for wanted in (soft, hard)]
        with contextlib.suppress(ValueError, OSError):  # macOS knows some of them by name alone
            resource.setrlimit(number, (allowed[0], allowed[1]))

    bind("RLIMIT_CORE", 0, 0)
    bind("RLIMIT_STACK", _STACK_BYTES, _STACK_BYTES)
    bind("RLIMIT_FSIZE", file_bytes, file_bytes)
    if memory_bytes is not None:
        size = _own_size() + memory_bytes
        bind("RLIMIT_AS", size, size)
    whole_s = int(cpu_s + sum(os.times()[:2])) + 1
    bind("RLIMIT_CPU", whole_s, whole_s + 1)
    for name in ("SIGXFSZ", "SIGPROF"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)


def _own_size() -> int:
    """The address space of the bare interpreter."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 64 << 20


def main(orders: int, report: int) -> None:
    """Do what the orders say, which are JSON in a file at that descriptor; the report goes to the other."""
    with open(orders, encoding="utf-8") as file:
        order = json.load(file)
    limit(cpu_s=order["cpu_s"], memory_bytes=order["memory_bytes"], file_bytes=order["file_bytes"])

    def tell(told: dict[str, Any]) -> None:
        os.write(report, json.dumps(told).encode())

    if order["command"]:
        _become(order["command"], report, tell)
    play(order["code"], order["function"], order["show_locals"], tell)


def telling(mark: str) -> Tell:
    """What tells on the standard output, in a line that begins with the mark; for services that keep nothing else."""
    number = os.dup(1)

    def tell(told: dict[str, Any]) -> None:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        left = f"\n{mark}{json.dumps(told)}\n".encode()
        while left:
            left = left[os.write(number, left) :]

    return tell


def _become(command: list[str], report: int, tell: Tell) -> NoReturn:
    os.set_inheritable(report, False)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        tell({"fault": f"{command[0]} cannot be started: {error.strerror}"})
        os._exit(1)


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _LONGEST_REPR

if __name__ == "__main__" and len(sys.argv) == 3:
    main(int(sys.argv[1]), int(sys.argv[2]))
