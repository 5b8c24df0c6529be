"""Decision 15: grants are spent first, then payments oldest first, then credit."""

import pytest

from ledger.wallet.state import UNSPENT_LOTS_MAX
from tests.unit.ledger.scenario import Scenario

LOTS = [
    # given                                             when                       then
    ("top up 20.00, top up 50.00",                      "grant 1.00",              "lots grant 1.00 + payment 20.00 + payment 50.00"),
    ("top up 20.00, grant 0.50",                        "call success",            "drew grant 0.50 + payment 0.40, lots payment 19.60"),
    ("grant 0.30, grant 0.20, top up 20.00",            "call success",            "drew grant 0.30 + grant 0.20 + payment 0.40"),
    ("top up 20.00, top up 50.00, call success",        "call success",            "lots payment 18.20 + payment 50.00"),
    ("top up 20.00, top up 50.00, adjust -19.50",       "call success",            "drew payment 0.50 + payment 0.40, lots payment 49.60"),
    ("top up 20.00, terms postpay 5.00, adjust -19.50", "call success",            "drew payment 0.50 + credit 0.40, funds 0.00, credit 0.40"),
    # A later payment waits behind, though the older is used up meanwhile.
    ("top up 20.00, adjust -20.00, top up 30.00",       "call success",            "drew payment 0.90, lots payment 29.10"),
    # A positive adjustment was not paid either.
    ("top up 20.00, adjust 0.50",                       "call success",            "drew adjustment 0.50 + payment 0.40"),
    # Arrears are collected in the same order.
    ("call success, call success",                      "grant 0.40",              "drew grant 0.40, owed u1 0.50 + u2 0.90"),
]  # fmt: skip


@pytest.mark.rule("15.lots")
@pytest.mark.parametrize(("given", "when", "then"), LOTS)
def test_unpaid_lots_are_spent_first_then_payments_then_credit(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


ADJUSTMENTS = [
    # given                          when              then
    ("top up 20.00",                 "adjust 1.00",    "accepted, funds 21.00"),
    ("top up 20.00",                 "adjust -1.00",   "accepted, funds 19.00, drew payment 1.00"),
    ("top up 20.00",                 "adjust -20.00",  "accepted, funds 0.00, lots nothing"),
    ("top up 20.00",                 "adjust -20.000001", "refused insufficient_funds, funds 20.00"),
    # What is held is not available.
    ("top up 20.00, hold standard",  "adjust -19.10",  "accepted, funds 0.90, available 0.00"),
    ("top up 20.00, hold standard",  "adjust -19.11",  "refused insufficient_funds, funds 20.00"),
    ("call success",                 "adjust -0.01",   "refused insufficient_funds, arrears 0.90"),
    ("terms postpay 5.00",           "adjust -5.00",   "accepted, credit 5.00, available 0.00"),
    ("terms postpay 5.00",           "adjust -5.01",   "refused credit_limit, credit 0.00"),
]  # fmt: skip


@pytest.mark.rule("15.lots")
@pytest.mark.parametrize(("given", "when", "then"), ADJUSTMENTS)
def test_a_negative_adjustment_takes_at_most_what_is_available(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


def test_no_unpaid_lot_is_added_to_a_thousand_unspent_ones() -> None:
    """A charge names every lot it draws from: with too many, it would not fit a record."""
    scenario = Scenario(", ".join(["grant 0.01"] * UNSPENT_LOTS_MAX))
    for more in ("grant 0.01", "adjust 0.01"):
        assert scenario.when(more).shows("refused too_many_lots") == "refused too_many_lots"
    assert scenario.when("top up 20.00").shows("accepted") == "accepted"
