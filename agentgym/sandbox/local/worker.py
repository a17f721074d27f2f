"""One warm interpreter, as those see it who ask it to run programs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

import agentgym
from agentgym.errors import SandboxFault

_START = "import sys; sys.path.insert(0, sys.argv[1]); from agentgym.sandbox.local.zygote import main; "
_START += "main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])"
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "LD_BIND_NOW": "1",  # or else every fork finds the same functions again
    "MALLOC_ARENA_MAX": "1",  # each arena of a thread would take 64 MB of the address space
}
_STARTING_S = 30.0
_STOPPING_S = 0.4
_LONGEST_ANSWER = 1 << 16


class WorkerGone(SandboxFault):
    """The interpreter ended, or does not answer any more."""


class Worker:
    """Made in a thread, for that takes a while; then asked by one caller at a time, in any event loop."""

    def __init__(self, settings: Mapping[str, Any], *, scratch_needed: bool) -> None:
        """OSError where it cannot be started as the settings say."""
        self.usable = True
        self._owes_answer = False
        self.scratch = ""
        """Where its programs work, if that has a name of its own."""
        self._folder = tempfile.TemporaryDirectory(prefix="agentgym-") if scratch_needed else None
        if self._folder is not None:
            self.scratch = os.path.realpath(self._folder.name)
        settings = {**settings, "scratch": self.scratch}
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as errors:
            command = [interpreter(), "-P", "-s", "-S", "-X", "utf8", "-c", _START]
            arguments = [str(Path(agentgym.__file__).parents[1]), str(theirs.fileno()), str(os.getpid())]
            self._process = subprocess.Popen(
                [*command, *arguments, json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
            theirs.close()
            told = self._greeting()
            if "fault" in told:
                self.close()
                errors.seek(0)
                last = errors.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise OSError(told["fault"] or last or f"it ended with exit status {self._process.returncode}")
        self.layers: tuple[str, ...] = tuple(told["layers"])
        self.missing: tuple[str, ...] = tuple(told["missing"])

    def _greeting(self) -> dict[str, Any]:
        self._socket.settimeout(_STARTING_S)
        try:
            told: dict[str, Any] = json.loads(self._socket.recv(_LONGEST_ANSWER) or '{"fault": ""}')
        except (TimeoutError, ConnectionError) as error:
            told = {"fault": str(error)}
        self._socket.setblocking(False)
        return told

    @contextmanager
    def asked(self, order: Mapping[str, Any], descriptors: Sequence[int]) -> Iterator[None]:
        """Have a program run, whose `answer` is awaited inside the block; `settle` afterwards, if it was not."""
        try:
            socket.send_fds(self._socket, [json.dumps(order).encode()], list(descriptors))
        except OSError as error:
            self.kill()
            raise WorkerGone(f"the sandbox's interpreter is gone: {error.strerror}") from error
        self._owes_answer = True
        yield

    async def answer(self, within_s: float) -> dict[str, Any]:
        """How the program ended."""
        with anyio.move_on_after(within_s):
            message = await self._next()
            self._owes_answer = False
            if message:
                answer: dict[str, Any] = json.loads(message)
                return answer
            self.kill()
            raise WorkerGone("the sandbox's interpreter was killed")
        self.kill()
        raise WorkerGone("the sandbox's interpreter does not answer")

    async def settle(self) -> None:
        """End the program that it was asked to run, if nobody has waited for its end; within half a second."""
        if not self._owes_answer or not self.usable:
            return
        try:
            with suppress(OSError), anyio.move_on_after(_STOPPING_S, shield=True):
                self._socket.send(b"stop")
                self._owes_answer = not await self._next()
        finally:
            if self._owes_answer:
                self.kill()

    def lives(self) -> bool:
        """Whether nobody has killed it while it had nothing to do, such as the kernel for want of memory."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, and with it whatever it runs; it can be closed then."""
        self.usable = False
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Wait for its end, and leave nothing of it behind; it blocks."""
        self.kill()
        self._socket.close()
        self._process.wait()
        if self._folder is not None:
            self._folder.cleanup()

    def forget(self) -> None:
        """It is another process' interpreter."""
        self._socket.close()
        self._process.returncode = 0

    async def _next(self) -> bytes:
        while True:
            try:
                return self._socket.recv(_LONGEST_ANSWER)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
            except ConnectionError:  # it ended before it had read all it was sent
                return b""


def interpreter() -> str:
    """The one this process runs in, without the virtual environment."""
    base: str | None = getattr(sys, "_base_executable", None)
    return os.path.realpath(base or sys.executable)
