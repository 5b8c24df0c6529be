"""The oracle and the ledger agree on the demo, though they share no line."""

import pytest

from cli import workload
from devstack import traffic
from tests import oracle
from tests.oracle_prices import CENT
from tests.simulator import WALLET_EVENTS, Simulator

START_MS = 1_767_268_800_000
PARTITIONS = 4


@pytest.fixture(scope="module")
def played() -> Simulator:
    """The demo, decided phase by phase."""
    simulator = Simulator(START_MS, PARTITIONS)
    for _, records in workload.read(sorted(traffic.DEMO.glob("*.jsonl")), START_MS):
        for record in records:
            simulator.publish(record.topic, record.key, record.value, record.headers or [])
        simulator.decide()
        simulator.advance(1_000)
    return simulator


def recorded(played: Simulator, *topics: str) -> list[oracle.Record]:
    return [oracle.recorded(message, topic) for topic in topics for message in played.topic(topic)]


def test_the_inputs_and_the_log_come_to_the_same(played: Simulator) -> None:
    inputs = recorded(played, *oracle.USAGE, oracle.COMMANDS)
    log = oracle.folded(recorded(played, WALLET_EVENTS))
    assert oracle.expected(inputs, PARTITIONS) == log.tenants


def test_the_log_and_the_wallets_come_to_the_same(played: Simulator) -> None:
    log = oracle.folded(recorded(played, WALLET_EVENTS))
    decided = {
        tenant_id: (
            wallet.funds_micros,
            wallet.held_micros,
            wallet.arrears_micros,
            wallet.credit_used_micros,
        )
        for number in range(PARTITIONS)
        for tenant_id, wallet in played.state(number).wallets.items()
    }
    assert {tenant_id: wallet.figures for tenant_id, wallet in log.wallets.items()} == decided


@pytest.mark.parametrize(
    ("facts", "outcome", "cents"),
    [
        ({"goal_reached": True}, "SUCCESS", 90),
        ({"goal_reached": True, "flagged_spam": True}, "SUCCESS", 90),
        ({}, "REAL_CONVERSATION", 60),
        ({"flagged_spam": True}, "SPAM_OR_SILENT", 10),
        ({"user_turns": 2}, "SPAM_OR_SILENT", 10),
        ({"duration_ms": 29_999}, "SPAM_OR_SILENT", 10),
        ({"duration_ms": 300_000, "duration_cap_ms": 600_000}, "REAL_CONVERSATION", 60),
        ({"duration_ms": 300_001, "duration_cap_ms": 600_000}, "REAL_CONVERSATION", 72),
        ({"duration_ms": 361_000, "duration_cap_ms": 600_000}, "REAL_CONVERSATION", 84),
        ({"duration_ms": 620_000, "duration_cap_ms": 600_000}, "REAL_CONVERSATION", 120),
        ({"duration_ms": 620_000}, "REAL_CONVERSATION", 60),
    ],
)
def test_the_oracle_prices_as_the_product_says(
    facts: dict[str, object], outcome: str, cents: int
) -> None:
    call = {
        "tier": "STANDARD",
        "goal_reached": False,
        "flagged_spam": False,
        "duration_ms": 30_000,
        "duration_cap_ms": 300_000,
        "user_turns": 3,
        **facts,
    }
    assert oracle.price(call) == (outcome, cents * CENT)
