"""Projector and ticker as production runs them, each a process, on a real Kafka and Postgres."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from devstack.stack import Stack
from eventlog import topics
from eventlog.producer import Publication, Publisher
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings
from ledger.commands import Tick
from projections import checkpoints
from projections.database import connected
from projections.logged import Logged
from projections.migrate import migrate
from schemas.codec import asked, wallet_events
from tests.checkout import ROOT
from tests.projections.decided_log import DecidedLog
from tests.projections.tables import everything, fold
from tests.projections.urls import PASSWORDS, Urls

pytestmark = pytest.mark.stack

PARTITIONS = 2
PATIENCE_S = 60.0
SMALL_BATCHES = """
from consumers.projector import reading
reading.EVENTS_MAX = 1_000
from cli.main import main
main()
"""
_numbers = count(1)


@pytest.fixture
def kafka(stack: Stack) -> KafkaSettings:
    settings = KafkaSettings(stack.bootstrap_servers, prefix=f"projections{next(_numbers)}.")
    topics.create(settings, PARTITIONS, replication=1)
    return settings


@pytest.fixture
def urls(stack: Stack) -> Urls:
    """A database of the stack's own Postgres: the other tests' is killed now and then."""
    found = Urls(stack.postgres_url)
    migrate(found.owner, PASSWORDS)
    return found


@contextmanager
def service(
    name: str, kafka: KafkaSettings, urls: Urls, log: Path
) -> Generator[subprocess.Popen[bytes]]:
    settings = {
        "LEDGER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "LEDGER_TOPIC_PREFIX": kafka.prefix,
        "LEDGER_PARTITIONS": str(PARTITIONS),
        "LEDGER_REPLICATION": "1",
        "LEDGER_PROJECTOR_DATABASE_URL": urls.projector,
        "LEDGER_TICK_SECONDS": "0.1",
    }
    with log.open("a") as output:
        process = subprocess.Popen(
            # Or the log would be folded before anything can be killed.
            [sys.executable, "-c", SMALL_BATCHES, "run", name],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(happened: Callable[[], bool], log: Path) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up_s, log.read_text()
        time.sleep(0.01)


def folded_to(urls: Urls, partition: int) -> int:
    with connected(urls.operator) as database:
        found = {row.partition: row.next_offset for row in checkpoints.every(database)}
    return found.get(partition, 0)


def test_a_projector_killed_in_mid_batch_loses_and_doubles_nothing(
    kafka: KafkaSettings, urls: Urls, tmp_path: Path
) -> None:
    # Given a log as Kafka has it, where offsets have no gaps for want of markers
    events = [
        Logged(offset, item.event)
        for offset, item in enumerate(DecidedLog(seed=4, tenants=30, inputs=25_000).events)
    ]
    published = (
        Publication("wallet.events", None, wallet_events.encode(event, bytes(32)), partition=1)
        for _, event in events
    )
    Publisher(kafka).publish(published)
    log = tmp_path / "log"
    # When the projector is killed on the way, twice, and then left alone
    at = 0
    for _ in range(2):
        with service("projector", kafka, urls, log):
            wait_for(lambda before=at: folded_to(urls, 1) > before, log)
        at = folded_to(urls, 1)
    with service("projector", kafka, urls, log) as process:
        wait_for(lambda: folded_to(urls, 1) == len(events), log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, log.read_text()
    # Then the rows are those of a fold that nothing disturbed
    migrate(urls.owner, schema="beside")
    fold(urls.projector, events, batch_size=10_000, schema="beside", partition=1)
    assert everything(urls.operator) == everything(urls.operator, "beside")


def test_the_ticker_reaches_every_partition_until_it_is_told_to_stop(
    kafka: KafkaSettings, urls: Urls, tmp_path: Path
) -> None:
    log = tmp_path / "log"

    def ticked() -> bool:
        return all(
            len(list(read_to_end(kafka, "wallet.commands", number))) > 2
            for number in range(PARTITIONS)
        )

    with service("ticker", kafka, urls, log) as process:
        wait_for(ticked, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, log.read_text()
    record = next(read_to_end(kafka, "wallet.commands", 0))
    assert isinstance(asked.decode(record.value() or b""), Tick)
