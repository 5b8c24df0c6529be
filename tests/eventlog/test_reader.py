"""Reading the log to its end, and on as it grows."""

# pyright: reportUnknownMemberType=false

import time

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from eventlog.errors import LogTruncated
from eventlog.reader import Follower, last_record, read_to_end
from eventlog.settings import KafkaSettings
from tests.eventlog.harness import USAGE, Upstream, publish

pytestmark = pytest.mark.stack


def values_from(kafka: KafkaSettings, start: int = 0) -> list[bytes | None]:
    return [record.value() for record in read_to_end(kafka, USAGE, 0, start)]


def test_an_empty_partition_ends_at_once(kafka: KafkaSettings) -> None:
    assert values_from(kafka) == []


def test_reading_starts_where_it_is_told(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", "c", partition=0)
    assert values_from(kafka, start=1) == [b"b", b"c"]
    assert values_from(kafka, start=3) == []


def test_reading_ends_past_commit_markers_and_aborted_records(kafka: KafkaSettings) -> None:
    upstream = Upstream(kafka)
    upstream.commit("a", "b")
    upstream.abort("c", "d")
    assert values_from(kafka) == [b"a", b"b"]


def test_an_unfinished_transaction_is_not_waited_for(kafka: KafkaSettings) -> None:
    upstream = Upstream(kafka)
    upstream.commit("a")
    upstream.begin("b")
    assert values_from(kafka) == [b"a"]


def test_a_log_that_lost_its_beginning_is_not_read(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", "c", partition=0)
    kept = TopicPartition(kafka.topic(USAGE), 0, 2)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.delete_records([kept])[kept].result()
    assert values_from(kafka, start=2) == [b"c"]
    with pytest.raises(LogTruncated, match="holds offsets 2 to 3, and 1 was asked for"):
        values_from(kafka, start=1)


def test_a_position_beyond_the_end_is_not_read(kafka: KafkaSettings) -> None:
    with pytest.raises(LogTruncated):
        values_from(kafka, start=1)


def test_a_follower_goes_on_where_its_caller_stands(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", "c", "d")
    with Follower(kafka, USAGE, {0: 1, 1: 0}) as follower:
        found = read_until(follower, 3)
        assert sorted(found) == [(0, b"c"), (1, b"b"), (1, b"d")]
        assert follower.positions == {0: 2, 1: 2}
        publish(kafka, "e", partition=0)
        assert read_until(follower, 1) == [(0, b"e")]
        follower.seek(0, 1)
        assert read_until(follower, 2) == [(0, b"c"), (0, b"e")]


def test_a_follower_sees_where_the_log_ends_while_it_reads(kafka: KafkaSettings) -> None:
    publish(kafka, "a", "b", partition=0)
    with Follower(kafka, USAGE, {0: 0, 1: 0}) as log:
        before = log.ends_seen()
        publish(kafka, "c", "d", "e", partition=0)
        give_up_s = time.monotonic() + 10
        while log.ends_seen()[0] < 5 and time.monotonic() < give_up_s:
            log.poll(1, 0.1)
        assert (before, log.ends_seen()) == ({0: 2, 1: 0}, {0: 5, 1: 0})


def test_a_follower_that_read_all_stands_past_the_last_marker(kafka: KafkaSettings) -> None:
    Upstream(kafka).commit("a")
    with Follower(kafka, USAGE, {0: 0}) as follower:
        read_until(follower, 1)
        follower.poll(10, 1.0)
        assert follower.positions == follower.ends == {0: 2}


def read_until(follower: Follower, count: int) -> list[tuple[int, bytes | None]]:
    found: list[tuple[int, bytes | None]] = []
    while len(found) < count:
        found += [(record.partition(), record.value()) for record in follower.poll(10, 1.0)]
    return found


def test_an_end_met_before_later_records_does_not_move_a_follower_back(
    kafka: KafkaSettings,
) -> None:
    with Follower(kafka, USAGE, {0: 0}) as log:
        for burst in range(1, 13):
            publish(kafka, *"abc", partition=0)
            # The client meets the end meanwhile, and is polled just after it fetched what follows.
            time.sleep(0.15)
            publish(kafka, *"abc", partition=0)
            time.sleep(0.01)
            while log.positions[0] < burst * 6:
                before = log.positions[0]
                records = log.poll(100, 0.2)
                assert log.positions[0] >= before
                assert all(record.offset() < log.positions[0] for record in records)


def test_the_last_record_is_found_behind_markers_and_aborted_ones(kafka: KafkaSettings) -> None:
    assert last_record(kafka, USAGE, 0) is None
    upstream = Upstream(kafka)
    upstream.commit("a", "b")
    upstream.abort(*"cdefghijklmnop")
    last = last_record(kafka, USAGE, 0)
    assert last is not None
    assert last.value() == b"b"
