"""The exact hash of a whole world, from the texts of its records and of those an episode changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from environments.retail.records import Table

_BLOCK = 64


class Ledger:
    """The canonical text of a world in blocks, with the state of the hash before each.

    A changed record costs its own block and hashing on from there.
    """

    brackets = ("(", ")")
    """What the whole stands in."""

    def __init__(self, tables: Mapping[Table, Mapping[str, str]]) -> None:
        self._places: dict[tuple[Table, str], tuple[int, str]] = {}
        """Where a record's piece stands, and what of it comes before the record's own text."""
        self._pieces: list[bytes] = [self.brackets[0].encode()]
        for position, table in enumerate(sorted(tables)):
            self._add_table(", " if position else "", table, tables[table])
        self._pieces.append(self.brackets[1].encode())
        starts = range(0, len(self._pieces), _BLOCK)
        self._blocks = [b"".join(self._pieces[start : start + _BLOCK]) for start in starts]
        self._before = list(_running_hashes(self._blocks))
        self._unchanged = self._before.pop().hexdigest()

    def digest(self, changed: Mapping[tuple[Table, str], str]) -> str:
        """The hash of the world with the canonical texts of some records replaced."""
        if not changed:
            return self._unchanged
        pieces: dict[int, bytes] = {}
        for record, text in changed.items():
            place, lead = self._places[record]
            pieces[place] = self._piece(lead, record[1], text)
        first = min(pieces) // _BLOCK
        running = self._before[first].copy()
        touched = {place // _BLOCK for place in pieces}
        for number in range(first, len(self._blocks)):
            running.update(self._rewritten(number, pieces) if number in touched else self._blocks[number])
        return running.hexdigest()

    def _table_opening(self, table: Table) -> str:
        return f"({table!r}, ("

    def _table_closing(self, count: int) -> str:
        return ",))" if count == 1 else "))"  # a tuple of one is written with a comma

    def _record(self, key: str, text: str) -> str:
        return f"({key!r}, {text})"

    def _piece(self, lead: str, key: str, text: str) -> bytes:
        return f"{lead}{self._record(key, text)}".encode()

    def _rewritten(self, number: int, pieces: Mapping[int, bytes]) -> bytes:
        start = number * _BLOCK
        block = self._pieces[start : start + _BLOCK]
        return b"".join([pieces.get(place, piece) for place, piece in enumerate(block, start)])

    def _add_table(self, lead: str, table: Table, texts: Mapping[str, str]) -> None:
        self._pieces.append(f"{lead}{self._table_opening(table)}".encode())
        for position, key in enumerate(sorted(texts)):
            lead = ", " if position else ""
            self._places[table, key] = (len(self._pieces), lead)
            self._pieces.append(self._piece(lead, key, texts[key]))
        self._pieces.append(self._table_closing(len(texts)).encode())


def _running_hashes(blocks: Iterable[bytes]) -> Iterable[hashlib._Hash]:
    running = hashlib.sha256()
    yield running.copy()
    for block in blocks:
        running.update(block)
        yield running.copy()
