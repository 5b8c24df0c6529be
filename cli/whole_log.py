"""A topic from an offset to where it ends now, all partitions at once, with a bar."""

import time
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from cli.errors import Unavailable
from cli.progress import bar
from eventlog.admin import Admin
from eventlog.reader import Follower
from eventlog.records import InputRecord
from eventlog.settings import KafkaSettings

RECORDS_AT_ONCE: Final = 2_000
POLL_S: Final = 0.5
SILENCE_S_MAX: Final = 60.0

Offsets = Mapping[int, int]
"""Of one topic, by partition."""


class Entry(NamedTuple):
    """A record; each partition's come in order."""

    partition: int
    offset: int
    value: bytes


def whole_log(kafka: KafkaSettings, topic: str, partitions: int, label: str) -> Iterator[Entry]:
    """Every record of the topic; raises Unavailable after a long silence."""
    with Follower(kafka, topic, dict.fromkeys(range(partitions), 0)) as log:
        yield from map(_entry, _read(log, log.ends, topic, label))


def log_since(kafka: KafkaSettings, topic: str, starts: Offsets, label: str) -> Iterator[Entry]:
    """The records from there on; what is being committed now is waited for."""
    return map(_entry, records_since(kafka, topic, starts, label))


def records_since(
    kafka: KafkaSettings, topic: str, starts: Offsets, label: str
) -> Iterator[InputRecord]:
    """The same as the broker hands them over, with their times."""
    name = kafka.topic(topic)
    ends = Admin(kafka).ends((name, number) for number in starts)
    with Follower(kafka, topic, starts) as log:
        yield from _read(log, {number: end for (_, number), end in ends.items()}, topic, label)


def kept(
    kafka: KafkaSettings, topic: str, partitions: int, since_ms: int, label: str
) -> Iterator[InputRecord]:
    """What a topic still holds that was appended then or later."""
    places = [(kafka.topic(topic), number) for number in range(partitions)]
    starts = Admin(kafka).firsts_since(places, since_ms)
    by_number = {number: start for (_, number), start in starts.items()}
    return records_since(kafka, topic, by_number, label)


def ends_now(kafka: KafkaSettings, topic: str, partitions: int) -> dict[int, int]:
    """Where the topic ends, by partition."""
    name = kafka.topic(topic)
    ends = Admin(kafka).committed_ends((name, number) for number in range(partitions))
    return {number: end for (_, number), end in ends.items()}


def _entry(record: InputRecord) -> Entry:
    return Entry(record.partition(), record.offset(), record.value() or b"")


def _read(log: Follower, ends: Offsets, topic: str, label: str) -> Iterator[InputRecord]:
    heard_s, begin = time.monotonic(), sum(log.positions.values())
    read = begin
    with bar(label, sum(ends.values()) - begin) as advance:
        while any(log.positions[number] < end for number, end in ends.items()):
            for record in log.poll(RECORDS_AT_ONCE, POLL_S):
                if record.offset() < ends[record.partition()]:
                    yield record
            before, read = read, sum(log.positions.values())
            advance(read - begin)
            if read != before:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENCE_S_MAX:
                raise Unavailable(f"{topic}: nothing came for {SILENCE_S_MAX:.0f} s.")
