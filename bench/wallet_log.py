"""A log of record in memory, as a processor would leave it: calls alone, or with a hold each."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final, cast

import msgspec
from confluent_kafka import Message

from bench import workload
from eventlog.records import InputRecord
from ledger import commands as ask
from ledger.batch import Input, Rules
from ledger.decide import decide
from ledger.events import BatchCommitted, Event
from ledger.partition import PartitionState
from ledger.usage import CallUsage
from schemas import codec

TOPIC: Final = "g1.wallet.events"
PARTITION: Final = 0
BATCH: Final = 2_000
RULES: Final = Rules()


class MemoryLog:
    """One partition, read as a follower of Kafka reads it; the library's very messages."""

    def __init__(self, records: list[InputRecord], positions: Mapping[int, int]) -> None:
        self.positions = dict(positions)
        self._records = records
        self._read = sum(record.offset() < self.positions[PARTITION] for record in records)

    def poll(self, records_max: int, timeout_s: float) -> list[InputRecord]:
        """The next records; at the log's end, as with Kafka, it takes a while to say so."""
        found = self._records[self._read : self._read + records_max]
        if found:
            self._read += len(found)
            self.positions[PARTITION] = found[-1].offset() + 1
        else:
            time.sleep(timeout_s)
        return found

    def seek(self, partition: int, offset: int) -> None:
        """Go back to where a checkpoint is."""
        self.positions[partition] = offset
        self._read = sum(record.offset() < offset for record in self._records)

    def ends_seen(self) -> dict[int, int]:
        """Where the log ends."""
        return {PARTITION: len(self._records)}

    def close(self) -> None:
        """Nothing is held."""


def make(calls: int, tenants: int, hold_calls: int | None) -> list[InputRecord]:
    """The records of so many calls; with `hold_calls`, each had a hold, ended so many calls on."""
    now_ms = time.time_ns() // 1_000_000
    tenant_ids = workload.tenants(tenants, 1)
    openings = [
        codec.asked.decode(record.value) for record in workload.openings(tenant_ids, now_ms)
    ]
    usages = (
        codec.calls.decode(record.value) for record in workload.calls(tenant_ids, calls, now_ms)
    )
    inputs = iter([*openings, *_with_holds(usages, hold_calls)])
    state = PartitionState("bench")
    records: list[InputRecord] = []
    offset = 0
    while batch := _next_batch(inputs, offset, now_ms):
        decision = decide(state, batch, 0, now_ms, RULES)
        assert decision.consumed == len(batch)
        decision.overlay.merge()
        for event in [*decision.events, _footer(now_ms)]:
            records.append(_record(offset, event, now_ms))
            offset += 1
        # The marker that ends a transaction takes an offset.
        offset += 1
    return records


def _with_holds(
    usages: Iterator[CallUsage], hold_calls: int | None
) -> Iterator[CallUsage | ask.Command]:
    if hold_calls is None:
        yield from usages
        return
    begun: deque[CallUsage] = deque()
    for usage in usages:
        hold = ask.PlaceHold(
            command_id=f"hold_{usage.event_id[4:]}",
            tenant_id=usage.tenant_id,
            actor=workload.SERVICE,
            project_id=usage.project_id,
            tier=usage.tier,
            duration_cap_ms=usage.duration_cap_ms,
        )
        yield hold
        begun.append(msgspec.structs.replace(usage, hold_id=hold.command_id))
        if len(begun) > hold_calls:
            yield begun.popleft()
    yield from begun


def _next_batch(inputs: Iterator[CallUsage | ask.Command], offset: int, now_ms: int) -> list[Input]:
    values = [value for value, _ in zip(inputs, range(BATCH), strict=False)]
    return [
        Input(
            f"usage-calls-0-{offset + index}",
            now_ms,
            sha256(repr(value).encode()).digest()[:16],
            value,
        )
        for index, value in enumerate(values)
    ]


def _record(offset: int, event: Event, now_ms: int) -> InputRecord:
    value = codec.wallet_events.encode(event, bytes(32))
    message = Message(
        topic=TOPIC, partition=PARTITION, offset=offset, value=value, timestamp=(2, now_ms)
    )
    return cast(InputRecord, message)


def _footer(now_ms: int) -> Event:
    return BatchCommitted(
        originator_id="",
        originator_version=1,
        event_id="",
        occurred_at_ms=now_ms,
        recorded_at_ms=now_ms,
        input_id="",
        input_hash=bytes(16),
        actor="ledger",
        positions=(),
        partitions=1,
        usage_read_to_ms=0,
        events=0,
        dead_letters=0,
        repeats=0,
        ticks=0,
        draining=None,
        batch_hash=bytes(32),
        code_version="bench",
        configuration_version="bench",
    )
