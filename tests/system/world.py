"""One ledger on the shared stack: its topics, its database, its services as processes.

Whatever is done to the services, `check` then asks all there is to ask: the oracle, the log's own
verification, and the read models against a fold of the log, row by row.
"""

import http.client
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from audit.report import Report
from audit.verify import verify
from consumers.processor.run import APP
from devstack.stack import Stack
from eventlog import topics
from eventlog.admin import Admin, Place
from eventlog.producer import Publication, Publisher
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings, assigned_consumer
from eventlog.topics import (
    LEDGER_DLQ,
    USAGE,
    WALLET_COMMANDS,
    WALLET_EVENTS,
    WALLET_REPLIES,
    Topic,
)
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
ANSWER_S = 2.0
MARKER = 1
HTTP_PORT = re.compile(r"starting\b.*\bhttp_port=(\d+)")

_numbers = itertools.count(1)

T = TypeVar("T")


class Service:
    """A process of its own, as production runs it, and what it writes, a line each."""

    def __init__(self, program: Iterable[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program],
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

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def get(self, path: str) -> tuple[int, str]:
        """What it answers on the port that its first line names; 0 where it does not answer yet."""
        found = next(filter(None, map(HTTP_PORT.search, self.lines)), None)
        if found is None:
            return 0, ""
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=ANSWER_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    @property
    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == http.client.OK


class Outcome(NamedTuple):
    """What the log says of itself, and what it adds up to, beside what the inputs come to."""

    report: Report
    log: oracle.Log
    wanted: oracle.Tenants
    inputs: list[oracle.Record]

    def check_partition(self, partition: int) -> None:
        """Each of its inputs is decided once, and its balances are the oracle's."""
        assert [one for one in self.report.findings if one.partition == partition] == []
        inputs = [(one.topic, one.value) for one in self.inputs if one.partition == partition]
        figures = self.report.partitions[partition]
        assert figures.outcomes == len(set(inputs))
        assert figures.repeats == len(inputs) - len(set(inputs))
        assert figures.gaps == 0
        keys = {one.key for one in self.inputs if one.partition == partition}
        differing = oracle.differing(self.log.tenants, self.wanted)
        assert {name: pair for name, pair in differing.items() if name.encode() in keys} == {}


class World:
    """A ledger with nothing in it."""

    def __init__(self, stack: Stack, folder: Path, partitions: int = PARTITIONS) -> None:
        self.kafka = KafkaSettings(stack.bootstrap_servers, prefix=f"system{next(_numbers)}.")
        self.partitions = partitions
        self._copies = stack.kafka.copies
        self._postgres_url = stack.postgres_url
        self._folder = folder
        self._services: list[Service] = []
        topics.create(self.kafka, partitions, self._copies)
        self._places = self._places_of(WALLET_EVENTS)
        self._inputs = [
            place for topic in (*USAGE, WALLET_COMMANDS) for place in self._places_of(topic)
        ]
        self._admin = Admin(self.kafka)
        self.connect()

    def connect(self) -> None:
        """Meet the broker, at first and whenever it was started again."""
        # A new client may take seconds to learn of the topics; a moment must not be missed.
        self._ask(lambda admin: admin.ends(self._places + self._inputs))
        self._group = Consumer(assigned_consumer(self.kafka, self.kafka.group(APP)))

    def _ask(self, question: Callable[[Admin], T]) -> T:
        """Ask the broker; of a new client where an old one knows only an earlier leader."""
        give_up_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return question(self._admin)
            except KafkaException:
                assert time.monotonic() < give_up_s, self._logs()
            time.sleep(POLL_S)
            self._admin = Admin(self.kafka)

    @cached_property
    def urls(self) -> Urls:
        """A database with its tables, made when it is first asked for."""
        urls = Urls(self._postgres_url)
        migrate(urls.owner, PASSWORDS)
        return urls

    def start(self, name: str) -> Service:
        """Start a service; `close` ends it at the latest."""
        return self.start_program(
            name,
            ["cli", "run", name],
            {}
            if name == "processor"
            else {
                "LEDGER_PROJECTOR_DATABASE_URL": self.urls.projector,
                "LEDGER_OPERATOR_DATABASE_URL": self.urls.operator,
            },
        )

    def start_program(
        self, name: str, program: Iterable[str], environment: Mapping[str, str]
    ) -> Service:
        """Start a module that is configured like a service."""
        log = self._folder / f"{name}-{len(self._services)}.log"
        self._services.append(Service(program, {**self.environment, **environment}, log))
        return self._services[-1]

    @property
    def environment(self) -> dict[str, str]:
        """What every program needs to know of this ledger."""
        return {
            "LEDGER_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "LEDGER_TOPIC_PREFIX": self.kafka.prefix,
            "LEDGER_PARTITIONS": str(self.partitions),
            "LEDGER_REPLICATION": str(self._copies),
            "LEDGER_LOG": "text",
        }

    def close(self) -> None:
        self._group.close()
        for service in self._services:
            service.kill()

    # ── What goes in, and how far it is ──

    def publish(self, records: Iterable[Publication]) -> None:
        Publisher(self.kafka).publish(records)

    def log_size(self) -> int:
        """The offsets of the log of record, unfinished transactions included."""
        return sum(self._ask(lambda admin: admin.ends(self._places)).values())

    def written(self, partition: int) -> dict[str, int]:
        """The offsets of all that a partition's owner writes, unfinished transactions included."""
        outputs = [
            self.kafka.topic(one.name) for one in (WALLET_EVENTS, WALLET_REPLIES, LEDGER_DLQ)
        ]
        ends = self._ask(lambda admin: admin.ends((topic, partition) for topic in outputs))
        return {topic: end for (topic, _), end in ends.items()}

    def is_open(self, partition: int) -> bool:
        """Whether a transaction on the partition's log is neither committed nor aborted."""
        place = [self._places[partition]]
        return self._ask(lambda admin: admin.committed_ends(place) != admin.ends(place))

    def rows_from(self) -> int:
        """The offsets of the log that are in the read models."""
        with connected(self.urls.operator) as database:
            return sum(one.next_offset for one in checkpoints.every(database))

    def wait_for(self, what: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < give_up_s, self._logs()
            time.sleep(POLL_S)

    def wait_until_ready(self, *services: Service) -> None:
        """Until each can serve; none may end."""
        for service in services:
            self.wait_for(
                lambda service=service: service.is_ready or service.process.poll() is not None
            )
            assert service.process.poll() is None, service.log.read_text()

    def wait_until_decided(self) -> None:
        """Until all that is published now is: the group's offsets are copies of the footers'."""
        ends = self.input_ends()
        self.wait_for(lambda: self.are_decided(ends))

    def input_ends(self) -> dict[Place, int]:
        """What is published now; empty inputs are left out."""
        return {
            place: end
            for place, end in self._ask(lambda admin: admin.ends(self._inputs)).items()
            if end
        }

    def are_decided(self, ends: dict[Place, int]) -> bool:
        """Whether that far all is decided, and maybe further: a ticker goes on."""
        committed = self._committed(ends)
        return all(committed.get(place, 0) >= end for place, end in ends.items())

    def decided(self, partition: int) -> int:
        """How many offsets of a partition's inputs are decided; 0 if none, or if unknown now."""
        own = [place for place in self._inputs if place[1] == partition]
        return sum(max(0, offset) for offset in self._committed(own).values())

    def _committed(self, places: Iterable[Place]) -> dict[Place, int]:
        # Asked of a consumer: librdkafka's administration dies of a coordinator not yet there.
        try:
            found = self._group.committed([TopicPartition(*place) for place in places], ANSWER_S)
        except KafkaException:
            # The group's first member makes the broker look for a coordinator, and after a restart
            # the library may wait for one that is long there.
            return {}
        return {(one.topic, one.partition): one.offset for one in found}

    def wait_until_projected(self) -> None:
        ends = self._ask(lambda admin: admin.committed_ends(self._places))

        def caught_up() -> bool:
            with connected(self.urls.operator) as database:
                folded = {one.partition: one.next_offset for one in checkpoints.every(database)}
            return all(folded.get(number, 0) >= end - MARKER for (_, number), end in ends.items())

        self.wait_for(caught_up)

    def _places_of(self, topic: Topic) -> list[Place]:
        return [(self.kafka.topic(topic.name), number) for number in range(self.partitions)]

    def _logs(self) -> str:
        return "\n".join(
            f"{service.log.name}:\n{service.log.read_text()[-3_000:]}" for service in self._services
        )

    # ── What came of it ──

    def records(self, *names: str) -> list[oracle.Record]:
        """Topics read by the oracle's own means."""
        servers, generation = self.kafka.bootstrap_servers, f"{self.kafka.prefix}g1"
        return [record for name in names for record in oracle.read_topic(servers, name, generation)]

    def outcome(self, without: Container[int] = ()) -> Outcome:
        """The log's own verification, without some partitions, and the balances by the oracle."""
        report = verify(
            (
                (number, record.offset(), record.value() or b"")
                for number in range(self.partitions)
                if number not in without
                for record in read_to_end(self.kafka, WALLET_EVENTS.name, number)
            ),
            self.partitions,
        )
        log = oracle.folded(self.records(oracle.EVENTS))
        inputs = self.records(*oracle.USAGE, oracle.COMMANDS)
        return Outcome(report, log, oracle.expected(inputs, self.partitions), inputs)

    def check(self) -> oracle.Log:
        """All that must hold of any run once all is decided; what the log adds up to."""
        report, log, wanted, _ = self.outcome()
        assert report.findings == ()
        # Our senders use no transactions: every offset of the inputs is accounted for.
        assert sum(figures.gaps for figures in report.partitions.values()) == 0
        differing = oracle.differing(log.tenants, wanted)
        assert differing == {}, list(differing.items())[:3]
        self._check_tables(log)
        return log

    def _check_tables(self, log: oracle.Log) -> None:
        tenants, wallets = oracle.tabled(self.urls.owner)
        assert oracle.differing(tenants, log.tenants) == {}
        assert wallets == {name: wallet.figures for name, wallet in log.wallets.items()}
        migrate(self.urls.owner, schema="beside")
        for number in range(self.partitions):
            events = [
                Logged(record.offset(), wallet_events.decode(record.value() or b"")[0])
                for record in read_to_end(self.kafka, WALLET_EVENTS.name, number)
            ]
            fold(self.urls.projector, events, 10_000, schema="beside", partition=number)
        assert everything(self.urls.operator) == everything(self.urls.operator, "beside")
