"""The projector's loop on a real Postgres that is restarted, cut off, or shared with another."""

import itertools
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from consumers.projector import reading
from consumers.projector.figures import Figures
from consumers.projector.run import Projector
from devstack.postgres import Postgres
from ledger.errors import BrokenLog
from projections.database import connected
from projections.logged import Batch, Place
from projections.migrate import migrate
from projections.projection import Folded
from service.health import Health
from service.signals import Stop
from tests.projections.decided_log import DecidedLog
from tests.projections.memory_log import MemoryLog, Record, records
from tests.projections.tables import LOG, everything, fold
from tests.projections.urls import Urls

pytestmark = pytest.mark.stack

DECIDED = DecidedLog(seed=2, tenants=8, inputs=2_000)
RECORDS = {0: records(0, DECIDED.events)}
END = DECIDED.end + 1
DEADLINE_S = 60.0


class Told(Figures):
    """Figures that stop the projector at the log's end, and do something once on the way."""

    def __init__(self, stop: Stop, on_the_way: Callable[[], object] = lambda: None) -> None:
        self.health = Health("read models", silence_s_max=60)
        super().__init__(self.health)
        self.overtakings = 0
        self.cuts = 0
        self._stop = stop
        self._on_the_way: Callable[[], object] | None = on_the_way

    def folded(
        self,
        partition: int,
        events: int,
        following: int,
        appended_at_ms: int | None,
        seconds: float,
    ) -> None:
        super().folded(partition, events, following, appended_at_ms, seconds)
        if following > END // 2 and self._on_the_way is not None:
            act, self._on_the_way = self._on_the_way, None
            act()
        if following >= END:
            self._stop.request("the log's end")

    def overtaken(self) -> None:
        super().overtaken()
        self.overtakings += 1

    def cut(self, reason: str) -> None:
        super().cut(reason)
        self.cuts += 1


def project(
    url: str,
    on_the_way: Callable[[], object] = lambda: None,
    partitions: Mapping[int, list[Record]] = RECORDS,
) -> Told:
    """Run a projector to the end of the log."""
    stop = Stop()
    told = Told(stop, on_the_way)
    with deadline(stop):
        projector(url, told, stop, partitions).run()
    assert stop.reason == "the log's end"
    return told


def project_twice(url: str) -> list[Told]:
    """Run two projectors that begin at the same checkpoint, until one is at the log's end."""
    stop, both_claimed = Stop(), threading.Barrier(2)
    told = [Told(stop), Told(stop)]

    def run(one: Told) -> None:
        projector(url, one, stop, RECORDS, both_claimed.wait).run()

    with deadline(stop), ThreadPoolExecutor(2) as pool:
        list(pool.map(run, told))
    assert stop.reason == "the log's end"
    return told


def projector(
    url: str,
    told: Told,
    stop: Stop,
    partitions: Mapping[int, list[Record]],
    before_reading: Callable[[], object] = lambda: None,
) -> Projector:
    def follow(positions: Mapping[int, int]) -> MemoryLog:
        before_reading()
        return MemoryLog(partitions, positions)

    places = [Place("g1", number) for number in partitions]
    return Projector(url, places, LOG, follow, told, stop)


