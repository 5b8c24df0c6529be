"""What `ledger doctor` says of a ledger on the real parts, when it is well and when it is not."""

from collections.abc import Generator
from typing import NamedTuple

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from cli import settings
from cli.checks import diagnose
from cli.findings import Finding, State
from consumers.processor.run import APP
from devstack.stack import Stack
from eventlog.producer import Publication, Publisher
from eventlog.settings import assigned_consumer
from eventlog.topics import RATE_CARDS
from ledger.rates import DEFAULT_CARD, PublishedCard
from schemas import codec
from tests.system.work import Work
from tests.system.world import Service, World

pytestmark = pytest.mark.stack


class Running(NamedTuple):
    """A ledger, and its one processor."""

    world: World
    processor: Service


@pytest.fixture(scope="module")
def running(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """All services, which have decided and folded some work."""
    world = World(stack, tmp_path_factory.mktemp("doctor"))
    try:
        processor, *others = map(world.start, ("processor", "projector", "ticker"))
        world.wait_until_ready(processor, *others)
        world.publish(Work(world.partitions).opening())
        world.wait_until_decided()
        world.wait_until_projected()
        yield Running(world, processor)
    finally:
        world.close()


@pytest.fixture
def world(running: Running) -> World:
    return running.world


def found(world: World, **otherwise: str) -> dict[str, Finding]:
    """The doctor's findings by check."""
    given = {
        "LEDGER_KAFKA_BOOTSTRAP_SERVERS": world.kafka.bootstrap_servers,
        "LEDGER_TOPIC_PREFIX": world.kafka.prefix,
        "LEDGER_PARTITIONS": str(world.partitions),
        "LEDGER_REPLICATION": "1",
        "LEDGER_PROJECTOR_DATABASE_URL": world.urls.projector,
        "LEDGER_OPERATOR_DATABASE_URL": world.urls.operator,
    }
    return {one.check: one for one in diagnose(settings.load(given | otherwise))}


def failures(findings: dict[str, Finding]) -> dict[str, str]:
    return {
        name: one.found
        for name, one in findings.items()
        if one.state is State.FAILED and name not in {"data folder", "broker"}
    }


def test_a_ledger_that_runs_is_well(world: World) -> None:
    findings = found(world)
    assert failures(findings) == {}
    assert "every partition has a processor" in findings["owners"].found
    assert findings["positions"].found == "4 footers agree with offsets and topics"
    assert findings["copies"].found == "1 of everything, in sync"
    assert findings["rate cards"].state is State.OK


def test_fewer_brokers_than_copies_are_told_with_all_that_follows(world: World) -> None:
    failed = failures(found(world, LEDGER_REPLICATION="3"))
    assert failed["brokers"].startswith("1 up: 127.0.0.1:")
    assert "1 of 3 copies" in failed["copies"]
    assert "replication: 1, not 3" in failed["topics"]
    assert "processors" not in failed


def test_a_service_that_connects_as_the_owner_is_told(world: World) -> None:
    failed = failures(found(world, LEDGER_PROJECTOR_DATABASE_URL=world.urls.owner))
    assert list(failed) == ["roles"]
    assert "LEDGER_PROJECTOR_DATABASE_URL connects as" in failed["roles"]


def test_a_card_that_was_published_and_not_adopted_is_told_with_its_remedy(world: World) -> None:
    card = PublishedCard("agency", 1, 2_000_000_000_000 // 3_600_000 * 3_600_000,
                         DEFAULT_CARD.lines, "operator:ann", "a contract")  # fmt: skip
    record = Publication(RATE_CARDS.name, b"agency:1", codec.rate_cards.encode(card))
    Publisher(world.kafka).publish([record])
    finding = found(world)["rate cards"]
    assert finding.found == "not adopted by every partition: agency 1: 4 missing"
    assert "`ledger rates adopt agency 1`" in finding.remedy


def test_tables_of_another_log_are_told(world: World) -> None:
    with psycopg.connect(world.urls.owner, autocommit=True) as database:
        database.execute("UPDATE read_models.checkpoints SET topic_id = 'other' || topic_id")
        finding = found(world)["checkpoints"]
        database.execute("UPDATE read_models.checkpoints SET topic_id = substr(topic_id, 6)")
    assert finding.state is State.FAILED
    assert finding.found == "of partition 0, 1, 2, 3 were folded from another log"


def test_partitions_without_a_processor_and_offsets_beyond_the_log_are_told(
    running: Running,
) -> None:
    # Given the processor is gone, and somebody moved the group's offsets on
    world, processor = running
    processor.process.terminate()
    assert processor.ended() == 0
    name = world.kafka.topic("wallet.commands")
    group = Consumer(assigned_consumer(world.kafka, world.kafka.group(APP)))
    group.commit(offsets=[TopicPartition(name, 2, 1_000_000)], asynchronous=False)
    group.close()
    # When the doctor looks
    failed = failures(found(world))
    # Then
    assert failed["owners"] == "no partition has a processor"
    assert failed["positions"].startswith(f"{name}/2: the group is at 1000000, the log at ")
