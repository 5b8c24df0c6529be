"""Decision 16: switching between prepaid and postpay."""

import pytest

from tests.unit.ledger.scenario import Scenario

SWITCHING = [
    # given                                         when                      then
    # To postpay: funds stay and are spent first, arrears are collected from the new credit.
    ("top up 20.00",                                "terms postpay 10.00",    "accepted, funds 20.00, available 30.00"),
    ("top up 20.00, terms postpay 10.00",           "call success",           "funds 19.10, credit 0.00"),
    ("call success",                                "terms postpay 10.00",    "arrears 0.00, credit 0.90, available 9.10"),
    ("call success",                                "terms postpay 0.30",     "arrears 0.60, credit 0.30, available 0.00"),
    # To prepaid: the limit is 0 at once, what was used is owed outside the funds.
    ("terms postpay 10.00, call success",           "terms prepaid",          "credit 0.90, available 0.00, balance -0.90, arrears 0.00"),
    ("terms postpay 10.00, call success, terms prepaid", "top up 20.00",      "funds 20.00, credit 0.90, available 20.00, balance 19.10"),
    ("terms postpay 10.00, call success, terms prepaid, top up 20.00", "call success", "funds 19.10, credit 0.90, available 19.10"),
    ("terms postpay 10.00, terms prepaid",          "hold standard",          "refused insufficient_funds"),
    ("terms postpay 10.00, call success, terms prepaid", "terms postpay 10.00", "credit 0.90, available 9.10"),
]  # fmt: skip


@pytest.mark.rule("16.switching")
@pytest.mark.parametrize(("given", "when", "then"), SWITCHING)
def test_switching_moves_no_funds(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then
