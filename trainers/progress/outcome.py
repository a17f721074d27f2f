"""How a training ends: with files, or with figures that are no numbers any more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentgym.errors import AgentGymError


class TrainingDiverged(AgentGymError):
    """The loss is no number any more; the message names the checkpoint that is still good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training wrote."""

    files: tuple[Path, ...]
    steps: int
    """That were made in all, before it was cut short too."""
    exit_code: int = 0
    """Not 0 where somebody asked for an end: 130 or 143."""
