"""The frames, each with its place: language, mode and split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from environments.special_tokens.frames import chinese, english

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
SPLITS = {"train": range(24), "dev": range(24, 32), "test": range(32, 40)}
"""The places of a split's frames among those of a mode and a language."""
_TEXTS = {
    ("en", "EDIT"): english.EDIT,
    ("en", "AGENT"): english.AGENT,
    ("zh", "EDIT"): chinese.EDIT,
    ("zh", "AGENT"): chinese.AGENT,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One way to put a request."""

    language: str
    mode: str
    split: str
    text: str

    def filled(self, name: str, error: str = "") -> str:
        """The request about a program of that name."""
        return self.text.replace("{name}", name).replace("{error}", error)


@cache
def frames(split: str, mode: str, language: str) -> tuple[Frame, ...]:
    """The frames of a split for a mode, in a language."""
    texts = _TEXTS[language, mode]
    return tuple(Frame(language, mode, split, texts[place]) for place in SPLITS[split])
