"""What a process of a program is sent, as files in memory, and where it leaves what it has to say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from anyio.to_thread import run_sync

from agentgym.sandbox.contract import Allowance, Case, Program
from agentgym.sandbox.local.paths import FILES

_LARGE_BYTES = 1 << 20
"""What is larger is copied in a thread: the event loop has other things to do."""
_BASH_PROCESSES = 16
"""A shell is made to start others."""
_REPORT_FACTOR = 3
"""JSON in JSON is longer than it was."""


class Files:
    """Open as long as the block lasts."""

    def __init__(self, *, bell: bool) -> None:
        self._open = [os.memfd_create(name) for name in ("code", "inputs", "stdout", "stderr", "report")]
        self.code, self.inputs, self.stdout, self.stderr, self.report = self._open
        self.bell: int | None = None
        self._rung: int | None = None
        if bell:
            self.bell, self._rung = os.pipe()
            os.set_blocking(self.bell, False)

    @property
    def sent(self) -> list[int]:
        """What the process gets."""
        return self._open if self._rung is None else [*self._open, self._rung]

    def release_bell(self) -> None:
        """Its other end is the process' alone from now on, so that its end can be heard."""
        if self._rung is not None:
            os.close(self._rung)
            self._rung = None

    def close(self) -> None:
        """Forget them."""
        self.release_bell()
        for number in (*self._open, *(() if self.bell is None else (self.bell,))):
            os.close(number)
        self._open = []


async def written(files: Files, program: Program, cases: Sequence[Case]) -> dict[str, Any]:
    """What the order says about code and inputs, once these are in their files."""
    size = len(program.code) + sum(len(case.input) for case in cases)
    if size < _LARGE_BYTES:
        return _write(files, program, cases)
    return await run_sync(_write, files, program, cases)


def order(program: Program, allowance: Allowance, commands: Mapping[str, str]) -> dict[str, Any]:
    """What an interpreter is told, but for code and inputs."""
    processes = allowance.processes
    command: list[str] = []
    if program.language != "python":
        options = [f"--max-old-space-size={allowance.memory_mb}"] if program.language == "javascript" else []
        command = [commands[program.language], *options, FILES[program.language]]
        processes = max(processes, _BASH_PROCESSES) if program.language == "bash" else processes
    return {
        "language": program.language,
        "command": command,
        "file": FILES.get(program.language, ""),
        "function": program.function,
        "show_locals": program.show_locals,
        "processes": processes,
        "cpu_s": allowance.cpu_s,
        "wall_s": allowance.wall_limit_s,
        "memory_bytes": int(allowance.memory_mb) << 20,
        "file_bytes": max(int(allowance.file_mb) << 20, _REPORT_FACTOR * allowance.output_bytes + (1 << 16)),
        "scratch_mb": max(1, int(allowance.scratch_mb)),
    }


def _write(files: Files, program: Program, cases: Sequence[Case]) -> dict[str, Any]:
    code = program.code.encode("utf-8", "surrogatepass")
    inputs = [case.input.encode("utf-8", "surrogatepass") for case in cases]
    _fill(files.code, code)
    _fill(files.inputs, b"".join(inputs) if len(inputs) > 1 else inputs[0])
    places, offset = list[tuple[int, int]](), 0
    for text in inputs:
        places.append((offset, len(text)))
        offset += len(text)
    return {"code_bytes": len(code), "cases": places}


def _fill(number: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(number, left) :]
    os.lseek(number, 0, os.SEEK_SET)
