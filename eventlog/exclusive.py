"""Writing what must not be written twice: look whether it is there, then write, nobody between.

Whoever begins fences whoever began before; so what is read after that is all there is, and what is
written then comes next. Of two that try at once, one is overtaken and has written nothing.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, cast

from confluent_kafka import KafkaException, Producer

from eventlog.access import is_refused, refusal
from eventlog.admin import Admin, error_of
from eventlog.errors import AccessRefused, LogUnavailable, Overtaken, Unconfirmed
from eventlog.producer import Publication
from eventlog.reader import read_to_end
from eventlog.records import InputRecord, LibraryHeaders
from eventlog.settings import (
    TRANSACTION_TIMEOUT_MS,
    USAGE_BATCH_BYTES_MAX,
    KafkaSettings,
    transactional_producer,
)

FENCE_TIMEOUT_S: Final = 5.0
FENCE_S_MAX: Final = 30.0
STABLE_S_MAX: Final = 10.0
RETRY_S: Final = 0.1
END_TIMEOUT_S: Final = TRANSACTION_TIMEOUT_MS / 1_000


class ExclusiveWriter:
    """The only one that writes to a partition of `topic`, until another one begins."""

    def __init__(self, kafka: KafkaSettings, topic: str, partition: int) -> None:
        """Begin: fence whoever began before. Raises LogUnavailable if that cannot be done,
        AccessRefused where we may not.
        """
        self._kafka = kafka
        self._topic = topic
        self._partition = partition
        identity = kafka.transactional_id(topic, partition)
        # Usage topics take no larger batch than this.
        limited = {"batch.size": USAGE_BATCH_BYTES_MAX}
        self._producer = Producer({**transactional_producer(kafka, identity), **limited})
        self._fence()
        self._await_stable()

    def read(self) -> Iterator[InputRecord]:
        """All that the partition holds: what another one began before is in it, or never will be.

        Raises LogUnavailable, LogTruncated.
        """
        return read_to_end(self._kafka, self._topic, self._partition)

    def write(self, publications: Sequence[Publication]) -> None:
        """Write records, to any topic, in one transaction: all of them or none.

        Raises Overtaken or AccessRefused, with nothing written, or Unconfirmed; the writer is of no
        use after.
        """
        self.prepare(publications)
        self.commit()

    def prepare(self, publications: Sequence[Publication]) -> None:
        """Begin the transaction and hand the records to the broker. Raises Overtaken,
        AccessRefused.
        """
        try:
            self._producer.begin_transaction()
            for record in publications:
                # Without a callback: the library raises a fatal error amid them, as one of its own.
                self._producer.produce(
                    self._kafka.topic(record.topic),
                    record.value,
                    record.key,
                    record.partition,
                    headers=cast(LibraryHeaders | None, record.headers),
                )
            left = self._producer.flush(END_TIMEOUT_S)
        except (BufferError, KafkaException) as error:
            raise self._not_written(error) from error
        if left:
            raise self._not_written(TimeoutError("no acknowledgement in time"))

    def commit(self) -> None:
        """End the transaction that was prepared. Raises Overtaken, AccessRefused, Unconfirmed."""
        try:
            self._producer.commit_transaction(END_TIMEOUT_S)
        except KafkaException as error:
            if error_of(error).txn_requires_abort():
                raise self._not_written(error) from error
            raise Unconfirmed(f"{self._where}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._producer.purge()

    def _not_written(self, why: Exception) -> Overtaken | AccessRefused:
        """End with nothing written: no commit was asked for, so none can happen."""
        # Left open, the transaction would hold up readers until the broker ends it.
        with suppress(KafkaException):
            self._producer.abort_transaction(END_TIMEOUT_S)
        if isinstance(why, KafkaException) and is_refused(error_of(why)):
            return refusal(error_of(why))
        return Overtaken(f"{self._where}: {why}")

    @property
    def _where(self) -> str:
        return f"{self._topic}/{self._partition}"

    def _fence(self) -> None:
        give_up_s = time.monotonic() + FENCE_S_MAX
        while True:
            try:
                return self._producer.init_transactions(FENCE_TIMEOUT_S)
            except KafkaException as exception:
                error = error_of(exception)
                if is_refused(error):
                    raise refusal(error) from exception
                if not error.retriable() or time.monotonic() > give_up_s:
                    raise LogUnavailable(f"{self._where}: {exception}") from exception
            time.sleep(RETRY_S)

    def _await_stable(self) -> None:
        """Only writers of this kind write there, and the fence ended what they had begun."""
        admin, place = Admin(self._kafka), (self._kafka.topic(self._topic), self._partition)
        give_up_s = time.monotonic() + STABLE_S_MAX
        while admin.committed_ends([place]) != admin.ends([place]):
            if time.monotonic() > give_up_s:
                raise LogUnavailable(f"{self._where}: a transaction on it does not end")
            time.sleep(RETRY_S)
