"""What a command prints: tables for people, JSON for programs, from the same rows.

A field's name says its unit (`…_micros`, `…_at_ms`, `…_ms`), and so how people are shown it.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger.money import format_usd

# Into a file or a pipe, a line is as long as it is.
WIDTH_WITHOUT_TERMINAL: Final = 1_000
SHORT_MAX: Final = 12
NOTHING: Final = "–"
MOMENTS: Final = ("_at_ms", "_from_ms")
NUMBERS: Final = ("_micros", "_ms", "_count", "version", "partition")

Columns = Mapping[str, str]
"""The titles of a table by the field that each shows, in order."""


def print_json(value: object) -> None:
    """One document, indented."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def print_rows(columns: Columns, rows: Sequence[Mapping[str, object]]) -> None:
    """A table; on a terminal as wide as fits: long texts are folded, and nothing else."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for field, heading in columns.items():
        longest = max((len(shown(field, row[field])) for row in rows), default=0)
        is_number = field.endswith(NUMBERS) and not field.endswith(MOMENTS)
        is_short = field.endswith(MOMENTS) or longest <= SHORT_MAX
        table.add_column(
            heading,
            justify="right" if is_number else "left",
            no_wrap=is_number or is_short,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(shown(field, row[field])) for field in columns))
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    Console(highlight=False, width=width).print(table)


def shown(field: str, value: object) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _shown_number(field, value)
    if isinstance(value, Enum):
        return str(value).lower().replace("_", " ")
    # A stranger's text may not steer the terminal.
    return "".join(char if char.isprintable() else "�" for char in str(value))


def _shown_number(field: str, value: int) -> str:
    if field.endswith("_micros"):
        return format_usd(value)
    if field.endswith(MOMENTS):
        return shown_time(value)
    if field.endswith("_ms"):
        return shown_duration(value)
    return f"{value:,}" if field.endswith("_count") else str(value)


def shown_time(utc_ms: int) -> str:
    """To the second: `2026-11-23 19:12:03`."""
    return f"{datetime.fromtimestamp(utc_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def shown_duration(ms: int) -> str:
    """Minutes and seconds: `5:00`."""
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes}:{seconds:02d}"