@contextmanager
def deadline(stop: Stop) -> Generator[None]:
    watchdog = threading.Timer(DEADLINE_S, stop.request, ["it took too long"])
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the log takes many, each folded while the one before it is written."""
    monkeypatch.setattr(reading, "EVENTS_MAX", 150)
    monkeypatch.setattr(reading, "FOLDED_AT_ONCE", 40)


@pytest.fixture
def expected(urls: Urls) -> dict[str, list[str]]:
    """The rows of a fold that nothing disturbed."""
    migrate(urls.owner, schema="beside")
    fold(urls.projector, DECIDED.events, batch_size=500, schema="beside")
    return everything(urls.operator, "beside")


def test_the_read_models_are_the_fold_of_the_log(
    urls: Urls, expected: dict[str, list[str]]
) -> None:
    project(urls.projector)
    assert everything(urls.operator) == expected


def test_a_projector_goes_on_where_the_last_one_stopped(
    urls: Urls, expected: dict[str, list[str]]
) -> None:
    fold(urls.projector, DECIDED.events[:700], batch_size=333)
    project(urls.projector)
    assert everything(urls.operator) == expected


def test_a_restart_of_postgres_loses_and_doubles_nothing(
    urls: Urls, expected: dict[str, list[str]], postgres: Postgres
) -> None:
    def restart() -> None:
        postgres.kill()
        postgres.start()

    told = project(urls.projector, on_the_way=restart)
    assert told.cuts > 0
    assert everything(urls.operator) == expected


def test_a_cut_connection_loses_and_doubles_nothing(
    urls: Urls, expected: dict[str, list[str]]
) -> None:
    def cut() -> None:
        with psycopg.connect(urls.owner) as database:
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'ledger_projector' AND datname = current_database()"
            )

    told = project(urls.projector, on_the_way=cut)
    assert told.cuts > 0
    assert everything(urls.operator) == expected


def test_a_commit_whose_answer_was_lost_is_not_folded_again(
    urls: Urls, expected: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = psycopg.Transaction.__exit__
    lost = iter([True])

    def lose_the_answer(self: psycopg.Transaction, *outcome: object) -> bool:
        done = leave(self, *outcome)  # type: ignore[arg-type]
        if next(lost, False):
            raise psycopg.OperationalError("cut after the commit")
        return done

    monkeypatch.setattr(psycopg.Transaction, "__exit__", lose_the_answer)
    assert project(urls.projector).cuts == 1
    assert everything(urls.operator) == expected


def test_a_serialization_failure_is_tried_again(urls: Urls, expected: dict[str, list[str]]) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as owner:
        owner.execute(
            "ALTER ROLE ledger_projector SET default_transaction_isolation = serializable"
        )
    try:
        told = project_twice(urls.projector)
    finally:
        with psycopg.connect(urls.owner, autocommit=True) as owner:
            owner.execute("ALTER ROLE ledger_projector RESET default_transaction_isolation")
    assert sum(one.cuts for one in told) > 0
    assert everything(urls.operator) == expected


def test_two_projectors_on_one_partition_fold_it_once(
    urls: Urls, expected: dict[str, list[str]]
) -> None:
    told = project_twice(urls.projector)
    assert sum(one.overtakings for one in told) > 0
    assert everything(urls.operator) == expected


def test_a_projector_that_was_left_far_behind_goes_on_from_the_checkpoint(
    urls: Urls, expected: dict[str, list[str]]
) -> None:
    def overtake() -> None:
        fold(urls.projector, DECIDED.events, batch_size=400)

    told = project(urls.projector, on_the_way=overtake)
    assert told.overtakings > 0
    assert everything(urls.operator) == expected


def test_rows_that_another_projector_left_are_not_taken_for_a_broken_log(
    urls: Urls, expected: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    add, calls = Folded.add, itertools.count()

    def add_late(self: Folded, batch: Batch) -> None:
        if next(calls) == 0:
            fold(urls.projector, DECIDED.events, batch_size=400)
        add(self, batch)

    monkeypatch.setattr(Folded, "add", add_late)
    told = project(urls.projector)
    assert told.overtakings > 0
    assert everything(urls.operator) == expected


def test_a_log_with_a_gap_stops_the_projector(urls: Urls) -> None:
    gapped = [*RECORDS[0][:300], *RECORDS[0][301:]]
    with pytest.raises(BrokenLog, match="came after"):
        project(urls.projector, partitions={0: gapped})


def test_it_is_ready_while_postgres_takes_its_batches(urls: Urls) -> None:
    told = project(urls.projector)
    assert told.health.readiness()[0] == 200
    told.cut("away")
    assert told.health.readiness()[0] == 503


def test_several_partitions_have_checkpoints_of_their_own(urls: Urls) -> None:
    other = DecidedLog(seed=3, tenants=3, inputs=8)
    partitions = {3: records(3, other.events[:1]), 0: RECORDS[0]}
    project(urls.projector, partitions=partitions)
    with connected(urls.operator) as database:
        found = database.execute(
            "SELECT partition, next_offset FROM checkpoints ORDER BY partition"
        ).fetchall()
    assert found == [(0, END), (3, 2)]


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0\7what", b"no"])
def test_an_event_that_cannot_be_read_stops_the_projector(urls: Urls, value: bytes | None) -> None:
    partitions = {0: [*RECORDS[0][:10], Record(0, 10, value)]}
    with pytest.raises(BrokenLog, match=r"wallet\.events/0 at 10"):
        project(urls.projector, partitions=partitions)


@contextmanager
def away(postgres: Postgres) -> Generator[None]:
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


def test_it_stops_while_postgres_is_away(urls: Urls, postgres: Postgres) -> None:
    stop = Stop()
    told = Told(stop)
    with away(postgres), deadline(stop):
        threading.Timer(0.5, stop.request, ["asked"]).start()
        projector(urls.projector, told, stop, RECORDS).run()
    assert stop.reason == "asked"
    assert told.cuts > 0
