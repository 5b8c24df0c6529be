"""Topics are made as defined, and whatever differs is found."""

# The client exports these names without declaring so.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from eventlog import topics
from eventlog.settings import KafkaSettings
from eventlog.topics import TOPICS, Drift
from tests.eventlog.harness import PARTITIONS, wait_for

pytestmark = pytest.mark.stack


def test_topics_are_made_once(no_topics: KafkaSettings) -> None:
    names = [no_topics.topic(topic.name) for topic in TOPICS]
    assert topics.create(no_topics, PARTITIONS, replication=1) == names
    assert topics.create(no_topics, PARTITIONS, replication=1) == []


def test_topics_just_made_do_not_drift(kafka: KafkaSettings) -> None:
    assert topics.check(kafka, PARTITIONS, replication=1) == []


def test_missing_topics_are_found(no_topics: KafkaSettings) -> None:
    assert topics.check(no_topics, PARTITIONS, replication=1) == [
        Drift(no_topics.topic(topic.name), "topic", "present", "missing") for topic in TOPICS
    ]


def test_another_number_of_partitions_is_found(kafka: KafkaSettings) -> None:
    drifts = topics.check(kafka, PARTITIONS + 1, replication=1)
    assert {drift[1:] for drift in drifts} == {("partitions", "3", "2")}
    # The cards have one partition, however many the others have.
    assert len(drifts) == len(TOPICS) - 1


def test_too_few_copies_are_found(kafka: KafkaSettings) -> None:
    drifts = topics.check(kafka, PARTITIONS, replication=3)
    assert {drift[1:] for drift in drifts} == {
        ("replication", "3", "1"),
        ("min.insync.replicas", "2", "1"),
    }


def test_a_setting_that_was_changed_is_found(kafka: KafkaSettings) -> None:
    name = kafka.topic("usage.calls")
    change = ConfigEntry(
        "message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET
    )
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change])
    admin.incremental_alter_configs([resource])[resource].result()
    drift = Drift(name, "message.timestamp.type", "LogAppendTime", "CreateTime")
    # A broker knows of a change a moment after it was made.
    wait_for(lambda: topics.check(kafka, PARTITIONS, replication=1) == [drift], "it is found")


def test_ids_and_counts_are_those_of_the_topics_that_exist(kafka: KafkaSettings) -> None:
    ids = topics.ids(kafka, ["usage.calls", "wallet.commands", "not.there"])
    assert set(ids) == {"usage.calls", "wallet.commands"}
    assert len(set(ids.values())) == 2
    assert topics.partition_count(kafka, "usage.calls") == PARTITIONS
    assert topics.partition_count(kafka, "not.there") == 0
