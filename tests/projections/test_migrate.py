"""Migrations on a real Postgres: applied once, never edited, and with roles that may little."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from ledger.errors import WrongSettings
from projections import migrate as subject
from projections.database import NotMigrated, ReadModelsUnavailable, connected
from projections.migrate import Migration, migrate, migrations, pending
from projections.projection import TABLES
from projections.rows import Table
from tests.projections.urls import PASSWORDS, Urls

pytestmark = pytest.mark.stack

NAMES = [migration.name for migration in migrations()]


def test_a_migration_is_applied_once(empty: Urls) -> None:
    assert pending(empty.owner) == NAMES
    assert migrate(empty.owner) == NAMES
    assert pending(empty.owner) == []
    assert migrate(empty.owner) == []


def test_two_who_migrate_at_once_do_it_once(empty: Urls) -> None:
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrate, [empty.owner] * 2))
    assert sorted(applied) == [[], NAMES]


def test_a_migration_that_fails_leaves_nothing(
    empty: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [*migrations(), Migration("9999-broken", "CREATE TABLE half (); SELECT 1 / 0")]
    monkeypatch.setattr(subject, "migrations", lambda: broken)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty.owner)
    assert pending(empty.owner) == [*NAMES, "9999-broken"]


def test_an_edited_migration_is_refused(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = [migration._replace(text=migration.text + "\n-- !") for migration in migrations()]
    monkeypatch.setattr(subject, "migrations", lambda: edited)
    with pytest.raises(WrongSettings, match="was edited"):
        migrate(urls.owner)


def test_a_database_newer_than_the_program_is_refused(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = migrations()[:-1]
    monkeypatch.setattr(subject, "migrations", lambda: older)
    with pytest.raises(WrongSettings, match="newer than this program"):
        pending(urls.owner)


def test_services_can_ask_what_is_missing(urls: Urls) -> None:
    assert [pending(url) for url in (urls.projector, urls.web, urls.operator)] == [[], [], []]


def test_a_database_without_tables_says_what_to_do(empty: Urls) -> None:
    migrate(empty.owner, PASSWORDS, schema="elsewhere")
    with pytest.raises(NotMigrated, match="run `ledger migrate`"), connected(empty.web) as database:
        database.execute("SELECT FROM wallets")


def test_a_password_can_be_changed(urls: Urls) -> None:
    migrate(urls.owner, {"ledger_web": "another"})
    with pytest.raises(ReadModelsUnavailable, match="password"), connected(urls.web):
        pass
    migrate(urls.owner, PASSWORDS)
    with connected(urls.web):
        pass


def test_roles_own_nothing_and_bypass_nothing(urls: Urls) -> None:
    with connected(urls.owner) as database:
        powers = database.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'ledger%'"
            " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)"
        ).fetchall()
        owned = database.execute(
            "SELECT relname FROM pg_class JOIN pg_roles ON relowner = pg_roles.oid"
            " WHERE rolname LIKE 'ledger%'"
        ).fetchall()
    assert (powers, owned) == ([], [])


def test_every_table_of_rows_is_under_row_level_security(urls: Urls) -> None:
    with connected(urls.owner) as database:
        database.execute("SELECT add_movements_month('2026-02-01')")
        bare = database.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'read_models'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relrowsecurity"
        ).fetchall()
    assert bare == [("migrations",)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_row_has_the_columns_of_its_table(urls: Urls, table: Table[Any]) -> None:
    with connected(urls.owner) as database:
        found = database.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'read_models' AND table_name = %s",
            [table.name],
        ).fetchall()
    assert sorted(name for (name,) in found) == sorted(table.columns)
