"""Names of weights that are being trained: whose they were at the start, and how many updates ago."""

from __future__ import annotations

from pathlib import Path

import orjson

from agentgym.runs import write_whole
from trainers.engine.checkpoint import fingerprint

_FILE = "weights_version.json"


def version_after(start: str, updates: int) -> str:
    """The name of the weights after so many updates of what `start` names."""
    base, before = _parts(start)
    return f"{base}+{before + updates}" if before + updates else base


def updates_between(sampled: str | None, present: str) -> int | None:
    """How many updates lie between two weights; None where they have no common beginning that is known."""
    if sampled is None:
        return None
    (base, before), (present_base, now) = _parts(sampled), _parts(present)
    return now - before if base == present_base and before <= now else None


def version_of(folder: str | Path) -> str:
    """The name of the weights in a folder: what a training has written there, or else a digest of them."""
    place = Path(folder)
    try:
        told = orjson.loads((place / _FILE).read_bytes())
    except (OSError, ValueError):
        told = None
    digest = fingerprint(place)
    known = isinstance(told, dict) and told.get("weights") == digest and isinstance(told.get("version"), str)
    return str(told["version"]) if known else digest


def write_version(folder: str | Path, version: str) -> None:
    """Keep the name beside the weights; it no longer holds once others lie there."""
    place = Path(folder)
    write_whole(place / _FILE, orjson.dumps({"version": version, "weights": fingerprint(place)}))


def _parts(version: str) -> tuple[str, int]:
    base, plus, updates = version.rpartition("+")
    return (base, int(updates)) if plus and updates.isdecimal() else (version, 0)
