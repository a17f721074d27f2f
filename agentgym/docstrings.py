"""What a docstring says of a function and of each of its parameters (Google or Sphinx style)."""

from __future__ import annotations

import re
from textwrap import dedent

_HEADING = re.compile(r"\s*(args|arguments|parameters)\s*:\s*$", re.IGNORECASE)
_GOOGLE = re.compile(r"(?P<name>\w+)\s*(\([^)]*\))?\s*:\s*(?P<text>.*)$")
_SPHINX = re.compile(r":param(?:\s[^:]*?)?\s(?P<name>\w+)\s*:\s*(?P<text>.*)$")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a cleaned docstring into its description and its words on each parameter."""
    before, section, after = _split_section(text.splitlines())
    prose, sphinx = _take_entries(before + after, _SPHINX)
    _, google = _take_entries(dedent("\n".join(section)).splitlines(), _GOOGLE)
    return "\n".join(prose).strip(), {**sphinx, **google}


def _split_section(lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    start = next((number for number, line in enumerate(lines) if _HEADING.match(line)), len(lines))
    heading_indent = _indent(lines[start]) if start < len(lines) else 0
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > heading_indent):
        end += 1
    return lines[:start], lines[start + 1 : end], lines[end:]


def _take_entries(lines: list[str], pattern: re.Pattern[str]) -> tuple[list[str], dict[str, str]]:
    """Entries start at the margin; indented lines after one belong to it."""
    others: list[str] = []
    entries: dict[str, str] = {}
    current: str | None = None
    for line in lines:
        if match := pattern.match(line):
            current = match["name"]
            entries[current] = match["text"].strip()
        elif current is not None and line.strip() and _indent(line):
            entries[current] = f"{entries[current]} {line.strip()}".strip()
        else:
            current = None if line.strip() else current
            others.append(line)
    return others, entries


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
