"""Members as threads or processes, traffic for them, and what they wrote."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO

from confluent_kafka import Producer

from eventlog.driver import Driver
from eventlog.logic import Observer
from eventlog.producer import Publication, Publisher
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings, transactional_producer
from eventlog.takeover import Wiring
from service.signals import Stop
from tests.checkout import ROOT
from tests.eventlog.tally import COMMANDS, EVENTS, Counted, Footer, Tally, read_event

PARTITIONS = 2
USAGE = "usage.calls"
WIRING = Wiring("ledger.processor", (USAGE,), COMMANDS, EVENTS, PARTITIONS)
PATIENCE_S = 30.0


def wait_for(happened: Callable[[], bool], what: str) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up_s, f"still waiting until {what}"
        time.sleep(0.02)


def publish(
    kafka: KafkaSettings, *values: str, topic: str = USAGE, partition: int | None = None
) -> None:
    """Publish values in turn to all partitions, or to one."""
    Publisher(kafka).publish(
        Publication(
            topic,
            b"someone",
            value.encode(),
            partition=place % PARTITIONS if partition is None else partition,
        )
        for place, value in enumerate(values)
    )


class Upstream:
    """Publishes to partition 0 of usage in transactions, as some services do."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.topic(USAGE)
        self._producer = Producer(transactional_producer(kafka, f"{kafka.prefix}upstream"))
        self._producer.init_transactions()

    def begin(self, *values: str) -> None:
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(self._topic, value, partition=0)
        self._producer.flush()

    def commit(self, *values: str) -> None:
        self.begin(*values)
        self._producer.commit_transaction()

    def abort(self, *values: str) -> None:
        self.begin(*values)
        self._producer.abort_transaction()


def counted(kafka: KafkaSettings, partition: int) -> list[str]:
    """The inputs in the log of a partition, checked to be numbered without gap or repeat."""
    events = [
        event
        for event in map(read_event, read_to_end(kafka, EVENTS, partition))
        if isinstance(event, Counted)
    ]
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    return [event.value for event in events]


def all_counted(kafka: KafkaSettings) -> list[str]:
    return [value for partition in range(PARTITIONS) for value in counted(kafka, partition)]


def footers(kafka: KafkaSettings, partition: int) -> list[Footer]:
    return [
        event
        for event in map(read_event, read_to_end(kafka, EVENTS, partition))
        if isinstance(event, Footer)
    ]


class Notes(Observer):
    """Remembers what a driver told."""

    def __init__(self) -> None:
        self.serving: set[int] = set()
        self.refusals: dict[int, str] = {}
        self.aborts: list[str] = []
        self.inputs = 0
        self.intake_paused: set[int] = set()
        self.lags: dict[tuple[int, str], int] = {}
        self.restored_in_s: dict[int, float] = {}
        self.pauses: list[str] = []

    def restored(self, partition: int, seconds: float) -> None:
        self.restored_in_s[partition] = seconds

    def paused(self, partition: int) -> None:
        self.pauses.append(f"paused {partition}")

    def resumed(self, partition: int) -> None:
        self.pauses.append(f"resumed {partition}")

    def took_over(self, partition: int, seconds: float) -> None:
        self.serving.add(partition)

    def intake(self, partition: int, is_paused: bool) -> None:
        (self.intake_paused.add if is_paused else self.intake_paused.discard)(partition)

    def lag(self, partition: int, topic: str, records: int) -> None:
        self.lags[partition, topic] = records

    def released(self, partition: int) -> None:
        self.serving.discard(partition)

    def refused(self, partition: int, reason: str) -> None:
        self.refusals[partition] = reason

    def batch_committed(self, partition: int, inputs: int, outputs: int, seconds: float) -> None:
        self.inputs += inputs

    def batch_aborted(self, partition: int, reason: str) -> None:
        self.aborts.append(reason)


class ThreadMember:
    """A driver in a thread of this process."""

    def __init__(self, kafka: KafkaSettings, wiring: Wiring = WIRING) -> None:
        self.notes = Notes()
        self.error: BaseException | None = None
        self._stop = Stop()
        self._driver = Driver(kafka, wiring, Tally, self._stop, self.notes)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        self._stop.request("the test is over")
        self._thread.join()

    def _run(self) -> None:
        try:
            self._driver.run()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error


@contextmanager
def member(kafka: KafkaSettings, wiring: Wiring = WIRING) -> Generator[ThreadMember, None, None]:
    running = ThreadMember(kafka, wiring)
    try:
        yield running
    finally:
        running.stop()


class ProcessMember:
    """A driver in a process of its own; what it prints, and its exit code."""

    def __init__(self, kafka: KafkaSettings, at_step: str = "") -> None:
        command = [sys.executable, "-m", "tests.eventlog.member"]
        self.process = subprocess.Popen(
            [*command, kafka.bootstrap_servers, kafka.prefix, at_step],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=[self.process.stdout])
        self._reader.start()

    def said(self, start: str) -> list[str]:
        return [line for line in self.lines if line.startswith(start)]

    @property
    def serving(self) -> set[str]:
        serving: set[str] = set()
        for line in list(self.lines):
            what, _, partition = line.partition(" ")
            if what == "took_over":
                serving.add(partition)
            elif what == "released":
                serving.discard(partition)
        return serving

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Its exit code, once it ended by itself or by a signal sent before."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self.lines.append(line.strip())
