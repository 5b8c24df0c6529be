"""Double entry: every entry balances, and the tenants' accounts agree with their wallets."""

from collections import Counter, defaultdict
from itertools import repeat
from random import Random

import pytest

from ledger.events import WalletEvent
from ledger.journal import CHART, Account, entry
from ledger.money import format_usd
from ledger.wallet import Wallet
from tests.unit.ledger.scenario import Scenario
from tests.unit.ledger.sender import Sender
from tests.unit.ledger.test_stateful import ROOMY
from tests.unit.ledger.traffic import PROJECTS, TENANTS, Traffic
from tests.unit.ledger.world import Partition, in_batches

# What happened, and the entry of its last event that moved money: debits, then credits.
ENTRIES = [
    ("top up 20.00", "PAYMENTS 20.00, PAID_FUNDS -20.00"),
    ("grant 2.00", "GOODWILL 2.00, UNPAID_FUNDS -2.00"),
    ("adjust 0.50", "ADJUSTMENTS 0.50, UNPAID_FUNDS -0.50"),
    ("grant 2.00, adjust -0.50", "UNPAID_FUNDS 0.50, ADJUSTMENTS -0.50"),
    ("terms postpay 9.00, adjust -0.50", "CREDIT_RECEIVABLE 0.50, ADJUSTMENTS -0.50"),
    ("grant 2.00, call real", "UNPAID_FUNDS 0.60, CALL_REVENUE -0.60"),
    (
        "top up 20.00, grant 0.20, call real",
        "PAID_FUNDS 0.40, UNPAID_FUNDS 0.20, CALL_REVENUE -0.60",
    ),
    ("terms postpay 9.00, call real", "CREDIT_RECEIVABLE 0.60, CALL_REVENUE -0.60"),
    ("grant 0.20, call real", "ARREARS_RECEIVABLE 0.40, UNPAID_FUNDS 0.20, CALL_REVENUE -0.60"),
    ("call real, grant 0.20", "UNPAID_FUNDS 0.20, ARREARS_RECEIVABLE -0.20"),
]


def shown(event: WalletEvent) -> str:
    order = list(Account)
    postings = sorted(entry(event).items(), key=lambda item: (item[1] < 0, order.index(item[0])))
    return ", ".join(f"{a} {format_usd(m).replace('$', '')}" for a, m in postings)


@pytest.mark.parametrize(("happened", "expected"), ENTRIES)
def test_an_event_is_an_entry(happened: str, expected: str) -> None:
    events = [event for event in Scenario(happened).events if isinstance(event, WalletEvent)]
    *_, last = (said for event in events if (said := shown(event)))
    assert last == expected


def test_what_is_simulated_and_what_is_held_is_in_no_book() -> None:
    events = Scenario("sandbox, call real, hold standard, go live").events
    assert all(entry(event) == {} for event in events if isinstance(event, WalletEvent))


def test_every_account_is_in_the_chart() -> None:
    assert list(CHART) == list(Account)


def test_the_books_follow_the_wallets_through_a_long_history() -> None:
    random, traffic = Random(3), Traffic()
    for tenant_id in TENANTS:
        traffic.open_project(tenant_id, PROJECTS[0], 1)
    sender = Sender(random, traffic, is_long=True)
    while len(traffic.arrived) < 6_000:
        sender.send()
    partition = Partition(ROOMY)
    for batch in in_batches(traffic.arrived, repeat(50)):
        partition.take(batch)
    books: defaultdict[str, Counter[Account]] = defaultdict(Counter)
    wallets: dict[str, Wallet] = {}
    kinds = set[str]()
    for event in partition.events:
        if not isinstance(event, WalletEvent):
            continue
        tenant_id = event.originator_id
        wallet = wallets.setdefault(tenant_id, Wallet.of(tenant_id, 0))
        wallet.apply(event)
        moved, book = entry(event), books[tenant_id]
        kinds |= {type(event).__name__} if moved else set()
        assert sum(moved.values()) == 0
        assert all(moved.values())
        book.update(moved)
        assert -book[Account.PAID_FUNDS] - book[Account.UNPAID_FUNDS] == wallet.funds_micros
        assert book[Account.CREDIT_RECEIVABLE] == wallet.credit_used_micros
        assert book[Account.ARREARS_RECEIVABLE] == wallet.arrears_micros
    assert len(kinds) == 10
