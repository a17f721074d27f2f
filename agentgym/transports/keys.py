"""Which of the headers, query fields and settings that are sent hold a key, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_SECRET_NAME = re.compile(r"(key|token|secret|password|credential|authorization|cookie)s?$", re.IGNORECASE)
_SHORTEST = 8


def keys_in(named: Mapping[str, object]) -> Iterator[str]:
    """The values whose names say that they are secret; short ones are placeholders, and common in any text."""
    for name, value in named.items():
        if isinstance(value, str) and len(value) >= _SHORTEST and _SECRET_NAME.search(name):
            yield bare(value)


def bare(header: str) -> str:
    """The key without its scheme, such as `Bearer`."""
    return header.partition(" ")[2].strip() or header.strip()
