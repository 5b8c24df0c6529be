"""The crowd's workload through the real parts comes to what the oracle says."""

import time
from pathlib import Path

import pytest

from cli import workload
from devstack import traffic
from tests import oracle
from tests.system.crowd import OPERATED, crowd, in_order
from tests.system.operators import Operators, events
from tests.system.world import World

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("order", "count"),
    [("topic by topic", 20_000), ("the other way round", 20_000), ("shuffled", 100_000)],
)
def test_a_crowd_comes_to_what_the_oracle_says_in_any_order_of_topics(
    world: World, tmp_path: Path, order: str, count: int
) -> None:
    """Usage events of every kind; within a topic their order stays. One order is played in full."""
    traffic.write(tmp_path, crowd(count))
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

    assert len(log.wallets) >= crowd(count).tenants
    assert any(wallet.arrears_micros for wallet in log.wallets.values())
    happened = world.records(oracle.EVENTS)
    assert [kind for kind in OPERATED if not events(happened, kind)] == []
