"""What a launch is told to run: the driver alone, or an interpreter of another language with a file of its own."""

from __future__ import annotations

from typing import Any

from agentgym.sandbox.contract import Allowance, Program

INTERPRETERS = {"bash": "bash", "javascript": "node"}
_FILES = {"bash": "main.sh", "javascript": "main.js"}


def order(program: Program, allowance: Allowance) -> dict[str, Any]:
    """What the driver is to do."""
    return {
        "code": program.code,
        "function": program.function,
        "show_locals": program.show_locals,
        "command": _command(program, allowance),
        "cpu_s": allowance.cpu_s,
        # node reserves far more addresses than it uses; it is told its limit.
        "memory_bytes": None if program.language == "javascript" else allowance.memory_mb << 20,
        "file_bytes": max(allowance.file_mb << 20, allowance.output_bytes + 1),
    }


def files(program: Program) -> dict[str, str]:
    """What the interpreter reads, by name."""
    return {} if program.language == "python" else {_FILES[program.language]: program.code}


def _command(program: Program, allowance: Allowance) -> list[str]:
    if program.language == "python":
        return []
    options = [f"--max-old-space-size={allowance.memory_mb}"] if program.language == "javascript" else []
    return [INTERPRETERS[program.language], *options, _FILES[program.language]]
