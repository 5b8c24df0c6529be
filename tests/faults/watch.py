"""When a ledger is at work again: seen from outside, by what becomes visible.

Two threads look on: one reads the log of record as any reader does, the other the checkpoints in
Postgres. Recovery of a partition is from a strike to the first batch that was written after it,
or to the first rows of one; where work is only disturbed, the longest silence since the strike.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

import psycopg
from confluent_kafka import Consumer, KafkaException, TopicPartition

from eventlog.settings import KafkaSettings, assigned_consumer
from eventlog.topics import WALLET_EVENTS

POLL_S = 0.02
RECORDS = 500


class Seen(NamedTuple):
    """Something that became visible: when, by this process's clock, and what."""

    at_s: float
    offset: int
    appended_at_ms: int


class Strike(NamedTuple):
    """The moment of a strike, and where partitions stood."""

    at_s: float
    at_ms: int
    offsets: dict[int, int]
    """Of the partitions struck: the last value of the log that was visible."""


class Watch:
    """Looks on from `start` to `stop`."""

    def __init__(self, kafka: KafkaSettings, partitions: int, postgres_url: str) -> None:
        self._kafka = kafka
        self._partitions = partitions
        self._postgres_url = postgres_url
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._endlessly, args=[look], daemon=True)
            for look in (self._read_log, self._read_rows)
        ]
        self._batches: dict[int, list[Seen]] = defaultdict(list)
        self._rows: dict[int, list[Seen]] = defaultdict(list)
        self._positions = dict.fromkeys(range(partitions), 0)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._ending.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def strike(self, partitions: Iterable[int]) -> Strike:
        """Note this moment for these partitions."""
        at_ms = time.time_ns() // 1_000_000
        offsets = {
            number: seen[-1].offset if (seen := self._batches[number]) else -1
            for number in partitions
        }
        return Strike(time.monotonic(), at_ms, offsets)

    def decided_again(self, strike: Strike) -> dict[int, float]:
        """Seconds to the first batch written after the strike; those that have none are left out.

        By the broker's append time: what was written before may become visible afterwards.
        """
        return _first(
            self._batches,
            strike,
            lambda seen, _: seen.appended_at_ms > strike.at_ms,
        )

    def visible_again(self, strike: Strike) -> dict[int, float]:
        """Seconds to the first rows of what the log did not show yet at the strike."""
        return _first(self._rows, strike, lambda seen, offset: seen.offset > offset + 1)

    def silences(self, strike: Strike) -> dict[int, float]:
        """The longest that each partition showed no new batch since the strike, in seconds."""
        found: dict[int, float] = {}
        for number in strike.offsets:
            after = [one.at_s for one in list(self._batches[number]) if one.at_s > strike.at_s]
            pauses = [later - earlier for earlier, later in pairwise([strike.at_s, *after])]
            found[number] = max(pauses, default=0.0)
        return found

    def _endlessly(self, look: Callable[[], None]) -> None:
        while not self._ending.is_set():
            try:
                look()
            except (psycopg.Error, KafkaException):
                time.sleep(POLL_S)

    def _read_log(self) -> None:
        consumer = Consumer(assigned_consumer(self._kafka, "watch"))
        name = self._kafka.topic(WALLET_EVENTS.name)
        try:
            consumer.assign([TopicPartition(name, *at) for at in self._positions.items()])
            while not self._ending.is_set():
                for message in consumer.consume(RECORDS, POLL_S):
                    if message.error() is not None:
                        continue
                    number, offset = message.partition() or 0, message.offset() or 0
                    self._positions[number] = offset + 1
                    # A footer: the only values of a log without a key, besides cards.
                    if message.key() is None:
                        seen = Seen(time.monotonic(), offset, message.timestamp()[1])
                        self._batches[number].append(seen)
        finally:
            consumer.close()

    def _read_rows(self) -> None:
        with psycopg.connect(self._postgres_url, autocommit=True, connect_timeout=2) as database:
            while not self._ending.wait(POLL_S):
                rows = database.execute(
                    "SELECT partition, next_offset FROM read_models.checkpoints"
                ).fetchall()
                for number, following in rows:
                    seen = self._rows[number]
                    if not seen or seen[-1].offset < following:
                        seen.append(Seen(time.monotonic(), following, 0))


def _first(
    seen: dict[int, list[Seen]], strike: Strike, counts: Callable[[Seen, int], bool]
) -> dict[int, float]:
    found: dict[int, float] = {}
    for number, offset in strike.offsets.items():
        after = (
            one.at_s - strike.at_s
            for one in list(seen[number])
            if one.at_s > strike.at_s and counts(one, offset)
        )
        if (first := next(after, None)) is not None:
            found[number] = first
    return found
