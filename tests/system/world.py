"""One ledger on the shared stack: its topics, its database, its services as processes.

Whatever is done to the services, `check` then asks all there is to ask: the oracle, the log's own
verification, and the read models against a fold of the log, row by row.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from audit.verify import verify
from consumers.processor.run import APP
from devstack.stack import Stack
from eventlog import topics
from eventlog.admin import Admin, Place
from eventlog.producer import Publication, Publisher
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings, assigned_consumer
from eventlog.topics import USAGE_CALLS, WALLET_COMMANDS, WALLET_EVENTS, Topic
from projections import checkpoints
from projections.database import connected
from projections.logged import Logged
from projections.migrate import migrate
from schemas.codec import wallet_events
from tests import oracle
from tests.checkout import ROOT
from tests.projections.tables import everything, fold
from tests.projections.urls import PASSWORDS, Urls

PARTITIONS = 4
PATIENCE_S = 60.0
POLL_S = 0.02
MARKER = 1

_numbers = itertools.count(1)


class Service:
    """A process of its own, by the subcommand that production runs."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "run", name],
                cwd=ROOT,
                env=os.environ | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`, wherever it is; a stopped process too."""
        self.process.kill()
        self.process.wait()

    def ended(self) -> int:
        """The exit status, once it ended by itself or was told to."""
        return self.process.wait(PATIENCE_S)


class World:
    """A ledger with nothing in it."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.kafka = KafkaSettings(stack.bootstrap_servers, prefix=f"system{next(_numbers)}.")
        self.urls = Urls(stack.postgres_url)
        self._folder = folder
        self._services: list[Service] = []
        topics.create(self.kafka, PARTITIONS, replication=1)
        # A new client may take seconds to learn of the topics; a moment must not be missed.
        self._admin = Admin(self.kafka)
        self._group = Consumer(assigned_consumer(self.kafka, self.kafka.group(APP)))
        self._places = self._places_of(WALLET_EVENTS)
        self._inputs = self._places_of(USAGE_CALLS) + self._places_of(WALLET_COMMANDS)
        self._admin.describe({topic for topic, _ in self._places + self._inputs})
        migrate(self.urls.owner, PASSWORDS)

    def start(self, name: str) -> Service:
        """Start a service; `close` ends it at the latest."""
        environment = {
            "LEDGER_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "LEDGER_TOPIC_PREFIX": self.kafka.prefix,
            "LEDGER_PARTITIONS": str(PARTITIONS),
            "LEDGER_REPLICATION": "1",
            "LEDGER_PROJECTOR_DATABASE_URL": self.urls.projector,
            "LEDGER_OPERATOR_DATABASE_URL": self.urls.operator,
            "LEDGER_LOG": "text",
        }
        service = Service(name, environment, self._folder / f"{name}-{len(self._services)}.log")
        self._services.append(service)
        return service

    def close(self) -> None:
        self._group.close()
        for service in self._services:
            service.kill()

    # ── What goes in, and how far it is ──

    def publish(self, records: Iterable[Publication]) -> None:
        Publisher(self.kafka).publish(records)

    def log_size(self) -> int:
        """The offsets of the log of record, unfinished transactions included."""
        return sum(self._admin.ends(self._places).values())

    def rows_from(self) -> int:
        """The offsets of the log that are in the read models."""
        with connected(self.urls.operator) as database:
            return sum(one.next_offset for one in checkpoints.every(database))

    def wait_for(self, what: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < give_up_s, self._logs()
            time.sleep(POLL_S)

    def wait_until_decided(self) -> None:
        """Until all that is published now is: the group's offsets are copies of the footers'."""
        ends = {place: end for place, end in self._admin.ends(self._inputs).items() if end}
        self.wait_for(lambda: self._committed(ends) == ends)

    def _committed(self, places: Iterable[Place]) -> dict[Place, int]:
        # Asked of a consumer: librdkafka's administration dies of a coordinator not yet there.
        try:
            found = self._group.committed([TopicPartition(*place) for place in places], PATIENCE_S)
        except KafkaException:
            # The group's first member makes the broker look for a coordinator.
            return {}
        return {(one.topic, one.partition): one.offset for one in found}

    def wait_until_projected(self) -> None:
        ends = self._admin.committed_ends(self._places)

        def caught_up() -> bool:
            with connected(self.urls.operator) as database:
                folded = {one.partition: one.next_offset for one in checkpoints.every(database)}
            return all(folded.get(number, 0) >= end - MARKER for (_, number), end in ends.items())

        self.wait_for(caught_up)

    def _places_of(self, topic: Topic) -> list[Place]:
        return [(self.kafka.topic(topic.name), number) for number in range(PARTITIONS)]

    def _logs(self) -> str:
        return "\n".join(
            f"{service.log.name}:\n{service.log.read_text()[-3_000:]}" for service in self._services
        )

    # ── What came of it ──

    def records(self, *names: str) -> list[oracle.Record]:
        """Topics read by the oracle's own means."""
        servers, generation = self.kafka.bootstrap_servers, f"{self.kafka.prefix}g1"
        return [record for name in names for record in oracle.read_topic(servers, name, generation)]

    def check(self) -> oracle.Log:
        """All that must hold of any run once all is decided; what the log adds up to."""
        self._check_log()
        log = oracle.folded(self.records(oracle.EVENTS))
        inputs = self.records(oracle.USAGE, oracle.COMMANDS)
        assert oracle.differing(log.tenants, oracle.expected(inputs, PARTITIONS)) == {}
        self._check_tables(log)
        return log

    def _check_log(self) -> None:
        report = verify(
            (
                (number, record.offset(), record.value() or b"")
                for number in range(PARTITIONS)
                for record in read_to_end(self.kafka, WALLET_EVENTS.name, number)
            ),
            PARTITIONS,
        )
        assert report.findings == ()
        # Our senders use no transactions: every offset of the inputs is accounted for.
        assert sum(figures.gaps for figures in report.partitions.values()) == 0

    def _check_tables(self, log: oracle.Log) -> None:
        tenants, wallets = oracle.tabled(self.urls.owner)
        assert oracle.differing(tenants, log.tenants) == {}
        assert wallets == {name: wallet.figures for name, wallet in log.wallets.items()}
        migrate(self.urls.owner, schema="beside")
        for number in range(PARTITIONS):
            events = [
                Logged(record.offset(), wallet_events.decode(record.value() or b"")[0])
                for record in read_to_end(self.kafka, WALLET_EVENTS.name, number)
            ]
            fold(self.urls.projector, events, 10_000, schema="beside", partition=number)
        assert everything(self.urls.operator) == everything(self.urls.operator, "beside")
