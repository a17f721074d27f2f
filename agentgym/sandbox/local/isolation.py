"""What the layers that were found in force amount to, and whether that is enough."""

from __future__ import annotations

from collections.abc import Sequence

from agentgym.errors import UsageError
from agentgym.sandbox.contract import Isolation, Level

_NAMESPACES = {"mount namespace", "pid namespace", "network namespace"}
_RANK: dict[Level, int] = {"none": 0, "weak": 1, "strong": 2}


def as_isolation(layers: Sequence[str], missing: Sequence[str]) -> Isolation:
    """With the level of `Isolation`."""
    named = {layer.partition(" ")[0] for layer in layers}
    level: Level = "none"
    if {"seccomp", "rlimits"} <= named:
        level = "strong" if "landlock" in named or set(layers) >= _NAMESPACES else "weak"
    return Isolation(level, tuple(layers), tuple(missing))


def refuse_too_little(isolation: Isolation, require: Level) -> None:
    """UsageError where the machine gives less than is required."""
    if _RANK[isolation.level] >= _RANK[require]:
        return
    raise UsageError(
        f"programs cannot be kept in here as {require!r} isolation requires; missing: {'; '.join(isolation.missing)}."
        f" Run them at a service (fusion:URL or e2b), or be content with less: local:{isolation.level}"
    )
