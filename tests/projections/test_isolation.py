"""Row-level security: a tenant's connection cannot see another tenant, whatever it asks."""

from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from devstack.postgres import Postgres
from projections import holds, movements, projects, wallets
from projections.checkpoints import LogIdentity
from projections.database import Database, as_tenant, connected
from projections.logged import Place
from projections.migrate import migrate
from projections.projection import Projection
from tests.projections.decided_log import DecidedLog
from tests.projections.urls import PASSWORDS, Urls

pytestmark = pytest.mark.stack

OPERATORS_TABLES: list[LiteralString] = ["reviews", "approvals", "account_months"]
TENANT_TABLES: list[LiteralString] = [
    *("wallets", "projects", "holds", "usage_daily", "movements"),
    *("chat_hours", "budgets", "notices"),
]


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> Urls:
    """Rows of three tenants in every table, and of two in some."""
    urls = Urls(postgres.url)
    migrate(urls.owner, PASSWORDS)
    log = DecidedLog(seed=5, tenants=5, inputs=1_500)
    place = Place("g1", 0)
    with connected(urls.projector) as database:
        projection = Projection(database)
        projection.claim(place, LogIdentity("cluster", "topic"))
        projection.apply(place, 0, log.events, log.end)
    return urls


@pytest.fixture
def web(filled: Urls) -> Generator[Database]:
    with connected(filled.web) as database:
        yield database


def tenants(database: Database, table: LiteralString) -> set[str]:
    query = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(sql.Identifier(table))
    return {tenant_id for (tenant_id,) in database.execute(query)}


def bare(url: str) -> psycopg.Connection:
    """A connection whose failures are Postgres's own."""
    return psycopg.connect(url, options="-c search_path=read_models")


def forbidden() -> AbstractContextManager[object]:
    return pytest.raises(psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_the_web_sees_only_the_tenant_that_is_set(web: Database, table: LiteralString) -> None:
    with as_tenant(web, "tenant-1"):
        assert tenants(web, table) == {"tenant-1"}


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_the_web_sees_nothing_before_and_after_a_tenant_is_set(
    web: Database, table: LiteralString
) -> None:
    before = tenants(web, table)
    with as_tenant(web, "tenant-1"):
        pass
    assert (before, tenants(web, table)) == (set(), set())


@pytest.mark.parametrize("table", TENANT_TABLES + OPERATORS_TABLES)
def test_operators_see_every_tenant(filled: Urls, table: LiteralString) -> None:
    with connected(filled.operator) as database:
        assert tenants(database, table) >= {"tenant-0", "tenant-1", "tenant-2"}


@pytest.mark.parametrize("table", [*OPERATORS_TABLES, "journal", "adopted_cards"])
def test_what_is_the_operators_own_is_not_the_webs(web: Database, table: LiteralString) -> None:
    with as_tenant(web, "tenant-1"), forbidden():
        web.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))


def test_asking_for_another_tenant_finds_nothing(web: Database) -> None:
    with as_tenant(web, "tenant-1"):
        assert wallets.find(web, "tenant-1") is not None
        assert wallets.find(web, "tenant-2") is None
        assert movements.page(web, "tenant-2") == []
        assert holds.page(web, "tenant-2") == []
        assert projects.of_tenant(web, "tenant-2") == []


def test_the_parts_of_a_table_are_no_way_around_it(web: Database) -> None:
    with as_tenant(web, "tenant-1"), forbidden():
        web.execute("SELECT FROM movements_2026_01")


@pytest.mark.parametrize("role", ["web", "operator"])
@pytest.mark.parametrize("table", TENANT_TABLES + OPERATORS_TABLES)
def test_only_the_projector_writes(filled: Urls, role: str, table: LiteralString) -> None:
    query = sql.SQL("UPDATE {} SET tenant_id = 'tenant-1'").format(sql.Identifier(table))
    with bare(getattr(filled, role)) as database, forbidden():
        database.execute(query)


def test_the_projector_deletes_nothing(filled: Urls) -> None:
    with bare(filled.projector) as database, forbidden():
        database.execute("DELETE FROM movements")
