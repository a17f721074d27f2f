"""Starts a program in a process of its own, bound by limits, and waits for its end; it blocks.

It imports the standard library alone and runs under Python 3.9, for E2B is sent its text.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, Any, NamedTuple

_REPORT_BYTES = 1 << 16
"""Of a report beside a function's result."""
_CAN_PEEK = hasattr(os, "waitid")
"""Whether the end of a process can be awaited without reaping it; macOS learned it late."""
_POLL_S = 0.005


class Ended(NamedTuple):
    """What was seen of a process."""

    exit_status: int
    """Negative: the signal that ended it."""
    cpu_s: float
    wall_s: float
    overran: bool
    """Whether it was ended because its time by the clock was over."""
    stdout: str
    stderr: str
    too_much: bool
    """Whether a stream is longer than allowed, and cut."""
    report: str
    """What the driver tells, as JSON; empty where it had nothing to tell."""


class Launch:
    """One run of a program; `kill` may be called from any thread, before and after."""

    def __init__(
        self,
        driver: str,
        order: dict[str, Any],
        given: str,
        *,
        files: dict[str, str],
        wall_s: float,
        output_bytes: int,
    ) -> None:
        self._driver = driver
        self._order = order
        self._given = given
        self._files = files
        self._wall_s = wall_s
        self._output_bytes = output_bytes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self._overran = False

    def run(self) -> Ended:
        """Start it and wait until nothing of it is left."""
        folder = tempfile.mkdtemp(prefix="program-")
        try:
            with _file() as given, _file() as orders, _file() as stdout, _file() as stderr, _file() as report:
                for name, text in self._files.items():
                    with open(os.path.join(folder, name), "wb") as file:
                        _fill(file, text)
                _fill(given, self._given)
                _fill(orders, json.dumps(self._order))
                started = time.monotonic()
                cpu_s, exit_status = self._play(folder, given, orders, stdout, stderr, report)
                wall_s = time.monotonic() - started
                texts = [_read(file, self._output_bytes) for file in (stdout, stderr)]
                too_much = any(os.fstat(file.fileno()).st_size > self._output_bytes for file in (stdout, stderr))
                told = _read(report, self._output_bytes + _REPORT_BYTES)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Ended(exit_status, cpu_s, wall_s, self._overran, texts[0], texts[1], too_much, told)

    def kill(self) -> None:
        """End it, with all it has started that did not leave its process group."""
        with self._lock:
            self._unwanted = True
            if self._process is not None:
                _kill_group(self._process.pid)

    def _play(self, folder: str, given: Any, orders: Any, stdout: Any, stderr: Any, report: Any) -> tuple[float, int]:
        numbers = (orders.fileno(), report.fileno())
        bare = ["-P"] if sys.version_info >= (3, 11) else []
        command = [sys.executable, "-s", *bare, "-X", "utf8", self._driver, *map(str, numbers)]
        with self._lock:
            process = subprocess.Popen(
                command,
                stdin=given,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env=_environment(folder),
                pass_fds=numbers,
                start_new_session=True,
            )
            self._process = process
            if self._unwanted:
                _kill_group(process.pid)
        watch = threading.Timer(self._wall_s, self._overrun)
        watch.start()
        if _CAN_PEEK:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        while (reaped := self._reap(process)) is None:
            time.sleep(_POLL_S)
        watch.cancel()
        return reaped

    def _overrun(self) -> None:
        with self._lock:
            if self._process is not None:
                self._overran = True
                _kill_group(self._process.pid)

    def _reap(self, process: subprocess.Popen[bytes]) -> tuple[float, int] | None:
        """CPU time and exit status; None as long as it runs."""
        with self._lock:
            if _CAN_PEEK:
                _kill_group(process.pid)  # until it is reaped, its number is nobody else's
            number, status, usage = os.wait4(process.pid, os.WNOHANG)
            if not number:
                return None
            self._process = None
            if not _CAN_PEEK:
                _kill_group(process.pid)
        process.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return usage.ru_utime + usage.ru_stime, process.returncode


def _file() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _fill(file: IO[bytes], text: str) -> None:
    file.write(text.encode("utf-8", "surrogatepass"))
    file.flush()
    file.seek(0)


def _read(file: IO[bytes], most: int) -> str:
    return os.pread(file.fileno(), most, 0).decode("utf-8", "replace")


def _kill_group(number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: the latter, where only a zombie is left
        os.killpg(number, signal.SIGKILL)


def _environment(folder: str) -> dict[str, str]:
    """Nothing of ours: no secrets, and the same in every run."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": folder,
        "TMPDIR": folder,
        "PYTHONHASHSEED": "0",
        "MALLOC_ARENA_MAX": "1",  # each arena of a thread would take 64 MB of the address space
    }


def print_launched(mark: str, driver: str, order: dict[str, Any], given: str, **limits: Any) -> None:
    """Launch with the text of the driver, and print what was seen as JSON, in a line that begins with the mark."""
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
            file.write(driver)
            file.flush()
            seen: dict[str, Any] = Launch(file.name, order, given, **limits).run()._asdict()
    except (OSError, subprocess.SubprocessError) as error:
        seen = {"fault": f"{type(error).__name__}: {error}"}
    print(f"\n{mark}{json.dumps(seen)}", flush=True)  # noqa: T201 # all that E2B brings back
