"""Between rows as Python objects and tables: reading them back, and writing many at once.

A row is an `array_like` struct whose fields are its table's columns, in any order. Rows are copied
to a temporary table and merged from there: the projector's role is under row-level security, where
Postgres allows no COPY, and a merge is one statement for a whole batch. (ADR 040)
"""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Final, Generic, LiteralString, TypeVar

import msgspec
from psycopg import sql

from projections.database import Database

R = TypeVar("R", bound=msgspec.Struct)

ENCODER: Final = msgspec.json.Encoder()
CSV: Final = sql.SQL("""(FORMAT csv, QUOTE '"', ESCAPE '\\', NULL 'null')""")
"""A JSON array without its brackets is a line of this CSV, but for JSON's other escapes."""

PART_ROWS: Final = 200
"""What is encoded and sent at once, so that it stays in the processor's cache."""

ESCAPE: Final = re.compile(rb"\\(?:u00([0-9a-f]{2})|(.))")
ESCAPED: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}


class Table(Generic[R]):
    """A read model's table, as its rows are read."""

    def __init__(self, name: str, row: type[R]) -> None:
        self.name = name
        self.row = row
        self.columns = row.__struct_fields__
        self._select = sql.SQL("SELECT {} FROM {} ").format(
            listed(self.columns), sql.Identifier(name)
        )

    def select(
        self, database: Database, rest: LiteralString | sql.Composed, parameters: Sequence[object]
    ) -> list[R]:
        """The rows that `rest` (joins, conditions, order, limit) leaves."""
        clauses = rest if isinstance(rest, sql.Composed) else sql.SQL(rest)
        found = database.execute(self._select + clauses, parameters)
        return [msgspec.convert(row, self.row) for row in found.fetchall()]


class Stage(Generic[R]):
    """A temporary table of the session, and the statement that takes its rows where they belong."""

    def __init__(
        self, name: str, row: type[R], columns: sql.Composed, merge: sql.Composed | sql.SQL
    ) -> None:
        """`columns` selects them, typed, from anywhere; `merge` counts every staged row once."""
        fields = listed(row.__struct_fields__)
        names = {"stage": sql.Identifier(name), "columns": columns, "fields": fields, "csv": CSV}
        self._create = sql.SQL(
            "CREATE TEMPORARY TABLE {stage} ON COMMIT DELETE ROWS AS {columns} WITH NO DATA"
        ).format(**names)
        self._copy = sql.SQL("COPY {stage} ({fields}) FROM STDIN {csv}").format(**names)
        self._merge = merge

    def prepare(self, database: Database) -> None:
        """Make the session's table; once, before the first `write`."""
        database.execute(self._create)

    def write(
        self,
        database: Database,
        count: int,
        parts: Iterable[bytes],
        parameters: Sequence[object] = (),
    ) -> None:
        """Stage and merge `count` rows, encoded by `csv`, inside a transaction.

        There is at most one row of each key.
        """
        if count:
            self.copy(database, parts)
            self.merge(database, count, parameters)

    def write_rows(self, database: Database, rows: Collection[R]) -> None:
        """The same, of rows that are yet to be encoded."""
        rest = iter(rows)
        parts = iter(lambda: list(islice(rest, PART_ROWS)), [])
        self.write(database, len(rows), map(csv, parts))

    def copy(self, database: Database, parts: Iterable[bytes]) -> None:
        """Stage encoded rows."""
        with database.cursor() as cursor, cursor.copy(self._copy) as copying:
            for part in parts:
                copying.write(part)

    def merge(self, database: Database, count: int, parameters: Sequence[object]) -> None:
        """Take that many staged rows to where they belong."""
        merged = database.execute(self._merge, parameters)
        assert merged.rowcount == count, f"{merged.rowcount} rows merged of {count}"


def replacing(table: Table[R], key: Sequence[str], summed: Sequence[str] = ()) -> Stage[R]:
    """Rows replace those of the same key, but that the columns in `summed` are added up."""
    replace, add = sql.SQL("{0} = excluded.{0}"), sql.SQL("{0} = {1}.{0} + excluded.{0}")
    name = sql.Identifier(table.name)
    changes = [
        (add if column in summed else replace).format(sql.Identifier(column), name)
        for column in table.columns
        if column not in key
    ]
    conflict = sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(
        listed(key), sql.SQL(", ").join(changes)
    )
    return _inserting(table, conflict)


def adding(table: Table[R]) -> Stage[R]:
    """Rows are new."""
    return _inserting(table, sql.SQL(""))


def listed(columns: Iterable[str]) -> sql.Composed:
    """The names, with commas between them."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def csv(rows: Sequence[msgspec.Struct]) -> bytes:
    """The rows as `CSV` has them, by one call for all."""
    if not rows:
        return b""
    arrays = ENCODER.encode_lines(rows)
    # A line's end is only where a row ends: inside a text it is escaped.
    lines = arrays[1:-2].replace(b"]\n[", b"\n") + b"\n"
    return ESCAPE.sub(_as_csv, lines) if b"\\" in lines else lines


def _as_csv(escape: re.Match[bytes]) -> bytes:
    code, letter = escape.groups()
    if code is not None:
        return bytes.fromhex(code.decode())
    return ESCAPED.get(letter, escape[0])


def _inserting(table: Table[R], conflict: sql.Composable) -> Stage[R]:
    name, stage = sql.Identifier(table.name), f"staged_{table.name}"
    columns = sql.SQL("SELECT {} FROM {}").format(listed(table.columns), name)
    merge = sql.SQL("INSERT INTO {} ({}) SELECT * FROM {}").format(
        name, listed(table.columns), sql.Identifier(stage)
    )
    return Stage(stage, table.row, columns, merge + conflict)
