"""What happens to the topics themselves: offsets deleted, records cut away, a byte changed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.processor.run import APP
from eventlog.topics import USAGE_CALLS, WALLET_EVENTS
from tests import oracle
from tests.checkout import ROOT
from tests.faults.brokers import return_of_the_broker
from tests.faults.run import Failed, Run

BROKEN = 2
ANSWER_S = 30.0
AWAY_S = 1.0
SOME_BATCHES_S = 3.0
CASTAGNOLI = 0x82F63B78
LENGTH_AT, CHECKSUM_AT, CHECKED_FROM = 8, 17, 21
"""Where a batch of Kafka's log has its length, its checksum, and what the checksum is of."""
WORD, CHANGED_WORD = b"platform-call-", b"plotform-call-"


def group_deleted(run: Run) -> None:
    """The group's offsets vanish while no processor runs: the log has the position."""
    stop_processors(run)
    group = run.world.kafka.group(APP)
    client = _client(run)
    client.delete_consumer_groups([group])[group].result(ANSWER_S)
    strike = run.strike()
    start_processors(run)
    run.recover(strike)


def inputs_cut(run: Run) -> None:
    """Usage is deleted before it was decided: that partition is refused, the others go on."""
    stop_processors(run)
    run.wait(AWAY_S)
    topic = run.world.kafka.topic(USAGE_CALLS.name)
    end = run.world.input_ends()[topic, BROKEN]
    _delete_before(run, topic, end)
    _refused_alone(run, f"{USAGE_CALLS.name} holds offsets {end}")


def log_cut(run: Run) -> None:
    """The log of record lost its beginning: that partition is refused, the others go on."""
    stop_processors(run)
    _delete_before(run, run.world.kafka.topic(WALLET_EVENTS.name), 20)
    _refused_alone(run, "holds offsets 20 to")


def byte_changed(run: Run) -> None:
    """In the middle of the log, with the checksum made to fit: the verifier names the event."""
    run.wait(SOME_BATCHES_S)
    stop_processors(run)
    run.world.wait_until_projected()
    run.stack.kafka.stop()
    name = f"{run.world.kafka.topic(WALLET_EVENTS.name)}-{BROKEN}"
    _change(run.stack.folder.path / "kafka" / "log" / name / f"{0:020}.log")
    return_of_the_broker(run)
    findings = _verified(run)
    changed = next(
        record.offset
        for record in run.world.records(oracle.EVENTS)
        if record.partition == BROKEN and CHANGED_WORD in (record.value or b"")
    )
    # The event itself, before or after what closes its batch.
    named = {(one["partition"], one["offset"]) for one in findings}
    if (BROKEN, changed) not in named or {partition for partition, _ in named} != {BROKEN}:
        raise Failed(f"the event at {BROKEN}/{changed} was changed, and named are {findings}")
    _refused_alone(run, "is broken")


def endpoint_away(run: Run) -> None:
    """Nobody serves schemas any more: those that are known need no one."""
    endpoint = run.start("schemas-endpoint")
    run.wait_for(lambda: "starting" in endpoint.log.read_text(), "the endpoint runs")
    strike = run.strike()
    run.let_go("schemas-endpoint").kill()
    for name in _processors(run):
        run.let_go(name).kill()
        run.start(name)
    run.recover(strike)


def stop_processors(run: Run) -> None:
    """All of them, with SIGTERM; the workload goes on."""
    for name in _processors(run):
        service = run.let_go(name)
        service.signal(signal.SIGTERM)
        if service.ended() != 0:
            raise Failed(f"{name} ended with {service.process.returncode}")


def start_processors(run: Run) -> None:
    """Two of them."""
    for number in (1, 2):
        run.start(f"processor-{number}")


def _processors(run: Run) -> list[str]:
    return [name for name in run.running if name.startswith("processor")]


def _refused_alone(run: Run, reason: str) -> None:
    run.broken.add(BROKEN)
    strike = run.strike()
    start_processors(run)
    run.recover(strike)
    run.wait_for(lambda: _refusal(run, reason), f"partition {BROKEN} is refused: {reason}")
    if BROKEN in run.watch.decided_again(strike):
        raise Failed(f"partition {BROKEN} is broken, and was written to")


def _refusal(run: Run, reason: str) -> bool:
    return any(
        "partition refused" in line and f"partition={BROKEN}" in line and reason in line
        for name in ("processor-1", "processor-2")
        for line in run.running[name].lines
    )


def _client(run: Run) -> Any:
    # The library's own types for what is asked here are only partly known.
    return AdminClient({"bootstrap.servers": run.world.kafka.bootstrap_servers})


def _delete_before(run: Run, topic: str, offset: int) -> None:
    place = TopicPartition(topic, BROKEN, offset)
    client = _client(run)
    client.delete_records([place])[place].result(ANSWER_S)


def _verified(run: Run) -> list[oracle.Avro]:
    """What `ledger verify` finds."""
    environment = os.environ | run.world.environment
    done = subprocess.run(
        [sys.executable, "-m", "cli", "verify", "--json"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 1:
        raise Failed(f"ledger verify ended with {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)["findings"]


def _change(segment: Path) -> None:
    """Change one letter of an event in the middle."""
    data = bytearray(segment.read_bytes())
    holding = [(begin, end) for begin, end in _batches(data) if data.find(WORD, begin, end) >= 0]
    if not holding:
        raise Failed(f"{segment} has {len(data)} bytes, and no call in them")
    begin, end = holding[len(holding) // 2]
    at = data.find(WORD, begin, end)
    data[at : at + len(WORD)] = CHANGED_WORD
    checksum = _crc32c(data[begin + CHECKED_FROM : end])
    data[begin + CHECKSUM_AT : begin + CHECKSUM_AT + 4] = checksum.to_bytes(4, "big")
    segment.write_bytes(data)


def _batches(data: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Where each batch of a segment begins and ends."""
    begin = 0
    while begin + CHECKED_FROM < len(data):
        length = int.from_bytes(data[begin + LENGTH_AT : begin + LENGTH_AT + 4], "big")
        if not length:
            return
        end = begin + LENGTH_AT + 4 + length
        yield begin, end
        begin = end


def _crc32c(data: bytes | bytearray) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
