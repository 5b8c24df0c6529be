"""The transactional producer of one partition: what it writes becomes visible at once, or never.

After an error whose outcome is unknown it cannot be used again: the process has to end.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from confluent_kafka import KafkaException, Producer, TopicPartition

from eventlog.admin import error_of
from eventlog.errors import StopProcess
from eventlog.records import LibraryHeaders, Output
from eventlog.settings import (
    DELIVERY_TIMEOUT_MS,
    TRANSACTION_TIMEOUT_MS,
    KafkaSettings,
    transactional_producer,
)

FENCE_TIMEOUT_S = 5.0
END_TIMEOUT_S = TRANSACTION_TIMEOUT_MS / 1_000
DELIVERY_TIMEOUT_S = DELIVERY_TIMEOUT_MS / 1_000


class PartitionProducer:
    """Writes only to the partitions of its own number: a dead owner holds back its own tenants."""

    def __init__(self, kafka: KafkaSettings, app: str, partition: int) -> None:
        self._kafka = kafka
        self._partition = partition
        transactional_id = kafka.transactional_id(app, partition)
        self._producer = Producer(transactional_producer(kafka, transactional_id))

    def fence(self) -> bool:
        """Fence the previous owner and end its transaction; False if it must be tried again."""
        try:
            self._producer.init_transactions(FENCE_TIMEOUT_S)
        except KafkaException as exception:
            if error_of(exception).retriable():
                return False
            raise self._stop("could not initialise", exception) from exception
        return True

    def begin(self) -> None:
        """Open a transaction; the broker learns of it with the first record."""
        try:
            self._producer.begin_transaction()
        except KafkaException as exception:
            raise self._stop("could not begin", exception) from exception

    def write(self, outputs: Sequence[Output]) -> None:
        """Hand over records in order.

        A record that is refused here does not poison the transaction, which would commit without
        it: the batch must end, and as it would be the same again, so must the process.
        """
        produce, partition = self._producer.produce, self._partition
        topic, name = "", ""
        try:
            for output in outputs:
                if output.topic is not topic:
                    topic, name = output.topic, self._kafka.topic(output.topic)
                if output.headers:
                    headers = cast(LibraryHeaders, output.headers)
                    produce(name, output.value, output.key, partition, headers=headers)
                else:
                    produce(name, output.value, output.key, partition)
        except (BufferError, KafkaException) as exception:
            raise self._stop("a record was refused", exception) from exception

    def send_offsets(self, next_offsets: Mapping[str, int], group: object) -> str | None:
        """Add the inputs' positions, the second fence; the reason if the batch must be aborted."""
        # An empty list, or an offset that is no number, would skip the fence.
        assert next_offsets, "a batch moves at least one position"
        assert min(next_offsets.values()) >= 0, f"no offset: {next_offsets}"
        places = [
            TopicPartition(self._kafka.topic(topic), self._partition, offset)
            for topic, offset in next_offsets.items()
        ]
        try:
            self._producer.send_offsets_to_transaction(places, group, END_TIMEOUT_S)
        except KafkaException as exception:
            if error_of(exception).txn_requires_abort():
                return error_of(exception).str()
            raise self._stop("the positions were not taken", exception) from exception
        return None

    def commit(self) -> None:
        """Make it visible. A commit that failed is unknown, not failed: StopProcess."""
        try:
            self._producer.commit_transaction(END_TIMEOUT_S)
        except KafkaException as exception:
            raise self._stop("the commit's outcome is unknown", exception) from exception

    def abort(self) -> None:
        """Drop what was written since `begin`."""
        try:
            # Aborting while the first record is on its way can end in a fatal error.
            self._producer.flush(DELIVERY_TIMEOUT_S)
            self._producer.abort_transaction(END_TIMEOUT_S)
        except KafkaException as exception:
            raise self._stop("could not abort", exception) from exception

    def _stop(self, what: str, exception: Exception) -> StopProcess:
        return StopProcess(f"partition {self._partition}: {what}: {exception}")
