"""Whether the customer was told what they should be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

_STATUSES = (
    *("pending (item modified)", "pending (items modified)", "return requested", "exchange requested"),
    *("pending", "processed", "delivered", "cancelled"),
)
_FACT = re.compile(
    "|".join(
        (
            r"#w\d+",  # orders
            r"\b[a-z]+(?:_[a-z]+)*_\d+\b",  # users and payment methods
            r"\b\d{4}-\d\d-\d\d\b",  # dates
            r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)",  # amounts, counts, items and products
            *map(re.escape, _STATUSES),
        )
    ),
    re.ASCII,  # Chinese characters may touch a number, and are no part of it
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ENDS = (*".!?", "\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH EXCLAMATION MARK}", "\N{FULLWIDTH QUESTION MARK}")
_WITHOUT_SPACES = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Characters of which about two make a word: kana and Chinese characters."""
_VALUE_WORDS = 3
"""What has more words, or ends like a sentence, is no plain value."""
_ALIKE = 0.5
"""From which F1 of their words on a sentence without facts counts as said."""


def parts_told(outputs: Iterable[str], said: Iterable[str]) -> dict[str, bool]:
    """Whether each output is part of one thing that was said without its commas, as the benchmark has it.

    So what holds a comma is never found, and `10` is found in `2104`.
    """
    heard = [line.lower().replace(",", "") for line in said]
    return {output: any(output.lower() in line for line in heard) for output in outputs}


def words_told(outputs: Iterable[str], said: Iterable[str]) -> dict[str, bool]:
    """The same, with commas left out of both sides and whole words only."""
    heard = [line.lower().replace(",", "") for line in said]
    return {output: any(_is_word_of(output, line) for line in heard) for output in outputs}


def facts_told(outputs: Iterable[str], said: Sequence[str]) -> dict[str, bool]:
    """Whether each plain value was said, and each fact of a sentence; one without facts, in similar words."""
    heard = _Heard(said)
    return {output: heard.tells(output) for output in outputs}


def is_value(output: str) -> bool:
    """Whether an output is a plain value, such as a number or a name, and not a sentence."""
    words = len(output.split()) + len(_WITHOUT_SPACES.findall(output)) // 2
    return words <= _VALUE_WORDS and not output.rstrip().endswith(_ENDS)


class _Heard:
    """What was said, with the facts in it, which are looked for once and only where they count."""

    def __init__(self, said: Sequence[str]) -> None:
        self._lines = [_plain(line) for line in said]

    def tells(self, output: str) -> bool:
        wanted = _plain(output)
        if is_value(output):
            return any(wanted in line for line in self._lines)
        facts = _facts_in(wanted)
        if facts:
            return facts <= self._facts
        return any(_likeness(wanted, line) >= _ALIKE for line in self._lines)

    @cached_property
    def _facts(self) -> set[str]:
        return {fact for line in self._lines for fact in _facts_in(line)}


def _facts_in(text: str) -> set[str]:
    return set(map(_number, _FACT.findall(text)))


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace(",", "").split())


def _number(fact: str) -> str:
    """Numbers by their value: 54.1 is 54.10."""
    return repr(float(fact)) if _NUMBER.fullmatch(fact) else fact


def _likeness(one: str, other: str) -> float:
    words, others = (Counter(re.findall(r"\w+", text)) for text in (one, other))
    shared = (words & others).total()
    return 2 * shared / (words.total() + others.total()) if shared else 0.0


def _is_word_of(output: str, line: str) -> bool:
    wanted = re.escape(output.lower().replace(",", ""))
    return re.search(rf"(?<![\w.]){wanted}(?!\w|\.\d)", line) is not None
