"""Reading the log without a group: one partition to its end, or several as they grow.

Only committed records are seen, and every position is a number: nothing is skipped by a default.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import chain
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from eventlog.admin import Admin
from eventlog.arrivals import poll_batch, sort_out
from eventlog.errors import LogTruncated, LogUnavailable
from eventlog.records import InputRecord
from eventlog.settings import KafkaSettings, assigned_consumer, read_back_consumer

BATCH_RECORDS = 2_000
SILENCE_S_MAX = 60.0
FROM_THE_END = 10


def read_to_end(
    kafka: KafkaSettings, topic: str, partition: int, start: int = 0
) -> Iterator[InputRecord]:
    """The records from `start` to where the log ends when reading begins.

    Raises LogTruncated if the log does not hold them all, LogUnavailable after a long silence.
    """
    return chain.from_iterable(read_batches(kafka, topic, partition, start))


def read_batches(
    kafka: KafkaSettings, topic: str, partition: int, start: int = 0
) -> Iterator[list[InputRecord]]:
    """The same, in batches as they arrive; one may be empty, so that the caller can look up."""
    with Follower(kafka, topic, {partition: start}) as log:
        end = log.ends[partition]
        heard_s = time.monotonic()
        while log.positions[partition] < end:
            before = log.positions[partition]
            records = log.poll(BATCH_RECORDS, 0.5)
            if records and records[-1].offset() >= end:
                records = [record for record in records if record.offset() < end]
            yield records
            if log.positions[partition] > before:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENCE_S_MAX:
                raise LogUnavailable(f"{topic}/{partition}: nothing at {before}, before {end}")


def last_record(kafka: KafkaSettings, topic: str, partition: int) -> InputRecord | None:
    """The last committed record of a partition; None if it has none."""
    admin, place = Admin(kafka), (kafka.topic(topic), partition)
    start, end = admin.starts([place])[place], admin.committed_ends([place])[place]
    back = FROM_THE_END
    while True:
        begin = max(start, end - back)
        found = deque(read_to_end(kafka, topic, partition, begin), maxlen=1)
        if found or begin == start:
            return found[0] if found else None
        # Only commit markers, or records that were aborted.
        back *= 100


class LogReadBack:
    """Reads a partition again from any offset; keeps its consumer from the first time on."""

    def __init__(self, kafka: KafkaSettings, topic: str, partition: int) -> None:
        self._kafka = kafka
        self._partition = partition
        self._topic = kafka.topic(topic)
        self._consumer: Consumer | None = None

    def __call__(self, offset: int) -> Iterator[InputRecord]:
        """The committed records from there on. Raises LogUnavailable after a long silence."""
        place = TopicPartition(self._topic, self._partition, offset)
        if self._consumer is None:
            self._consumer = Consumer(read_back_consumer(self._kafka, self._kafka.group("reader")))
            self._consumer.assign([place])
        else:
            self._consumer.seek(place)
        heard_s = time.monotonic()
        while time.monotonic() - heard_s < SILENCE_S_MAX:
            records, _ = sort_out(poll_batch(self._consumer, BATCH_RECORDS, 0.5))
            if records:
                heard_s = time.monotonic()
            # What was fetched before the seek may still arrive.
            yield from (record for record in records if record.offset() >= offset)
        raise LogUnavailable(f"{self._topic}/{self._partition}: nothing after {offset}")


class Follower:
    """Partitions of one topic from positions that the caller keeps, to their ends and beyond."""

    def __init__(self, kafka: KafkaSettings, topic: str, positions: Mapping[int, int]) -> None:
        """Raises LogTruncated if a position lies outside what the log holds."""
        self._topic = kafka.topic(topic)
        self.positions = dict(positions)
        """The next offset of each partition; past the last commit marker once it was all read."""
        self.ends = self._ends_now(Admin(kafka))
        """Where each partition ended when following began."""
        self._consumer = Consumer(assigned_consumer(kafka, kafka.group("reader")))
        self._consumer.assign(
            [TopicPartition(self._topic, number, at) for number, at in positions.items()]
        )

    def poll(self, records_max: int, timeout_s: float) -> list[InputRecord]:
        """The next records, each partition's in order; [] if none, or only an end, was reached."""
        records, ends = sort_out(poll_batch(self._consumer, records_max, timeout_s))
        for record in records:
            self.positions[record.partition()] = record.offset() + 1
        for end in ends:
            # An end that was met in a quiet moment may arrive together with later records.
            number = end.partition()
            self.positions[number] = max(self.positions[number], end.offset())
        return records

    def ends_seen(self) -> dict[int, int]:
        """Where each partition ended when it was last fetched; asks nobody, any thread may."""
        seen: dict[int, int] = {}
        for number, begin in self.ends.items():
            place = TopicPartition(self._topic, number)
            _, end = self._consumer.get_watermark_offsets(place, cached=True)
            # Negative until the first answer to a fetch.
            seen[number] = max(begin, end)
        return seen

    def seek(self, partition: int, offset: int) -> None:
        """Go on from another offset, as when a checkpoint was moved by someone else."""
        self._consumer.seek(TopicPartition(self._topic, partition, offset))
        self.positions[partition] = offset

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ends_now(self, admin: Admin) -> dict[int, int]:
        places = [(self._topic, partition) for partition in self.positions]
        starts, ends = admin.starts(places), admin.committed_ends(places)
        for place in places:
            asked = self.positions[place[1]]
            if not starts[place] <= asked <= ends[place]:
                raise LogTruncated(
                    f"{place[0]}/{place[1]} holds offsets {starts[place]} to {ends[place]}, "
                    f"and {asked} was asked for"
                )
        return {partition: ends[topic, partition] for topic, partition in places}
