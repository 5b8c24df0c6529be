"""Decisions 18 and 20: a second pair of eyes, what is undone, freezing and closing."""

import pytest

from tests.unit.ledger.scenario import Scenario

TOP_UPS = [
    # given                             when                       then
    ("",                                "top up 20.00",            "accepted, funds 20.00, lots payment 20.00"),
    ("",                                "top up 19.999999",        "refused below_minimum, funds 0.00"),
    ("top up 20.00 payment p",          "top up 20.00 payment p",  "refused conflict, funds 20.00"),
    ("top up 20.00 payment p as t, again", "again",                "again accepted, funds 20.00"),
    ("new",                             "top up 20.00",            "refused unknown"),
]  # fmt: skip


@pytest.mark.rule("wallet.top-up")
@pytest.mark.parametrize(("given", "when", "then"), TOP_UPS)
def test_a_top_up_is_from_twenty_dollars_and_credited_once(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


APPROVALS = [
    # given                                     when                 then
    ("",                                        "grant 1000.00",     "accepted, funds 1,000.00"),
    ("",                                        "grant 1000.01 as g", "awaits approval, funds 0.00"),
    ("grant 1000.01 as g",                      "approve g by bea",  "accepted, funds 1,000.01, recorded CreditGranted + ApprovalGiven"),
    ("grant 1000.01 as g",                      "approve g",         "refused same_operator, funds 0.00"),
    ("grant 1000.01 as g",                      "decline g",         "accepted, funds 0.00"),
    ("grant 1000.01 as g, decline g",           "approve g by bea",  "refused unknown"),
    ("grant 1000.01 as g, approve g by bea",    "approve g by bea",  "refused unknown, funds 1,000.01"),
    ("top up 2000.00, adjust -1500.00 as a",    "approve a by bea",  "accepted, funds 500.00"),
    # By the rules as of now; what is refused stays asked.
    ("top up 2000.00, adjust -1500.00 as a, grant 1.00, adjust -1000.00", "approve a by bea", "refused insufficient_funds, funds 1,001.00"),
    ("terms postpay 1000.01 as s",              "approve s by bea",  "accepted, available 1,000.01"),
    ("terms postpay 900.00",                    "terms postpay 10.00", "accepted, available 10.00"),
    # A payment was made, whoever looks at it.
    ("",                                        "top up 5000.00",    "accepted, funds 5,000.00"),
    ("grant 1000.01 as g",                      "again",             "again awaits approval, funds 0.00"),
]  # fmt: skip


@pytest.mark.rule("20.second-operator")
@pytest.mark.parametrize(("given", "when", "then"), APPROVALS)
def test_above_an_amount_a_second_operator_approves(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


UNDOING = [
    # given                                      when      then
    ("grant 2.00 as g",                          "undo g", "accepted, funds 0.00"),
    ("grant 2.00 as g, call real",               "undo g", "refused spent, funds 1.40"),
    ("grant 2.00 as g, hold standard",           "undo g", "refused insufficient_funds, funds 2.00"),
    ("adjust 2.00 as a",                         "undo a", "accepted, funds 0.00"),
    ("grant 2.00, adjust -0.50 as a",            "undo a", "accepted, lots grant 2.00"),
    ("terms postpay 5.00, adjust -0.50 as a",    "undo a", "accepted, credit 0.00"),
    ("call real, write off 0.40 as w",           "undo w", "accepted, arrears 0.60"),
    ("call real, write off 0.40 as w, grant 9.00", "undo w", "accepted, collected u1 0.40, arrears 0.00, funds 8.40"),
    # Once, and only what operators did to the money.
    ("grant 2.00 as g, undo g",                  "undo g", "refused unknown"),
    ("top up 20.00 as t",                        "undo t", "refused unknown, funds 20.00"),
]  # fmt: skip


@pytest.mark.rule("20.undo")
@pytest.mark.parametrize(("given", "when", "then"), UNDOING)
def test_what_an_operator_did_is_undone_by_its_opposite(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


WRITING_OFF = [
    # given                          when             then
    ("call real, call success",      "write off 0.80", "accepted, owed u2 0.70, net -0.70"),
    ("call real",                    "write off 0.61", "refused not_owed, arrears 0.60"),
    ("",                             "write off 0.01", "refused not_owed"),
    # What was written off is not given back when its call turns out not to have happened.
    ("call real as u, write off 0.40", "call real of u withdrawn", "withdrawn, arrears 0.00, funds 0.00"),
]  # fmt: skip


@pytest.mark.rule("4.write-off")
@pytest.mark.parametrize(("given", "when", "then"), WRITING_OFF)
def test_what_is_owed_may_be_given_up(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


FREEZING = [
    # given                                   when             then
    ("grant 2.00, now freeze",                "hold standard", "refused frozen"),
    ("grant 2.00, now freeze",                "call real",     "charged 0.60, funds 1.40"),
    ("grant 2.00, now freeze",                "top up 20.00",  "accepted"),
    ("grant 2.00, now freeze",                "now freeze",    "refused no_change"),
    ("grant 2.00, now freeze, now unfreeze",  "hold standard", "allowed 0.90"),
    ("sandbox, now freeze",                   "hold standard", "allowed 0.00"),
    ("grant 2.00, hold standard, now freeze", "call real for h1", "charged 0.60, held 0.00"),
]  # fmt: skip


@pytest.mark.rule("18.freeze")
@pytest.mark.parametrize(("given", "when", "then"), FREEZING)
def test_a_frozen_wallet_allows_no_hold_and_charges_what_happened(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


CLOSING = [
    # given                                         when         then
    ("grant 2.00",                                  "now close", "accepted, funds 0.00, recorded WalletClosed + BalanceAdjusted"),
    ("sandbox",                                     "now close", "accepted, recorded WalletClosed"),
    ("top up 20.00, adjust -19.991",                "now close", "accepted, funds 0.00"),
    ("top up 20.00, adjust -19.99",                 "now close", "refused refundable"),
    ("grant 2.00, hold standard",                   "now close", "refused in_flight"),
    ("grant 2.00, chat 1000 0",                     "now close", "refused in_flight"),
    ("grant 2.00, call real ended 91d ago",         "now close", "refused in_flight"),
    ("call real",                                   "now close", "refused arrears"),
    ("terms postpay 5.00, call real",               "now close", "refused credit_in_use"),
    ("grant 2.00, now close",                       "now close", "refused no_change"),
    # Nothing may begin, and what happened before is still charged.
    ("grant 2.00, now close",                       "hold standard", "refused closed"),
    ("sandbox, now close",                          "hold standard", "refused closed"),
    ("grant 2.00, now close",                       "grant 1.00", "refused closed"),
    ("grant 2.00, now close",                       "call real", "charged 0.60, arrears 0.60"),
    ("grant 2.00, now close, now reopen",           "grant 1.00", "accepted, funds 1.00"),
    ("grant 2.00",                                  "now reopen", "refused no_change"),
]  # fmt: skip


@pytest.mark.rule("18.close")
@pytest.mark.parametrize(("given", "when", "then"), CLOSING)
def test_a_wallet_closes_with_nothing_left_in_it(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then
