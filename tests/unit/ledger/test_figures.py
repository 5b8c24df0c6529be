"""Decision 2: four figures, what is available, and limits lowered under their use."""

import pytest

from tests.unit.ledger.scenario import Scenario

FIGURES = [
    # given                                  when               then
    ("new",                                  "open shop",       "funds 0.00, held 0.00, available 0.00"),
    ("top up 20.00",                         "hold standard",   "funds 20.00, held 0.90, available 19.10, balance 20.00"),
    ("top up 20.00, hold standard",          "call success for h1", "funds 19.10, held 0.00, available 19.10"),
    ("grant 1.00",                           "hold standard",   "allowed 0.90, held 0.90, available 0.10"),
    ("grant 1.00, hold standard",            "hold standard",   "refused insufficient_funds, held 0.90"),
    ("grant 0.90",                           "hold standard",   "allowed 0.90, available 0.00"),
    ("grant 0.899999",                       "hold standard",   "refused insufficient_funds, available 0.899999"),
    ("grant 0.90, hold standard",            "hold economy",    "refused insufficient_funds"),
    # Postpay: funds first, then credit; the balance shown is funds less credit used.
    ("terms postpay 10.00",                  "hold standard",   "allowed 0.90, available 9.10, balance 0.00"),
    ("terms postpay 10.00",                  "call success",    "credit 0.90, available 9.10, balance -0.90"),
    ("grant 0.50, terms postpay 10.00",      "call success",    "funds 0.00, credit 0.40, drew grant 0.50 + credit 0.40, available 9.60"),
    ("terms postpay 0.50",                   "hold standard",   "refused credit_limit, held 0.00"),
    ("terms postpay 0.90",                   "hold standard",   "allowed 0.90, available 0.00"),
    ("terms postpay 1.00, call success",     "hold economy",    "refused credit_limit, available 0.10"),
]  # fmt: skip


@pytest.mark.rule("2.figures")
@pytest.mark.parametrize(("given", "when", "then"), FIGURES)
def test_the_four_figures(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


LOWERED = [
    # given                                                      when                       then
    ("terms postpay 10.00, call success",                        "terms postpay 0.50",      "credit 0.90, available 0.00, balance -0.90"),
    ("terms postpay 10.00, hold standard",                       "terms postpay 0.50",      "held 0.90, available -0.40"),
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "hold economy",            "refused credit_limit, available -0.40"),
    # An open hold is honoured past the limit.
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "call success for h1",     "charged 0.90, credit 0.90, arrears 0.00, available 0.00"),
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "call spam for h1",        "credit 0.10, arrears 0.00, available 0.40"),
    # Only its own: a call without one is owed, and so is what goes beyond it.
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "call success",            "charged 0.90, credit 0.00, arrears 0.90, held 0.90"),
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "call success cap 6:00 lasting 6:00 for h1", "credit 0.90, arrears 0.12, held 0.00"),
    ("grant 1.00, terms postpay 10.00, hold standard, hold standard", "terms prepaid",      "available -0.80, held 1.80"),
    ("grant 1.00, terms postpay 10.00, hold standard, hold standard, terms prepaid", "call success for h1, call success for h2", "funds 0.00, credit 0.80, arrears 0.00"),
    # Nothing new until it is above 0 again.
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "adjust -0.01",            "refused credit_limit"),
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "grant 0.40, hold economy", "refused credit_limit, available 0.00"),
    ("terms postpay 10.00, hold standard, terms postpay 0.50",   "grant 1.00, hold economy", "allowed 0.60, available 0.00"),
]  # fmt: skip


@pytest.mark.rule("2.lowered-limit")
@pytest.mark.parametrize(("given", "when", "then"), LOWERED)
def test_a_limit_may_be_lowered_under_its_use(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then
