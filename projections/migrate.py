"""Bring a database to the tables this program knows, and let its roles log in.

The files of `projections/migrations` are applied in the order of their names, each once, all that
are missing in one transaction, and never edited afterwards.
"""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final, LiteralString, NamedTuple, cast

from psycopg import sql

from ledger.errors import WrongSettings
from projections.database import SCHEMA, Database, connected

PROJECTOR: Final = "ledger_projector"
WEB: Final = "ledger_web"
OPERATOR: Final = "ledger_operator"
ROLES: Final = (PROJECTOR, WEB, OPERATOR)

ONE_AT_A_TIME: Final = 4_741_223
"""The advisory lock that concurrent migrations wait for; freed however its holder ends."""


class Migration(NamedTuple):
    """One file: its name without the ending, and its text."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(
    url: str, passwords: Mapping[str, str] | None = None, schema: str = SCHEMA
) -> list[str]:
    """Apply what is missing and set the roles' passwords; the names of what was applied.

    `url` is the owner's, who may create roles. Raises `WrongSettings` where an applied file was
    edited, or the database is newer than the program.
    """
    with connected(url, schema) as database, database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
        _create_home(database, schema)
        missing = _missing(database)
        for migration in missing:
            database.execute(sql.SQL(cast(LiteralString, migration.text)))
            database.execute(
                "INSERT INTO migrations (name, sha256) VALUES (%s, %s)",
                [migration.name, migration.sha256],
            )
        for role, password in (passwords or {}).items():
            _let_in(database, role, password)
        return [migration.name for migration in missing]


def pending(url: str, schema: str = SCHEMA) -> list[str]:
    """The names of the migrations that `migrate` would apply; changes nothing."""
    with connected(url, schema) as database:
        return [migration.name for migration in _missing(database)]


def migrations() -> list[Migration]:
    """Every migration this program knows, in order."""
    folder = files("projections") / "migrations"
    return sorted(
        Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    )


def _create_home(database: Database, schema: str) -> None:
    database.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    database.execute(
        "CREATE TABLE IF NOT EXISTS migrations ("
        "name text PRIMARY KEY, sha256 text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )


def _missing(database: Database) -> list[Migration]:
    known = migrations()
    applied = _applied(database)
    unknown = applied.keys() - {migration.name for migration in known}
    if unknown:
        raise WrongSettings(f"the database is newer than this program: it has {sorted(unknown)}")
    for migration in known:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise WrongSettings(
                f"{migration.name}.sql was edited after it was applied; restore it, add another"
            )
    return [migration for migration in known if migration.name not in applied]


def _applied(database: Database) -> dict[str, str]:
    [exists] = database.execute("SELECT to_regclass('migrations') IS NOT NULL").fetchone() or [0]
    if not exists:
        return {}
    return dict(database.execute("SELECT name, sha256 FROM migrations").fetchall())


def _let_in(database: Database, role: str, password: str) -> None:
    assert role in ROLES, f"{role} is not a role of the ledger"
    # Hashed here: a password in a statement would end up in the server's log.
    verifier = database.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    database.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(verifier.decode())
        )
    )
