"""Entry points by group, read straight from the metadata of installed distributions.

`importlib.metadata` answers the same question, but importing it costs as much CPU as four bare interpreter
starts, which `agentgym --help` cannot afford.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache


def entry_points(group: str) -> dict[str, str]:
    """Name to `module:attribute`, sorted; where a name stands twice, the first on the path wins."""
    found: dict[str, str] = {}
    for text in _metadata(tuple(sys.path)):
        for name, target in _section(text, group):
            found.setdefault(name, target)
    return dict(sorted(found.items()))


@cache
def _metadata(path: tuple[str, ...]) -> list[str]:
    return list(_read_all(path))


def _read_all(path: tuple[str, ...]) -> Iterator[str]:
    for folder in dict.fromkeys(path):
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in entries:
            if entry.endswith((".dist-info", ".egg-info")):
                text = _read(os.path.join(folder, entry, "entry_points.txt"))
                if "[agentgym." in text:
                    yield text


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _section(text: str, group: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            inside = line == f"[{group}]"
        elif inside and "=" in line and not line.startswith("#"):
            name, _, target = line.partition("=")
            yield name.strip(), target.strip()
