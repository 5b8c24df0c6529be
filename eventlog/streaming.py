"""Publishing without waiting for each record: what became of it is told when it is known.

Records of one partition are acknowledged in the order in which they were sent. One that cannot be
delivered is sent again for as long as it takes; only a broker that refuses it ends the stream.
"""

from collections.abc import Callable
from functools import partial
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from eventlog.admin import error_of
from eventlog.producer import Publication
from eventlog.records import LibraryHeaders
from eventlog.settings import ClientConfig, KafkaSettings, streaming_producer

GIVEN_UP = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # noqa: SLF001 - its public codes
"""What is told of records that `start_over` and `close` gave up: no trouble, but its end."""

Told = Callable[[str | None], None]
"""Called once for each record: None once all copies in sync have it, else why they do not."""


class Stream:
    """Threads may send at once; only one may poll, and in it all is told.

    After a record was told to have failed, nothing that was sent behind it may be taken for
    delivered: `start_over`, and send again from there.
    """

    def __init__(self, kafka: KafkaSettings, records_max: int) -> None:
        """Hold at most so many records; it connects by itself, now or later."""
        self._kafka = kafka
        self._trouble: str | None = None
        self._config: ClientConfig = streaming_producer(kafka, records_max)
        self._producer = self._connect()

    @property
    def trouble(self) -> str | None:
        """What the client last complained of, if nothing was acknowledged since."""
        return self._trouble

    def send(self, record: Publication, told: Told) -> None:
        """Take a record to be sent; one that cannot be taken is told of at once."""
        try:
            self._producer.produce(
                self._kafka.topic(record.topic),
                record.value,
                record.key,
                record.partition,
                on_delivery=partial(self._note, told),
                headers=cast(LibraryHeaders | None, record.headers),
            )
        except BufferError as error:
            told(str(error))
        except KafkaException as exception:
            self._trouble = error_of(exception).str()
            told(self._trouble)

    def poll(self, timeout_s: float) -> None:
        """Tell of what is known, waiting so long for the first."""
        self._producer.poll(timeout_s)

    def start_over(self) -> None:
        """Give up what is under way, telling so, and connect anew."""
        self._give_up()
        self._producer = self._connect()

    def close(self) -> None:
        """Give up what is under way, telling so."""
        self._give_up()

    def _connect(self) -> Producer:
        # A function of ours among the settings, which the library's own type has no place for.
        config = cast("dict[str, object]", self._config) | {"error_cb": self._complain}
        return Producer(cast(ClientConfig, config))

    def _give_up(self) -> None:
        self._producer.purge()
        self._producer.flush(0)

    def _complain(self, error: KafkaError) -> None:
        self._trouble = error.str()

    def _note(self, told: Told, error: KafkaError | None, _: Message) -> None:
        if error is None or error.code() not in GIVEN_UP:
            self._trouble = None if error is None else error.str()
        told(None if error is None else error.str())
