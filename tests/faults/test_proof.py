"""The check after every fault finds what it looks for: each kind of damage is seen and named."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests import oracle
from tests.faults import models, proof
from tests.faults.load import Workload
from tests.faults.proof import Logged
from tests.oracle import Record
from tests.simulator import LEDGER_DLQ, WALLET_EVENTS, Simulator

START_MS = 1_767_268_800_000
PARTITIONS = 2
ROUNDS = 40


@dataclass(frozen=True)
class Topics:
    """What a reader finds."""

    inputs: list[Record]
    events: list[Record]
    letters: list[Record]

    @property
    def doubts(self) -> list[str]:
        log = proof.logged(self.events)
        return list(proof.doubts(self.inputs, log, self.letters, PARTITIONS))


@pytest.fixture(scope="module")
def topics() -> Topics:
    """The workload decided, with a repeat of all of it, and poison."""
    simulator, workload = Simulator(START_MS, PARTITIONS), Workload(PARTITIONS, START_MS)
    rounds = [workload.round() for _ in range(ROUNDS)]
    for records in ([*workload.opening()], *rounds, *rounds):
        for record in records:
            simulator.publish(record.topic, record.key, record.value)
        simulator.publish("usage.calls", b"someone", b"poison")
        simulator.tick()

    def read(*names: str) -> list[Record]:
        return [
            oracle.recorded(message, name) for name in names for message in simulator.topic(name)
        ]

    return Topics(read(*oracle.USAGE, oracle.COMMANDS), read(WALLET_EVENTS), read(LEDGER_DLQ))


def a_charge(topics: Topics) -> Record:
    return next(one.record for one in proof.logged(topics.events) if one.kind == "CallCharged")


def without(records: list[Record], lost: Record) -> list[Record]:
    return [one for one in records if one != lost]


def test_what_is_whole_leaves_no_doubt(topics: Topics) -> None:
    assert {one.kind for one in proof.logged(topics.events)} >= {
        "ArrearsCollected", "CallCharged", "CrawlCharged", "HoldRefused"
    }  # fmt: skip
    assert topics.doubts == []


DAMAGES: dict[str, tuple[Callable[[Topics], Topics], str]] = {
    "an input lost": (
        lambda topics: replace(topics, events=[]),
        "has 0 outcomes or dead letters, not 1",
    ),
    "an event lost": (
        lambda topics: replace(topics, events=without(topics.events, a_charge(topics))),
        "does not follow from the value before it",
    ),
    "an event doubled": (
        lambda topics: replace(
            topics,
            events=[*topics.events, a_charge(topics)._replace(offset=len(topics.events) * 9)],
        ),
        "has 2 outcomes or dead letters, not 1",
    ),
    "a dead letter lost": (
        lambda topics: replace(topics, letters=topics.letters[1:]),
        "has 0 outcomes or dead letters, not 1",
    ),
    "a tail cut": (
        lambda topics: replace(topics, events=topics.events[:-1]),
        "lies beyond it all",
    ),
    "an event invented": (
        lambda topics: replace(
            topics,
            inputs=[one for one in topics.inputs if one.topic != oracle.CRAWLS],
        ),
        "was never published, and is in the log",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(topics: Topics, damage: str) -> None:
    damaged, words = DAMAGES[damage]
    assert words in "\n".join(damaged(topics).doubts)


def test_rows_are_compared_one_by_one(topics: Topics) -> None:
    log = proof.logged(topics.events)
    wanted, found = models.folded(log), models.folded(log)
    assert list(models.differing(found, wanted)) == []
    found["movements"][5]["amount_micros"] += 1
    del found["holds"][0]
    differing = "\n".join(models.differing(found, wanted))
    assert "movements has a row too many" in differing
    assert "movements lacks" in differing
    assert "holds lacks" in differing


def test_the_second_fold_comes_to_the_oracles_figures(topics: Topics) -> None:
    wallets = models.folded(proof.logged(topics.events))["wallets"]
    assert {
        row["tenant_id"]: (
            row["funds_micros"],
            row["held_micros"],
            row["arrears_micros"],
            row["credit_used_micros"],
        )
        for row in wallets
    } == {name: wallet.figures for name, wallet in oracle.folded(topics.events).wallets.items()}


def test_no_event_is_passed_over(topics: Topics) -> None:
    unknown = Logged(a_charge(topics), "SomethingNew", {"tenant_id": "", "sequence": 1}, {})
    with pytest.raises(AssertionError, match="does not know SomethingNew"):
        models.folded([unknown])
