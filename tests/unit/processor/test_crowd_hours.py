"""The crowd's hours close and its holds end, as the oracle says: no broker's time can be moved."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from audit.verify import verify
from cli import workload
from devstack import traffic
from eventlog.producer import Publication
from tests import oracle
from tests.simulator import Simulator
from tests.system.crowd import OPERATED, crowd, in_order
from tests.system.operators import Operators, events

START_MS = 1_767_268_800_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
ENDED = ("HoldExpired", "ChatCharged", "HoldVoided")


@pytest.mark.parametrize("order", ["topic by topic", "shuffled"])
def test_a_crowd_s_hours_close_and_its_holds_end_in_any_order(tmp_path: Path, order: str) -> None:
    """The processor's own step around topics in memory."""
    traffic.write(tmp_path, crowd(30_000))
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
    assert [kind for kind in (*OPERATED, *ENDED) if len(events(happened, kind)) < 2] == []


def publish(simulator: Simulator, records: Sequence[Publication]) -> None:
    for record in records:
        simulator.publish(record.topic, record.key, record.value, record.headers or [])
    simulator.decide()


def read(simulator: Simulator, *topics: str) -> list[oracle.Record]:
    return [oracle.recorded(one, topic) for topic in topics for one in simulator.topic(topic)]
