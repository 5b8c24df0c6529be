"""What a partition's copies lack, by how many there are, how many are in sync, and are needed."""

import pytest
from confluent_kafka import Node, TopicPartitionInfo

from eventlog.copies import lack_of

WANTED = 3
NODES = [Node(number, "host", 9092) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("copies", "in_sync", "in_sync_min", "what", "is_shut"),
    [
        (3, 1, 2, "1 of 3 copies in sync, and 2 are needed", True),
        (3, 2, 2, "2 of 3 copies in sync", False),
        (2, 2, 2, "2 of 3 copies", False),
        (3, 3, 1, "min.insync.replicas = 1", False),
    ],
)
def test_the_worst_lack_is_told(
    copies: int, in_sync: int, in_sync_min: int, what: str, is_shut: bool
) -> None:
    lack = lack_of("t", partition(copies, in_sync), in_sync_min, WANTED)
    assert lack == ("t", 5, what, is_shut)


def test_a_partition_whose_copies_are_all_in_sync_lacks_nothing() -> None:
    assert lack_of("t", partition(3, 3), 2, WANTED) is None


def test_one_copy_is_enough_where_one_is_wanted() -> None:
    assert lack_of("t", partition(1, 1), 1, wanted=1) is None


@pytest.mark.parametrize("leader", [None, Node(-1, "", -1)])
def test_a_partition_without_a_leader_is_shut(leader: Node | None) -> None:
    alone = TopicPartitionInfo(5, leader, NODES[:3], NODES[:2])  # type: ignore[arg-type]
    assert lack_of("t", alone, 2, WANTED) == ("t", 5, "no leader", True)


def partition(copies: int, in_sync: int) -> TopicPartitionInfo:
    return TopicPartitionInfo(5, NODES[0], NODES[:copies], NODES[:in_sync])
