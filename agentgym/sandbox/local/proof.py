"""A process that tries to break out before any program does: what is told about the layers has been seen to hold."""

from __future__ import annotations

import _socket
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from agentgym.sandbox.local.layers import Confinement

ORDER: Mapping[str, Any] = {
    "language": "python",
    "command": [],
    "processes": 1,
    "cpu_s": 5,
    "memory_bytes": 1 << 27,
    "file_bytes": 1 << 20,
}


def prove(confinement: Confinement, scratch: str) -> dict[str, str]:
    """What does not hold, or does not work, and why; empty where all is well."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _try_everything(confinement, scratch, writer)
    os.close(writer)
    told = b"".join(iter(lambda: os.read(reader, 1 << 16), b""))
    os.close(reader)
    os.waitpid(child, 0)
    try:
        return dict(json.loads(told))
    except ValueError:
        return {"process": "it ended before it could tell"}


def _try_everything(confinement: Confinement, scratch: str, writer: int) -> NoReturn:
    problems: dict[str, str] = {}
    try:
        confinement.put_on(ORDER)
        confinement.close_in(ORDER)
        if confinement.filters:
            problems |= _refused("seccomp", _fork) | _refused("seccomp", lambda: _socket.socket(_socket.AF_UNIX))
        if confinement.rulesets:
            problems |= _refused("landlock", lambda: os.listdir("/"))
        problems |= _works("interpreter", lambda: os.close(os.open(os.__file__, os.O_RDONLY)))
        problems |= _works("scratch", lambda: _write(os.path.join(scratch, "proof")))
    except OSError as error:
        problems["process"] = str(error)
    finally:
        os.write(writer, json.dumps(problems).encode())
        os._exit(0)


def _refused(layer: str, attempt: Callable[[], object]) -> dict[str, str]:
    try:
        attempt()
    except PermissionError:
        return {}
    except OSError as error:
        return {layer: str(error)}
    return {layer: "it lets through what it should not"}


def _works(what: str, attempt: Callable[[], object]) -> dict[str, str]:
    try:
        attempt()
    except OSError as error:
        return {what: str(error)}
    return {}


def _fork() -> None:
    if not os.fork():
        os._exit(0)


def _write(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"x")
    with suppress(FileNotFoundError):
        os.unlink(path)
