"""The exact hash of a whole world, of its JSON text with sorted keys."""

from __future__ import annotations

import json

from environments.retail.ledger import Ledger
from environments.retail.records import Table


class JsonLedger(Ledger):
    """The same ledger in JSON."""

    brackets = ("{", "}")

    def _table_opening(self, table: Table) -> str:
        return f"{json.dumps(table)}: {{"

    def _table_closing(self, count: int) -> str:
        return "}"

    def _record(self, key: str, text: str) -> str:
        return f"{json.dumps(key)}: {text}"
