"""Connections to the read models, and what their failures mean to whoever holds one."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.rows import TupleRow

from ledger.errors import TryAgain, WrongSettings

SCHEMA: Final = "read_models"
"""Where the live tables are; a rebuild fills another schema with the same folds."""

CONNECT_TIMEOUT_S: Final = 5

Database = psycopg.Connection[TupleRow]


class ReadModelsUnavailable(TryAgain):
    """Postgres is away, cut the connection, or asks for the transaction to be repeated."""


class NotMigrated(WrongSettings):
    """The tables are not those this program knows, or not for this role."""


@contextmanager
def translated() -> Generator[None]:
    """Raise Postgres's failures as the ledger's errors; the programmer's mistakes as they are."""
    try:
        yield
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        raise ReadModelsUnavailable(f"Postgres: {_first_line(error)}") from error
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.UndefinedFunction,
        psycopg.errors.InsufficientPrivilege,
    ) as error:
        raise NotMigrated(f"{_first_line(error)}; run `ledger migrate` as the owner") from error


@contextmanager
def connected(url: str, schema: str = SCHEMA) -> Generator[Database]:
    """A connection for queries and folds; unqualified names are the schema's tables.

    Every statement is its own transaction unless `transaction()` opens one. Raises
    `ReadModelsUnavailable` and `NotMigrated`, also for what is done inside the block.
    """
    with translated():
        database = connect(url, schema)
        try:
            yield database
        finally:
            database.close()


def connect(url: str, schema: str = SCHEMA) -> Database:
    """Open a connection that the caller closes; its failures are psycopg's own."""
    database = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        # A dead peer is noticed in half a minute instead of two hours.
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=4,
    )
    database.adapters.register_dumper(tuple, _JsonDumper)
    database.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
    return database


@contextmanager
def as_tenant(database: Database, tenant_id: str) -> Generator[None]:
    """Inside the block, row-level security shows this tenant's rows to the role of the web."""
    with database.transaction():
        database.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant_id])
        yield


class _JsonDumper(Dumper):
    """A tuple in a row is a JSON column; the arrays of queries are lists."""

    oid = psycopg.postgres.types["jsonb"].oid

    def dump(self, obj: tuple[object, ...]) -> bytes:
        return msgspec.json.encode(obj)


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0].strip()
