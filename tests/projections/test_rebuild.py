"""Rebuilding beside the live tables: what differs is found, and swapping loses nothing."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from projections import wallets
from projections.checkpoints import every
from projections.database import connected
from projections.logged import Logged, Place
from projections.projection import TABLES, Projection
from projections.rebuild import Rebuild
from tests.projections.decided_log import DecidedLog
from tests.projections.tables import LOG, PLACE, everything, fold
from tests.projections.urls import Urls

pytestmark = pytest.mark.stack

DECIDED = DecidedLog(seed=9, tenants=8, inputs=1_500)
HALF = len(DECIDED.events) // 2


def read(place: Place, begin: int, end: int) -> Iterator[Logged]:
    assert place == PLACE
    return (logged for logged in DECIDED.events if begin <= logged.offset < end)


def rebuild(urls: Urls) -> Rebuild:
    rebuilding = Rebuild(urls.owner, read, lambda _: None)
    rebuilding.catch_up()
    return rebuilding


def schemas(urls: Urls) -> set[str]:
    with connected(urls.owner) as database:
        found = database.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read_%'")
        return {name for (name,) in found}


def test_tables_that_the_log_folds_to_are_alike(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, 300)
    rebuilding = rebuild(urls)
    compared = rebuilding.compare()
    rebuilding.drop()
    assert [one.table for one in compared] == [table.name for table in TABLES]
    assert all(one.is_alike and one.live_count == one.rebuilt_count > 0 for one in compared)
    assert schemas(urls) == {"read_models"}


def test_a_row_that_was_changed_lost_or_made_up_is_found_and_put_right(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, 300)
    right = everything(urls.operator)
    with psycopg.connect(urls.owner, options="-c search_path=read_models") as database:
        database.execute("UPDATE wallets SET funds_micros = 7 WHERE tenant_id = 'tenant-1'")
        database.execute("DELETE FROM holds WHERE sequence = (SELECT min(sequence) FROM holds)")
        database.execute("INSERT INTO budgets VALUES ('tenant-1', 'x', 1, true, 0, 0, null)")
    rebuilding = rebuild(urls)
    compared = {one.table: one for one in rebuilding.compare() if not one.is_alike}
    assert {
        name: (one.only_live_count, one.only_rebuilt_count) for name, one in compared.items()
    } == {
        "wallets": (1, 1),
        "holds": (0, compared["holds"].only_rebuilt_count),
        "budgets": (1, 0),
    }
    assert "tenant-1" in compared["wallets"].shown[0].row
    rebuilding.swap()
    assert everything(urls.operator) == right
    assert schemas(urls) == {"read_models"}


def test_a_projector_that_writes_meanwhile_goes_on_with_the_new_tables(urls: Urls) -> None:
    # Given a projector that is somewhere, and a rebuild that has caught up with it
    fold(urls.projector, DECIDED.events[:HALF], 300)
    rebuilding = rebuild(urls)
    with connected(urls.projector) as database:
        projection = Projection(database)
        at = projection.claim(PLACE, LOG)
        middle, ahead = DECIDED.events[HALF : HALF + 200], DECIDED.events[HALF + 200 :]
        # When it writes on, also while the tables are compared and swapped
        projection.apply(PLACE, at, middle, middle[-1].offset + 1)
        assert all(one.is_alike for one in rebuilding.compare())
        swapping = threading.Thread(target=rebuilding.swap)
        with database.transaction():
            database.execute("SELECT FROM checkpoints FOR UPDATE")
            swapping.start()
            swapping.join(0.5)
            assert swapping.is_alive(), "it waits for whoever is writing"
        projection.apply(PLACE, middle[-1].offset + 1, ahead, ahead[-1].offset + 1)
        swapping.join()
    # Then nothing is lost, and nothing is written to what is gone
    with connected(urls.operator) as database:
        assert [one.next_offset for one in every(database)] == [ahead[-1].offset + 1]
        found = {wallet.tenant_id: wallet.sequence for wallet in wallets.page(database)}
    assert found == {tenant: wallet.version for tenant, wallet in DECIDED.wallets.items()}
    again = rebuild(urls)
    assert all(one.is_alike for one in again.compare())
    again.drop()
