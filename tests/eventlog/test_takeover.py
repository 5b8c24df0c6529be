"""Taking a partition over: the log is believed, and what contradicts it is refused."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from eventlog import topics
from eventlog.admin import Admin
from eventlog.settings import KafkaSettings
from eventlog.takeover import Wiring
from tests.eventlog.harness import (
    PARTITIONS,
    USAGE,
    WIRING,
    all_counted,
    counted,
    member,
    publish,
    wait_for,
)
from tests.eventlog.tally import COMMANDS, EVENTS

pytestmark = pytest.mark.stack


def group(kafka: KafkaSettings) -> str:
    return kafka.group(WIRING.app)


def serve(kafka: KafkaSettings, inputs: int) -> None:
    """Run a member until it took that many inputs."""
    with member(kafka) as running:
        wait_for(lambda: running.notes.inputs == inputs or running.ended, "all is counted")
    assert running.error is None


def refusals(kafka: KafkaSettings, wiring: Wiring = WIRING) -> dict[int, str]:
    """Run a member until each partition is served or refused."""
    with member(kafka, wiring) as running:
        notes = running.notes
        wait_for(
            lambda: len(notes.serving) + len(notes.refusals) == PARTITIONS, "all is taken over"
        )
    return notes.refusals


def commit(kafka: KafkaSettings, partition: int, offset: int) -> None:
    """Make the group claim another position in usage."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    place = TopicPartition(kafka.topic(USAGE), partition, offset)
    change = ConsumerGroupTopicPartitions(group(kafka), [place])
    for future in admin.alter_consumer_group_offsets([change]).values():
        future.result()


def test_the_group_offsets_are_copies_of_the_footer(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", "c", "d")
    publish(kafka, "e", topic=COMMANDS)
    serve(kafka, 5)
    usage, commands = kafka.topic(USAGE), kafka.topic(COMMANDS)
    places = [(topic, number) for topic in (usage, commands) for number in range(PARTITIONS)]
    assert Admin(kafka).group_offsets(group(kafka), places) == {
        (usage, 0): 2,
        (usage, 1): 2,
        (commands, 0): 1,
    }


def test_without_group_offsets_the_footer_is_enough(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", "c")
    serve(kafka, 3)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in admin.delete_consumer_groups([group(kafka)]).values():
        future.result()
    publish(kafka, "d", "e")
    serve(kafka, 2)
    assert sorted(all_counted(kafka)) == ["a", "b", "c", "d", "e"]


def test_group_offsets_that_lag_do_not_repeat_anything(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", partition=0)
    serve(kafka, 2)
    commit(kafka, 0, 1)
    publish(kafka, "c", partition=0)
    serve(kafka, 1)
    assert counted(kafka, 0) == ["a", "b", "c"]


def test_group_offsets_ahead_of_the_log_are_refused(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", "c", partition=0)
    serve(kafka, 3)
    commit(kafka, 0, 4)
    assert refusals(kafka) == {0: "partition 0: usage.calls: the group committed 4, the log says 3"}


def test_another_topic_under_the_same_name_is_refused(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b")
    serve(kafka, 2)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in admin.delete_topics([kafka.topic(USAGE)]).values():
        future.result()
    wait_for(lambda: topics.partition_count(kafka, USAGE) == 0, "the topic is gone")
    topics.create(kafka, PARTITIONS, replication=1)
    publish(kafka, "a", "b")
    found = refusals(kafka)
    assert set(found) == {0, 1}
    assert "usage.calls is another topic" in found[0]


def test_a_position_that_the_input_no_longer_has_is_refused(kafka: KafkaSettings) -> None:
    publish(kafka, "a", partition=0)
    serve(kafka, 1)
    publish(kafka, "b", "c", partition=0)
    delete_below(kafka, USAGE, 2)
    assert refusals(kafka) == {0: "partition 0: usage.calls holds offsets 2 to 3, the log says 1"}


def test_an_input_that_lost_its_beginning_unread_is_refused(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", partition=1)
    delete_below(kafka, USAGE, 1, partition=1)
    assert refusals(kafka) == {
        1: "partition 1: usage.calls starts at 1, and was never read before that"
    }


def test_a_log_that_lost_its_beginning_is_not_served(kafka: KafkaSettings) -> None:
    publish(kafka, "a", partition=0)
    serve(kafka, 1)
    delete_below(kafka, EVENTS, 1)
    with member(kafka) as running:
        wait_for(lambda: 0 in running.notes.refusals, "it is refused")
    assert "holds offsets 1 to" in running.notes.refusals[0]


def test_another_number_of_partitions_is_refused(kafka: KafkaSettings) -> None:
    wiring = Wiring(WIRING.app, WIRING.usage, WIRING.commands, WIRING.events, PARTITIONS + 1)
    found = refusals(kafka, wiring)
    assert set(found) == {0, 1}
    assert "has 2 partitions, not 3" in found[0]


def delete_below(kafka: KafkaSettings, topic: str, offset: int, partition: int = 0) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    kept = TopicPartition(kafka.topic(topic), partition, offset)
    admin.delete_records([kept])[kept].result()
