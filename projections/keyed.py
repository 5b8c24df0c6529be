"""Read models whose rows later events move on: found by a key, and replaced whole."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, LiteralString, TypeVar

import msgspec
from psycopg import sql

from ledger.events import Event
from projections.database import Database
from projections.logged import Batch
from projections.rows import Stage, Table, replacing

R = TypeVar("R", bound=msgspec.Struct)

Key = tuple[Any, ...]
"""The values of a row's key columns, of which there are several; the tenant's id is the first."""


class Keyed(Generic[R]):
    """A table, the key of its rows, and which row an event moves on."""

    def __init__(
        self,
        table: Table[R],
        key: Mapping[str, LiteralString],
        moved_by: Callable[[Event], Key | None],
    ) -> None:
        """`key` has the key's columns with their Postgres types; nothing in it is ever null.

        `moved_by` names a row that an event may find there; None if it finds none.
        """
        self.table: Final = table
        self.stage: Final[Stage[R]] = replacing(table, list(key))
        self._key_of = attrgetter(*key)
        *_, self._last = key
        self._moved_by = moved_by
        asked = {column: sql.Identifier(f"asked_{column}") for column in key}
        comma, also = sql.SQL(", "), sql.SQL(" AND ")
        self._join = sql.SQL("JOIN unnest({}) AS asked ({}) ON {}").format(
            comma.join(sql.SQL("%s::{}[]").format(sql.SQL(kind)) for kind in key.values()),
            comma.join(asked.values()),
            also.join(
                sql.SQL("{} = {}").format(sql.Identifier(column), name)
                for column, name in asked.items()
            ),
        )

    def load(
        self, database: Database, batch: Batch, rows: dict[Key, R], uncommitted: Mapping[Key, R]
    ) -> None:
        """Add the rows that the batch moves on and that are not there yet.

        `uncommitted` are those that a batch before this one is about to leave.
        """
        asked: set[Key] = set()
        for _, event in batch:
            key = self._moved_by(event)
            if key is None or key in rows:
                continue
            if key in uncommitted:
                rows[key] = msgspec.structs.replace(uncommitted[key])
            else:
                asked.add(key)
        if asked:
            columns = [list(values) for values in zip(*asked, strict=True)]
            found = self.table.select(database, self._join, columns)
            rows |= {self._key_of(row): row for row in found}

    def page(
        self,
        database: Database,
        tenant_id: str | None,
        after: tuple[int, str],
        limit: int,
        state: str | None,
    ) -> list[R]:
        """Rows in that state or in any, of a tenant or of all, the oldest first.

        The table has `recorded_at_ms` and `state`; `after` is the last row's `recorded_at_ms` and
        the last of its key's columns.
        """
        clauses = sql.SQL(
            "WHERE (recorded_at_ms, {0}) > (%s, %s) AND (%s::text IS NULL OR state = %s)"
            " AND (%s::text IS NULL OR tenant_id = %s) ORDER BY recorded_at_ms, {0} LIMIT %s"
        ).format(sql.Identifier(self._last))
        asked = [*after, state, state, tenant_id, tenant_id, limit]
        return self.table.select(database, clauses, asked)
