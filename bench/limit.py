"""The limit: as many bytes in and out, in transactions as the processor's, and nothing decided.

One producer for all partitions, one thread, the client settings of the event log: nothing that has
to decide can be faster on this client and broker.
"""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from bench import machine
from eventlog.settings import KafkaSettings, group_consumer, transactional_producer

TIMEOUT_S: Final = 30.0


class Limit(NamedTuple):
    """What came through with batches of one size, from the first commit to the last."""

    batch: int
    events_per_s: float
    client_cpu_us: float
    broker_cpu_us: float


def measure(
    kafka: KafkaSettings,
    source: str,
    sink: str,
    ends: Mapping[int, int],
    payload: bytes,
    batch: int,
    broker_pid: int,
) -> Limit:
    """Read `source` up to `ends` and write `payload` to `sink` for each record, same partition."""
    name = kafka.group(f"bench.limit.{batch}")
    consumer = Consumer(group_consumer(kafka, name))
    consumer.assign([TopicPartition(source, partition, 0) for partition in ends])
    producer = Producer(transactional_producer(kafka, name))
    producer.init_transactions(TIMEOUT_S)
    try:
        return _measure(consumer, producer, sink, sum(ends.values()), payload, batch, broker_pid)
    finally:
        consumer.close()


def _measure(
    consumer: Consumer,
    producer: Producer,
    sink: str,
    records: int,
    payload: bytes,
    batch: int,
    broker_pid: int,
) -> Limit:
    done = _transact(consumer, producer, sink, payload, batch)
    first = done
    began_s, client_s, broker_s = time.monotonic(), time.process_time(), machine.cpu_s(broker_pid)
    while done < records:
        done += _transact(consumer, producer, sink, payload, min(batch, records - done))
    seconds = time.monotonic() - began_s
    events = done - first
    return Limit(
        batch,
        events / seconds,
        (time.process_time() - client_s) / events * 1e6,
        (machine.cpu_s(broker_pid) - broker_s) / events * 1e6,
    )


def _transact(consumer: Consumer, producer: Producer, sink: str, payload: bytes, batch: int) -> int:
    """One full batch through; how many records it had."""
    messages: list[Message] = []
    while len(messages) < batch:
        arrived = consumer.consume(batch - len(messages), TIMEOUT_S)
        messages += [message for message in arrived if message.error() is None]
    producer.begin_transaction()
    next_offsets: dict[int, int] = {}
    for message in messages:
        partition = cast(int, message.partition())
        producer.produce(sink, payload, message.key(), partition)
        next_offsets[partition] = cast(int, message.offset()) + 1
    source = cast(str, messages[0].topic())
    producer.send_offsets_to_transaction(
        [TopicPartition(source, partition, offset) for partition, offset in next_offsets.items()],
        consumer.consumer_group_metadata(),
        TIMEOUT_S,
    )
    producer.commit_transaction(TIMEOUT_S)
    return len(messages)
