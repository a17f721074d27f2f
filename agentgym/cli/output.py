"""Results on standard output: text, JSON, and tables that suit a terminal or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from shutil import get_terminal_size

from agentgym.jsontext import dump_json


def write(text: str) -> None:
    """Print text."""
    sys.stdout.write(f"{text}\n")


def write_json(value: object) -> None:
    """Print one line of JSON."""
    write(dump_json(value).decode())


def write_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Print a table; the columns named in `right` hold numbers. In a pipe it is plain text of any width."""
    lines = align([header, *rows], right=[position for position, name in enumerate(header) if name in right])
    width = max(map(len, lines)) + len(header)  # a frame takes some room
    if sys.stdout.isatty() and (not right or width <= get_terminal_size().columns):
        _write_framed(header, rows, right)
    else:
        write("\n".join(lines))  # also where a frame would have to break numbers


def align(rows: Sequence[Sequence[str]], *, right: Collection[int] = (), indent: int = 0) -> list[str]:
    """The rows as lines with aligned columns, those in `right` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if position in right else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return [" " * indent + line.rstrip() for line in lines]


def _write_framed(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in header:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
