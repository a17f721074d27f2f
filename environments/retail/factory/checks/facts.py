"""Numbers, ids, dates and statuses in text, each in one form, so that equal ones are equal."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LIST_NUMBER = re.compile(r"^\s*\d{1,2}[.)]\s+", re.MULTILINE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_FACT = re.compile(
    r"(?P<order>#w\d+|\bw\d{5,}\b)"
    r"|(?P<id>\b[a-z]+(?:_[a-z]+)*_\d+\b)"
    r"|(?P<date>(?<!\d)\d{4}-\d\d-\d\d(?!\d))"
    r"|(?<![\w.])(?P<number>\d+(?:\.\d+)?)(?!\w|\.\d)",
    re.ASCII,  # so that a number ends where Chinese begins
)
STATUSES = (
    *("pending (item modified)", "return requested", "exchange requested"),
    *("pending", "processed", "delivered", "cancelled"),
)
_STATUS = "|".join(map(re.escape, STATUSES))
_AS_STATUS = re.compile(
    rf"(?:\bstatus\W+(?:(?:of|is|was|now|as|to|currently|order|#w\d+)\W+){{0,4}}"
    rf"|\border (?:#w\d+ )?(?:(?:is|was|are|has been|have been|now|currently|still|already|successfully) )+"
    rf"|[\"'])({_STATUS})(?!\w)"
)
"""A word that may mean something else, where it is meant as the status of an order."""


def plain(text: str) -> str:
    """The text without what makes equal things look different."""
    text = " ".join(
        text.casefold().replace("canceled", "cancelled").replace("(items modified", "(item modified").split()
    )
    return _THOUSANDS.sub("", text)


def facts_in(text: str) -> Iterator[str]:
    """Numbers, ids and dates, as they come; statuses are another matter."""
    numbered = _LIST_NUMBER.sub("", text)
    for found in _FACT.finditer(plain(numbered)):
        if found["number"] is not None:
            yield numeral(found["number"])
        else:
            yield found[0] if found["order"] is None or found[0].startswith("#") else f"#{found[0]}"


def statuses_in(text: str) -> Iterator[str]:
    """The statuses of orders that a text tells of."""
    said = plain(text)
    if said.strip(" .!") in STATUSES:
        yield said.strip(" .!")
    else:
        yield from (found[1] for found in _AS_STATUS.finditer(said))


def numeral(digits: str) -> str:
    """A number in one form: 54.10 is 54.1, and 007 is 7."""
    whole, _, cents = digits.partition(".")
    cents = cents.rstrip("0")
    return f"{whole.lstrip('0') or '0'}{'.' if cents else ''}{cents}"
