"""What models are told, one file a text; `$name` stands for what is filled in."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from string import Template

from agentgym.errors import DataFileError, UsageError

VARIABLE = "AGENTGYM_TASK_PROMPTS"
"""Names a folder whose files take the place of ours, each under the same name."""
_OURS = Path(__file__).parent


def prompt(name: str, **values: str) -> str:
    """A text with its values in it."""
    try:
        return Template(_text(name, os.environ.get(VARIABLE, ""))).substitute(values)
    except (KeyError, ValueError) as error:
        raise UsageError(f"the prompt {name}.txt cannot be filled in: {error}; it takes: {', '.join(values)}") from None


@lru_cache
def _text(name: str, folder: str) -> str:
    own = Path(folder) / f"{name}.txt"
    path = own if folder and own.exists() else _OURS / f"{name}.txt"
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}") from None
