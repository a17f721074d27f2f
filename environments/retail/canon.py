"""The one text that stands for a value: equal for states that count as equal, whatever the order of their keys."""

from __future__ import annotations


def canonical(value: object) -> str:
    """Python's own text of the value with objects as sorted pairs and lists as tuples: 100 and 100.0 differ."""
    return str(_plain(value))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return tuple([(key, _plain(inner)) for key, inner in sorted(value.items())])
    if isinstance(value, list):
        return tuple([_plain(inner) for inner in value])
    return value
