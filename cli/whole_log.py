"""A topic from its beginning to where it ends now, all partitions at once, with a bar."""

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from cli.errors import Unavailable
from cli.progress import bar
from eventlog.reader import Follower
from eventlog.settings import KafkaSettings

RECORDS_AT_ONCE: Final = 2_000
POLL_S: Final = 0.5
SILENCE_S_MAX: Final = 60.0


class Entry(NamedTuple):
    """A record; each partition's come in order."""

    partition: int
    offset: int
    value: bytes


def whole_log(kafka: KafkaSettings, topic: str, partitions: int, label: str) -> Iterator[Entry]:
    """Every record of the topic; raises Unavailable after a long silence."""
    heard_s = time.monotonic()
    with Follower(kafka, topic, dict.fromkeys(range(partitions), 0)) as log:
        ends, read = log.ends, 0
        with bar(label, sum(ends.values())) as advance:
            while any(log.positions[number] < end for number, end in ends.items()):
                for record in log.poll(RECORDS_AT_ONCE, POLL_S):
                    entry = Entry(record.partition(), record.offset(), record.value() or b"")
                    if entry.offset < ends[entry.partition]:
                        yield entry
                before, read = read, sum(log.positions.values())
                advance(read)
                if read != before:
                    heard_s = time.monotonic()
                elif time.monotonic() - heard_s > SILENCE_S_MAX:
                    raise Unavailable(f"{topic}: nothing came for {SILENCE_S_MAX:.0f} s.")
