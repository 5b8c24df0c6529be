"""Publishing outside transactions: every record of a batch is known to be acknowledged or not."""

import time
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from eventlog.admin import error_of
from eventlog.errors import Undelivered
from eventlog.records import Headers, LibraryHeaders
from eventlog.settings import KafkaSettings, plain_producer

BY_KEY = -1
"""No partition named: the key decides, as it does for Java's clients."""

IDENTIFIED_S = 0.06
"""A record that comes before the broker gave the producer its id lies for half a second."""


class Publication(NamedTuple):
    """A record to publish; its topic is the logical name."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers | None = None
    partition: int = BY_KEY


class Publisher:
    """Publishes usage, commands and ticks; threads may share one."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer = self._connect()

    def publish(self, publications: Iterable[Publication]) -> int:
        """Return how many records there were, once all are acknowledged by every copy in sync.

        Raises Undelivered with each record that was not, or perhaps not. Those may be published
        again: an input is applied once, however often it is repeated.
        """
        outcomes: list[tuple[int, KafkaError | None]] = []
        asked = 0
        for place, publication in enumerate(publications):
            self._produce(publication, place, outcomes)
            asked += 1
        # It ends: a record that cannot be delivered is reported when its time is up.
        while len(outcomes) < asked:
            self._producer.poll(0.1)
        if any(error is not None and error.fatal() for _, error in outcomes):
            # It will deliver nothing any more; the next call finds another.
            self._producer = self._connect()
        failures = [(place, error.str()) for place, error in outcomes if error is not None]
        if failures:
            raise Undelivered(sorted(failures))
        return asked

    def _connect(self) -> Producer:
        producer = Producer(plain_producer(self._kafka))
        time.sleep(IDENTIFIED_S)
        return producer

    def _produce(
        self, record: Publication, place: int, outcomes: list[tuple[int, KafkaError | None]]
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    self._kafka.topic(record.topic),
                    record.value,
                    record.key,
                    record.partition,
                    on_delivery=partial(_note, outcomes, place),
                    headers=cast(LibraryHeaders | None, record.headers),
                )
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as exception:
                return outcomes.append((place, error_of(exception)))
            else:
                return None


def _note(
    outcomes: list[tuple[int, KafkaError | None]],
    place: int,
    error: KafkaError | None,
    _message: Message,
) -> None:
    outcomes.append((place, error))
