"""Our server in a process of its own, for as long as a block lasts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agentgym.errors import UsageError

_PROGRAM = """
import sys
from agentgym.cli import Parser
from trainers.serving.cli import serve
parser = Parser()
serve.configure(parser)
sys.exit(serve.run(parser.parse_args(sys.argv[1:])))
"""
_READY = re.compile(r"is served at (\S+);")
_END_S = 10.0
"""A server that is told to end and does not is killed."""


@contextmanager
def endpoint(folder: str | Path, *words: str) -> Iterator[str]:
    """Where `agentgym model serve` answers, as http://HOST:PORT/v1; UsageError where it does not start."""
    command = [sys.executable, "-c", _PROGRAM, str(folder), "--port", "0", *words]
    # A key of the environment would be asked of those who ask this server, and it listens to this machine only.
    alone = os.environ | {"AGENTGYM_SERVE_API_KEY": ""}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=alone, start_new_session=True) as process:
        lines = list[str]()
        try:
            yield _address(process, lines)
        finally:
            _end(process)


def _address(process: subprocess.Popen[str], lines: list[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if (found := _READY.search(line)) is not None:
            # What it says later is nobody's, but a full pipe would stop it.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise UsageError(f"the server did not start: {_last_of(lines)}")


def _last_of(lines: Sequence[str]) -> str:
    told = [line.strip() for line in lines if line.strip()]
    return told[-1] if told else "it said nothing"


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
