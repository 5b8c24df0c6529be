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
    # It was made: no clock can refuse it.
    ("",                                "top up 20.00 before 1:00 ago", "accepted, funds 20.00"),
    ("",                                "top up 20.00 asked 1d0:00", "accepted, funds 20.00"),
    ("grant 2.00, now close",           "top up 20.00",            "accepted, funds 20.00"),
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
    # The platform's payments are facts; one that an operator types needs another's eyes.
    ("",                                        "top up 1000.00 by ann", "accepted, funds 1,000.00"),
    ("",                                        "top up 1000.01 by ann", "awaits approval, funds 0.00"),
    ("top up 1000.01 payment p by ann as t",    "approve t by bea",  "accepted, funds 1,000.01, lots payment 1,000.01, recorded TopUpSettled + ApprovalGiven"),
    ("top up 1000.01 payment p by ann as t, top up 20.00 payment p", "approve t by bea", "refused conflict, funds 20.00"),
    # So does undoing, and closing a wallet with so much in it.
    ("grant 1000.00 as g",                      "undo g",            "accepted, funds 0.00"),
    ("grant 1000.01 as g, approve g by bea",    "undo y1",           "awaits approval, funds 1,000.01"),
    ("grant 1000.01 as g, approve g by bea, undo y1 as z", "approve z by bea", "accepted, funds 0.00, recorded OperationUndone + ApprovalGiven"),
    ("grant 1000.01 as g, approve g by bea, undo y1 as z", "approve z", "refused same_operator"),
    ("top up 5000.00, adjust -3000.00 as a, approve a by bea", "undo y1 by cat", "awaits approval, funds 2,000.00"),
    ("grant 1000.00",                           "now close",         "accepted, funds 0.00"),
    ("grant 1000.00, grant 0.01",               "now close",         "awaits approval, funds 1,000.01"),
    ("grant 1000.00, grant 0.01, now close as n", "approve n by bea", "accepted, funds 0.00, recorded WalletClosed + BalanceAdjusted + ApprovalGiven"),
    ("grant 1000.00, grant 0.01, now close as n, call real", "approve n by bea", "accepted, funds 0.00"),
    ("grant 1000.00, grant 0.01, now close as n, grant 2000.00 as g", "approve n by bea", "refused in_flight, funds 1,000.01"),
    ("top up 5000.00",                          "now close",         "refused refundable"),
    # Lowering a limit does not.
    ("terms postpay 3000.00 as s, approve s by bea", "terms postpay 2000.00", "accepted, available 2,000.00"),
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
    # What is owed again is the oldest again.
    ("call success as a, call real as b, write off 0.90 as w", "undo w", "owed a 0.90 + b 0.60"),
    ("call success as a, call real as b, write off 0.50 as w", "undo w", "owed a 0.90 + b 0.60"),
    ("call success as a, call real as b, write off 0.90 as w, undo w", "grant 0.90", "collected a 0.90, owed b 0.60"),
    ("call success as a, call real as b, call spam as c, write off 0.90 as v, write off 0.60 as w, undo v", "undo w", "owed a 0.90 + b 0.60 + c 0.10"),
    ("call success as a, call real as b, write off 1.00 as w, call spam as c, undo w, write off 1.50 as v", "undo v", "owed a 0.90 + b 0.60 + c 0.10"),
    # Of a charge that was corrected nothing can be owed again; of the others the rest can.
    ("call success as u, call real as v, write off 1.00 as w, call success of u withdrawn", "undo w", "accepted, owed v 0.60"),
    ("call success as u, write off 0.90 as w, call success of u withdrawn", "undo w", "refused unknown, arrears 0.00"),
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
    ("grant 2.00, now close",                       "call real ended 91d ago", "review TOO_OLD"),
    ("grant 2.00, now close, call real as u ended 6:00", "review accept u", "accepted, arrears 0.60"),
    ("grant 2.00, now close, call real",            "write off 0.60", "accepted, arrears 0.00"),
    # Everything else has to wait until it is opened again.
    ("grant 2.00, now close",                       "adjust 5.00", "refused closed, funds 0.00"),
    ("grant 2.00, now close, top up 20.00",         "adjust -5.00", "refused closed, funds 20.00"),
    ("grant 2.00, now close",                       "grant 5000.00", "refused closed"),
    ("grant 2.00, now close",                       "terms postpay 1.00", "refused closed"),
    ("grant 2.00, now close",                       "terms postpay 5000.00", "refused closed"),
    ("grant 2.00, now close",                       "budget 1.00", "refused closed"),
    ("grant 2.00, now close",                       "line 1.00", "refused closed"),
    ("grant 2.00, now close",                       "now freeze", "refused closed"),
    ("grant 2.00, now freeze, now close",           "now unfreeze", "refused closed"),
    ("grant 2.00, now close",                       "go back", "refused closed"),
    ("grant 2.00, now close",                       "open club", "refused closed"),
    ("grant 2.00, now close",                       "assign default in 2:00:00", "refused closed"),
    ("grant 2.00 as g, adjust -2.00 as a, now close", "undo a", "refused closed, funds 0.00"),
    ("grant 2.00, now close",                       "may chat", "refused closed"),
    ("grant 2.00, now close, now reopen",           "grant 1.00", "accepted, funds 1.00"),
    ("grant 2.00",                                  "now reopen", "refused no_change"),
]  # fmt: skip


@pytest.mark.rule("18.close", "18.closed")
@pytest.mark.parametrize(("given", "when", "then"), CLOSING)
def test_a_wallet_closes_with_nothing_left_in_it(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then
