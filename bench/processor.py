"""The processor as production runs it, a process of its own, until a filled topic is decided."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench import machine
from consumers.processor.run import APP
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings, assigned_consumer
from eventlog.topics import USAGE_CALLS, WALLET_EVENTS
from ledger.events import BatchCommitted
from schemas.codec import wallet_events

WATCH_S: Final = 0.2
TIMEOUT_S: Final = 600.0


class Sample(NamedTuple):
    """How far the processor was, and the processor time used by then."""

    decided: int
    processor_cpu_s: float
    broker_cpu_s: float


class Log(NamedTuple):
    """What the log says of the run: events decided a second, from the first footer to the last."""

    events_per_s: float
    events: int
    footers: int
    mean_value_bytes: int


class Processed(NamedTuple):
    """What one processor reached."""

    log: Log
    processor_cpu_us: float
    broker_cpu_us: float


def measure(
    kafka: KafkaSettings, ends: Mapping[int, int], log_file: Path, broker_pid: int
) -> Processed:
    """Start a processor, wait until all usage up to `ends` is decided, and stop it."""
    environment = {
        **os.environ,
        "LEDGER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "LEDGER_PARTITIONS": str(len(ends)),
        "LEDGER_REPLICATION": "1",
    }
    command = [sys.executable, "-P", "-m", "cli", "run", "processor"]
    began = Sample(0, 0, machine.cpu_s(broker_pid))
    with log_file.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            samples = _watch(kafka, ends, process, broker_pid)
        finally:
            process.terminate()
            process.wait(30)
    # The broker may answer only once all is done: then the start is counted too.
    first, last = samples[0] if len(samples) > 1 else began, samples[-1]
    events = last.decided - first.decided
    return Processed(
        _read(kafka, len(ends)),
        (last.processor_cpu_s - first.processor_cpu_s) / events * 1e6,
        (last.broker_cpu_s - first.broker_cpu_s) / events * 1e6,
    )


def _watch(
    kafka: KafkaSettings,
    ends: Mapping[int, int],
    process: "subprocess.Popen[bytes]",
    broker_pid: int,
) -> list[Sample]:
    """Samples from the first usage decided to the last."""
    group = Consumer(assigned_consumer(kafka, kafka.group(APP)))
    topic = kafka.topic(USAGE_CALLS.name)
    places = [TopicPartition(topic, partition) for partition in ends]
    samples: list[Sample] = []
    deadline_s = time.monotonic() + TIMEOUT_S
    while not samples or samples[-1].decided < sum(ends.values()):
        time.sleep(WATCH_S)
        assert process.poll() is None, "the processor ended; see its log"
        assert time.monotonic() < deadline_s, "the processor does not get done; see its log"
        decided = _decided(group, places)
        if decided:
            cpu_s = machine.cpu_s(process.pid), machine.cpu_s(broker_pid)
            samples.append(Sample(decided, *cpu_s))
    group.close()
    return samples


def _decided(group: Consumer, places: list[TopicPartition]) -> int:
    try:
        return sum(max(0, one.offset) for one in group.committed(places, TIMEOUT_S))
    except KafkaException:
        # The group's first member makes the broker look for a coordinator.
        return 0


def _read(kafka: KafkaSettings, partitions: int) -> Log:
    """Judge the run by what it left in the log: footers, by the broker's clock."""
    progress: list[tuple[int, int]] = []
    events, size = 0, 0
    for partition in range(partitions):
        decided = 0
        for record in read_to_end(kafka, WALLET_EVENTS.name, partition):
            value = record.value() or b""
            if record.key() is not None:
                events += 1
                size += len(value)
                continue
            footer, _ = wallet_events.decode(value)
            if isinstance(footer, BatchCommitted):
                now = sum(p.next_offset for p in footer.positions if p.topic == USAGE_CALLS.name)
                if now > decided:
                    progress.append((record.timestamp()[1], now - decided))
                decided = now
    progress.sort()
    (first_ms, of_first), last_ms = progress[0], progress[-1][0]
    decided = sum(count for _, count in progress) - of_first
    return Log(decided * 1_000 / (last_ms - first_ms), events, len(progress), size // events)
