"""`check`: whether the answers of a file keep to the rules of their form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from agentgym.messages import JsonObject
from environments.special_tokens.modes import STANDARD, Modes
from environments.special_tokens.rows import Row, read_rows
from environments.special_tokens.rules import broken_rules, format_codes


def check_file(path: str | Path, modes: Modes = STANDARD) -> JsonObject:
    """The report on a file."""
    return {"file": str(path), **check_rows(read_rows(path), modes)}


def check_rows(rows: Iterable[Row], modes: Modes = STANDARD) -> JsonObject:
    """How many rows pass, and which codes each of the others gives."""
    items: list[JsonObject] = []
    counts = Counter[str]()
    for index, row in enumerate(rows):
        answer = row.answer(modes)
        codes = broken_rules(answer, modes)
        counts.update(codes)
        items.append({"index": index, "passed": not codes, "mode": answer.mode, "codes": list(codes)})
    passed = sum(1 for item in items if item["passed"])
    return {
        "total": len(items),
        "passed": passed,
        "failed": len(items) - passed,
        "pass_rate": passed / len(items) if items else 0.0,
        "by_rule": {code: counts[code] for code in format_codes(modes) if counts[code]},
        "items": list(items),
    }
