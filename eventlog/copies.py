"""Whether every record has its copies: partitions without a leader, or with too few in sync."""

from typing import NamedTuple, cast

from confluent_kafka import Node, TopicPartitionInfo

from eventlog.admin import Admin
from eventlog.settings import KafkaSettings
from eventlog.topics import TOPICS

OFFSETS = "__consumer_offsets"
TRANSACTIONS = "__transaction_state"
INTERNAL = (OFFSETS, TRANSACTIONS)
"""Kafka's own, in which it keeps what makes a batch whole; made with their first use."""

MIN_IN_SYNC = "min.insync.replicas"


class Lack(NamedTuple):
    """A partition that lacks something; `is_shut` where nothing can be written to it."""

    topic: str
    partition: int
    what: str
    is_shut: bool


def lacking(kafka: KafkaSettings, replication: int) -> list[Lack]:
    """Everything that is not as it should be with the copies of our topics and Kafka's own."""
    admin = Admin(kafka)
    names = [*(kafka.topic(topic.name) for topic in TOPICS), *INTERNAL]
    described = admin.describe(names)
    settings = admin.settings(described)
    return [
        lack
        for name, found in described.items()
        for partition in found.partitions
        if (lack := lack_of(name, partition, int(settings[name][MIN_IN_SYNC]), replication))
    ]


def lack_of(topic: str, at: TopicPartitionInfo, in_sync_min: int, wanted: int) -> Lack | None:
    """What a partition lacks most; None if nothing."""
    copies, in_sync = len(at.replicas), len(at.isr)
    leader = cast(Node | None, at.leader)
    if leader is None or leader.id < 0:
        return Lack(topic, at.id, "no leader", is_shut=True)
    if in_sync < in_sync_min:
        what = f"{in_sync} of {copies} copies in sync, and {in_sync_min} are needed"
        return Lack(topic, at.id, what, is_shut=True)
    if in_sync < copies:
        return Lack(topic, at.id, f"{in_sync} of {copies} copies in sync", is_shut=False)
    if copies < wanted:
        return Lack(topic, at.id, f"{copies} of {wanted} copies", is_shut=False)
    if in_sync_min < min(wanted, 2):
        return Lack(topic, at.id, f"{MIN_IN_SYNC} = {in_sync_min}", is_shut=False)
    return None
