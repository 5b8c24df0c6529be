"""The demo's workload through the real parts: the same figures by every way to them."""

import time
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from random import Random

import pytest

from audit.verify import verify
from cli import workload
from devstack import traffic
from eventlog.producer import Publication
from schemas.codec import DeadLetter, dead_letters
from tests import oracle
from tests.simulator import Simulator
from tests.system.operators import Operators, events
from tests.system.world import World

pytestmark = pytest.mark.stack

START_MS = 1_767_268_800_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
OPERATED = (
    *("ReviewDecided", "ArrearsWrittenOff", "BalanceAdjusted", "OperationUndone", "WalletClosed"),
    *("ApprovalAsked", "ApprovalGiven", "ApprovalDeclined", "WalletFrozen", "WalletUnfrozen"),
    *("CardAssigned", "ChargeReversed", "ChatUncounted", "ArrearsCollected", "BudgetLinePassed"),
)
ENDED = ("HoldExpired", "ChatCharged", "HoldVoided")
DEMO = sorted(traffic.DEMO.glob("*.jsonl"))
CROWD = traffic.Options(seed=11, events=100_000, days=14, tenants=300)


def test_the_demo_comes_to_what_the_oracle_says(world: World) -> None:
    start_ms = time.time_ns() // 1_000_000
    phases = workload.read(DEMO, start_ms)
    processor, projector = world.start("processor"), world.start("projector")
    for _, records in phases:
        world.publish(records)
        world.wait_until_decided()
    world.wait_until_projected()

    log = world.check()

    assert len(log.wallets) == 8
    owing = {name for name, wallet in log.wallets.items() if wallet.arrears_micros}
    assert owing == {"last-light-bar", "tiny-studio"}
    poison_is_set_aside_byte_for_byte(world)
    for service in (processor, projector):
        service.process.terminate()
        assert service.ended() == 0, service.log.read_text()


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


@pytest.mark.parametrize("order", ["topic by topic", "the other way round", "shuffled"])
def test_a_crowd_comes_to_what_the_oracle_says_in_any_order_of_topics(
    world: World, tmp_path: Path, order: str
) -> None:
    """100,000 usage events of every kind; within a topic their order stays."""
    traffic.write(tmp_path, CROWD)
    phases = workload.read(sorted(tmp_path.glob("*.jsonl")), time.time_ns() // 1_000_000)
    world.start("processor")
    world.start("projector")
    ticker = world.start("ticker")
    for _, records in phases:
        world.publish(in_order(records, order))
        world.wait_until_decided()
    operators = Operators(time.time_ns() // 1_000_000)
    so_far = world.records(oracle.EVENTS)
    world.publish(operators.at_first(so_far, oracle.folded(so_far)))
    world.wait_until_decided()
    world.publish(operators.then(world.records(oracle.EVENTS)))
    # Nothing more may come while what there is is compared.
    ticker.process.terminate()
    assert ticker.ended() == 0, ticker.log.read_text()
    world.wait_until_decided()
    world.wait_until_projected()

    log = world.check()

    assert len(log.wallets) > 290
    assert any(wallet.arrears_micros for wallet in log.wallets.values())
    happened = world.records(oracle.EVENTS)
    assert [kind for kind in OPERATED if not events(happened, kind)] == []


@pytest.mark.parametrize("order", ["topic by topic", "shuffled"])
def test_a_crowd_s_hours_close_and_its_holds_end_in_any_order(tmp_path: Path, order: str) -> None:
    """The processor's own step around topics in memory: a broker's time cannot be moved."""
    traffic.write(tmp_path, CROWD)
    simulator = Simulator(START_MS)
    for _, records in workload.read(sorted(tmp_path.glob("*.jsonl")), START_MS):
        ordered = in_order(records, order)
        for first in range(0, len(ordered), 5_000):
            publish(simulator, ordered[first : first + 5_000])
            simulator.advance(1)
            simulator.tick()
    for wait_ms in (25 * MINUTE_MS, 2 * HOUR_MS):
        simulator.advance(wait_ms)
        simulator.tick()
    ended = read(simulator, oracle.EVENTS)
    assert all(not wallet.holds for wallet in oracle.folded(ended).wallets.values())
    assert all(not wallet.hours for wallet in oracle.folded(ended).wallets.values())

    operators = Operators(simulator.now_ms)
    publish(simulator, operators.at_first(ended, oracle.folded(ended)))
    simulator.decide()
    publish(simulator, operators.then(read(simulator, oracle.EVENTS)))
    # What came two days ahead of its time and was accepted is a chat of that day.
    for wait_ms in (1, 3 * DAY_MS, 100 * DAY_MS):
        simulator.advance(wait_ms)
        simulator.tick()

    assert verify(simulator.log(), simulator.partitions).findings == ()
    happened = read(simulator, oracle.EVENTS)
    log = oracle.folded(happened)
    inputs = read(simulator, *oracle.USAGE, oracle.COMMANDS)
    assert oracle.differing(log.tenants, oracle.expected(inputs, simulator.partitions)) == {}
    decided = {
        tenant_id: (
            wallet.funds_micros,
            wallet.held_micros,
            wallet.arrears_micros,
            wallet.credit_used_micros,
        )
        for number in range(simulator.partitions)
        for tenant_id, wallet in simulator.state(number).wallets.items()
    }
    assert {name: wallet.figures for name, wallet in log.wallets.items()} == decided
    assert [kind for kind in (*OPERATED, *ENDED) if len(events(happened, kind)) < 10] == []


def publish(simulator: Simulator, records: Sequence[Publication]) -> None:
    for record in records:
        simulator.publish(record.topic, record.key, record.value, record.headers or [])
    simulator.decide()


def read(simulator: Simulator, *topics: str) -> list[oracle.Record]:
    return [oracle.recorded(one, topic) for topic in topics for one in simulator.topic(topic)]


def poison_is_set_aside_byte_for_byte(world: World) -> None:
    letters = [dead_letters.decode(one.value or b"") for one in world.records("ledger.dlq")]
    sources = {(one.topic, one.partition, one.offset): one for one in world.records("usage.calls")}
    for letter in letters:
        source = sources[letter.source_topic, letter.source_partition, letter.source_offset]
        assert (letter.key, letter.value) == (source.key, source.value)
        assert letter.source_appended_at_ms == source.appended_at_ms
    assert sorted(map(_reason, letters)) == [
        ("invalid", "started_at must not be negative or after ended_at"),
        ("malformed", "the value does not begin with a zero byte and a four-byte schema id"),
        ("malformed", "the value ends too early"),
        ("unknown_schema", "schema id 1 is not one of usage.calls's"),
        ("wrong_key", "the record's key is b'someone-else'"),
    ]


def _reason(letter: DeadLetter) -> tuple[str, str]:
    """The code and the message, without what follows its first clause."""
    return letter.code, letter.message.partition(" (")[0].partition(";")[0].partition(",")[0]
