"""Between rows as Python objects and tables: reading them back, and writing many at once.

A row is a struct whose fields are its table's columns, in any order. Rows are copied to a temporary
table and merged from there: the projector's role is under row-level security, where Postgres
allows no COPY, and a merge is one statement for a whole batch.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, LiteralString, TypeVar

import msgspec
from psycopg import sql

from projections.database import Database

R = TypeVar("R", bound=msgspec.Struct)


class Table(Generic[R]):
    """A read model's table, and what becomes of a row that is there already.

    Without a `key` rows are only added. With one, a row replaces the one of the same key, except
    that the columns in `summed` are added up.
    """

    def __init__(
        self,
        name: str,
        row: type[R],
        key: Sequence[str] = (),
        summed: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.row = row
        self.columns = row.__struct_fields__
        staged = sql.Identifier(f"staged_{name}")
        names = {
            "table": sql.Identifier(name),
            "staged": staged,
            "columns": _listed(self.columns),
            "merge": _merge(name, self.columns, key, summed),
        }
        self._stage = sql.SQL(
            "CREATE TEMPORARY TABLE {staged} (LIKE {table}) ON COMMIT DELETE ROWS"
        ).format(**names)
        self._copy = sql.SQL("COPY {staged} ({columns}) FROM STDIN").format(**names)
        self._insert = sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM {staged} {merge}"
        ).format(**names)
        self._select = sql.SQL("SELECT {columns} FROM {table} ").format(**names)

    def select(
        self, database: Database, rest: LiteralString, parameters: Sequence[object]
    ) -> list[R]:
        """The rows that `rest` (joins, conditions, order, limit) leaves."""
        found = database.execute(self._select + sql.SQL(rest), parameters)
        return [
            msgspec.convert(dict(zip(self.columns, row, strict=True)), self.row) for row in found
        ]

    def prepare(self, database: Database) -> None:
        """Make the session's staging table; once, before the first `write`."""
        database.execute(self._stage)

    def write(self, database: Database, rows: Sequence[R]) -> None:
        """Add or merge the rows; at most one of each key, inside a transaction."""
        if not rows:
            return
        with database.cursor() as cursor:
            with cursor.copy(self._copy) as copy:
                for row in rows:
                    copy.write_row(msgspec.structs.astuple(row))
            cursor.execute(self._insert)


def _listed(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _merge(
    table: str, columns: Sequence[str], key: Sequence[str], summed: Sequence[str]
) -> sql.Composable:
    if not key:
        return sql.SQL("")
    replace, add = sql.SQL("{0} = excluded.{0}"), sql.SQL("{0} = {1}.{0} + excluded.{0}")
    changes = [
        (add if column in summed else replace).format(sql.Identifier(column), sql.Identifier(table))
        for column in columns
        if column not in key
    ]
    return sql.SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(
        _listed(key), sql.SQL(", ").join(changes)
    )
