"""Text out of tokens while they come, and where it stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_HALF = "\ufffd"
"""What stands for a character of which bytes are still to come."""


@dataclass(frozen=True, slots=True)
class Words:
    """How the tokens of an answer become text."""

    tokenizer: Any
    hidden: frozenset[int]
    skip_special_tokens: bool = False

    def text(self, ids: Sequence[int]) -> str:
        """Of a whole answer."""
        return self.decoded([number for number in ids if number not in self.hidden])

    def decoded(self, ids: Sequence[int]) -> str:
        """As they stand."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=self.skip_special_tokens, clean_up_tokenization_spaces=False
        )
        return text


class TokenNames:
    """What single tokens are as text, those that are part of no text too; each is looked up once."""

    def __init__(self, tokenizer: Any) -> None:
        self._words = Words(tokenizer, frozenset())
        self._known: dict[int, str] = {}

    def __getitem__(self, number: int) -> str:
        name = self._known.get(number)
        if name is None:
            name = self._known[number] = self._words.decoded([number])
        return name


class Reading:
    """The text of one answer so far; it ends before the first of the texts it is to stop at."""

    def __init__(self, words: Words, stop: tuple[str, ...]) -> None:
        self._words = words
        self._stop = stop
        self._ids: list[int] = []
        self._from = 0
        """Decoding begins here, a few tokens before what is new: a tokenizer may join tokens of a word."""
        self._read = 0
        self._said = 0
        self.text = ""
        self.stopped = False

    def feed(self, number: int) -> None:
        """Take in the next token."""
        if number in self._words.hidden:
            return
        self._ids.append(number)
        new = self._new()
        if new and not new.endswith(_HALF):
            self._from, self._read = self._read, len(self._ids)
            self._add(new)

    def finish(self, whole: str) -> None:
        """Take in what was held back of a half character; `whole` is all tokens decoded at once."""
        if self.stopped:
            return
        self._add(whole[len(self.text) :] if whole.startswith(self.text) else self._new())

    def news(self, *, done: bool) -> str:
        """What is new and sure: not the beginning of what it stops at."""
        end = len(self.text) if done or self.stopped else len(self.text) - self._held()
        new, self._said = self.text[self._said : end], max(self._said, end)
        return new

    def _new(self) -> str:
        before = self._words.decoded(self._ids[self._from : self._read])
        return self._words.decoded(self._ids[self._from :])[len(before) :]

    def _add(self, new: str) -> None:
        begin = len(self.text)
        self.text += new
        found = [self.text.find(stop, max(0, begin - len(stop) + 1)) for stop in self._stop]
        places = [place for place in found if place >= 0]
        if places:
            self.text, self.stopped = self.text[: min(places)], True

    def _held(self) -> int:
        return max((held_back(self.text, stop) for stop in self._stop), default=0)


def held_back(text: str, mark: str) -> int:
    """How many characters at the end of a text may be the beginning of a mark."""
    longest = min(len(text), len(mark) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(mark[:length])), 0)
