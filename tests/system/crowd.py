"""A crowd's usage of two weeks, of every kind, in every order of topics that may come."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from random import Random

from devstack import traffic
from eventlog.producer import Publication

OPERATED = (
    *("ReviewDecided", "ArrearsWrittenOff", "BalanceAdjusted", "OperationUndone", "WalletClosed"),
    *("ApprovalAsked", "ApprovalGiven", "ApprovalDeclined", "WalletFrozen", "WalletUnfrozen"),
    *("CardAssigned", "ChargeReversed", "ChatUncounted", "ArrearsCollected", "BudgetLinePassed"),
)
"""What must have happened once operators were there."""


def crowd(events: int) -> traffic.Options:
    """So many usage events; the fewer there are, the fewer tenants."""
    return traffic.Options(seed=11, events=events, days=14, tenants=max(60, events * 3 // 1_000))


def in_order(records: Sequence[Publication], order: str) -> list[Publication]:
    """The same records, each topic's in its order; how topics interleave is by the name."""
    if order in ("topic by topic", "the other way round"):
        return sorted(records, key=attrgetter("topic"), reverse=order != "topic by topic")
    by_topic: dict[str, list[Publication]] = {}
    for record in records:
        by_topic.setdefault(record.topic, []).append(record)
    random = Random(order)
    drawn = [topic for topic, own in by_topic.items() for _ in own]
    random.shuffle(drawn)
    left: dict[str, Iterator[Publication]] = {topic: iter(own) for topic, own in by_topic.items()}
    return [next(left[topic]) for topic in drawn]
