"""What a person should know of an export: each kind of trouble once, with how often it came and where first."""

from __future__ import annotations

from collections import Counter


class Notices:
    """Counts troubles as they come; a dialogue that gives several rows may meet one more than once."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, trouble: str, where: str, *, times: int = 1) -> None:
        """Note some, if there were any."""
        if times:
            self._counts[trouble] += times
            self._first.setdefault(trouble, where)

    def lines(self) -> list[str]:
        """One line for each kind."""
        return [f"{trouble}: {times}, first at {self._first[trouble]}" for trouble, times in self._counts.items()]
