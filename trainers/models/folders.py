"""Folders that are written as a whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from agentgym.errors import AgentGymError, UsageError, boundary

_MARKS = ("config.json", "adapter_config.json")
_BESIDE = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.(?P<kind>writing|old)")


@contextmanager
def written(folder: str | Path) -> Iterator[Path]:
    """A folder beside the wanted one, which it becomes when all is in it; what breaks off leaves the old one.

    UsageError where something else than a model lies there, or nobody may write.
    """
    place = Path(folder)
    check_place(place)
    beside = place.parent / f".{place.name}.{uuid4().hex[:8]}.writing"
    amiss: AgentGymError | None = None
    with boundary(UsageError, f"{place} cannot be written; make room, or name another folder"):
        beside.mkdir(parents=True)
        try:
            yield beside
            _flush(beside)
            _replace(place, beside)
        except AgentGymError as error:
            amiss = error  # tells for itself what it is, and it is not the writing
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    if amiss is not None:
        raise amiss


def check_place(folder: str | Path) -> None:
    """UsageError where something lies that is no model, and would be lost."""
    place = Path(folder)
    if place.is_symlink() or place.is_file():
        raise UsageError(f"{place} is there and is no folder; name another one")
    if place.is_dir() and any(place.iterdir()) and not any((place / name).is_file() for name in _MARKS):
        raise UsageError(f"{place} is there and holds no model; name another folder")


def clear_broken_off(folder: Path) -> None:
    """Take away what lies in a folder of writings that were killed; what one of them had moved aside comes back."""
    for path in folder.iterdir() if folder.is_dir() else ():
        found = _BESIDE.fullmatch(path.name)
        if found is None or not path.is_dir():
            continue
        place = folder / found["name"]
        if found["kind"] == "old" and not place.exists():
            path.rename(place)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _replace(place: Path, beside: Path) -> None:
    if not place.exists():
        beside.rename(place)
        return
    old = place.parent / f".{place.name}.{uuid4().hex[:8]}.old"
    place.rename(old)
    beside.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Onto the disk: a machine that goes down leaves no half of it under the right name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as opened:
                os.fsync(opened.fileno())
