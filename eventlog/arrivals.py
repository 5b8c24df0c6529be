"""What a consumer hands over: records, ends of partitions, and errors that are not to be missed."""

from typing import cast

from confluent_kafka import Consumer, KafkaException, Message

from eventlog.access import is_refused, refusal
from eventlog.errors import LogTruncated
from eventlog.records import InputRecord

PASSING = {"_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE"}
"""The broker is away; the client goes on looking for it."""


def poll_batch(consumer: Consumer, records_max: int, timeout_s: float) -> list[Message]:
    """What has arrived, waiting only for the first: `consume` alone waits until it has them all."""
    arrived = consumer.consume(records_max, 0)
    if arrived or timeout_s == 0:
        return arrived
    first = consumer.poll(timeout_s)
    return [] if first is None else [first, *consumer.consume(records_max - 1, 0)]


def sort_out(messages: list[Message]) -> tuple[list[InputRecord], list[InputRecord]]:
    """(Records, ends). An end's offset is where its partition ended, past all commit markers.

    Raises LogTruncated where an offset is gone (told once, then the partition is silent),
    AccessRefused where we may not read, and KafkaException for whatever else does not pass by
    itself.
    """
    if not any(map(Message.error, messages)):
        return cast(list[InputRecord], messages), []
    records: list[Message] = []
    ends: list[Message] = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.name() == "_PARTITION_EOF":
            ends.append(message)
        elif error.name() == "_AUTO_OFFSET_RESET":
            raise LogTruncated(f"{message.topic()}/{message.partition()}: {error.str()}")
        elif is_refused(error):
            raise refusal(error)
        elif error.name() not in PASSING:
            raise KafkaException(error)
    return cast(list[InputRecord], records), cast(list[InputRecord], ends)
