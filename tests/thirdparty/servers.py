"""Servers of others: installed once into virtual environments of their own, and run as processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
TEST_TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "trio", "hypothesis", "jsonschema")
START_S = 180.0
"""What a server may take to listen."""
_LISTENS = re.compile(r"Uvicorn running on (http://[\w.:]+)")


def installed(name: str, *packages: str, spare: Path) -> Path:
    """The programs of a virtual environment that holds the packages.

    It is kept inside the one that runs the tests, so that the next run finds it there; where there is none, in `spare`.
    """
    place = (spare if sys.prefix == sys.base_prefix else Path(sys.prefix)) / "thirdparty" / name
    stamp, wanted = place / "installed.txt", "\n".join([sys.version, *packages, CONSTRAINTS.read_text()])
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--constraint", CONSTRAINTS]
        done = subprocess.run([*pip, *packages], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        stamp.write_text(wanted)
    return place / "bin"


def torch_programs(*, spare: Path) -> Path:
    """Those of the environment in which agentgym is installed with all that trains and serves, once for all tests."""
    extras = ["--editable", f"{ROOT}[train,serve,viz]", "transformers[serving]>=5.23"]
    return installed("torch", *extras, *TEST_TOOLS, spare=spare)


@contextmanager
def serving(*command: str | Path, **environment: str) -> Iterator[str]:
    """The address of a server that says on its output where it listens, as uvicorn does."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        [str(part) for part in command],
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        addresses = SimpleQueue[str | None]()
        told: list[str] = []

        def listen() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                told.append(line)
                found = _LISTENS.search(line)
                if found:
                    addresses.put(found[1])
            addresses.put(None)

        listener = Thread(target=listen)
        listener.start()
        try:
            address = _first(addresses)
            assert address is not None, f"{command[0]} does not listen:\n{''.join(told)}"
            yield address
        finally:
            process.kill()
            listener.join()


def _first(addresses: SimpleQueue[str | None]) -> str | None:
    try:
        return addresses.get(timeout=START_S)
    except Empty:
        return None
