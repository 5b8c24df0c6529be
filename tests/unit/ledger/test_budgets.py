"""Decision 13: budgets and the low balance, told at the very event, and what they refuse."""

import pytest

from tests.unit.ledger.scenario import Scenario

LINES = [
    # given                                       when            then
    ("grant 9.00, budget 2.00",                   "call success", "told nothing"),
    ("grant 9.00, budget 1.80",                   "call success", "told 50% of all"),
    ("grant 9.00, budget 1.80, call success",     "call real",    "told 80% of all"),
    ("grant 9.00, budget 1.80, call success, call real", "call real", "told 100% of all"),
    # One notice, for the highest line.
    ("grant 9.00, budget 0.90",                   "call success", "told 100% of all"),
    ("grant 9.00, budget 1.80, call success",     "call spam",    "told nothing"),
    # By project and in all.
    ("grant 9.00, budget 0.90 on shop, budget 1.80", "call success", "told 100% of shop + 50% of all"),
    ("grant 9.00, open club since 1:00:00, budget 0.90 on shop", "call success on club", "told nothing"),
    # Simulated usage counts for nothing, arrears count in full.
    ("sandbox, budget 0.90",                      "call success", "told nothing"),
    ("budget 0.90",                               "call success", "told 100% of all, arrears 0.90"),
    # Never again after a reversal, and anew in the next month.
    ("grant 9.00, budget 0.90, call success as u, call success of u withdrawn", "call success", "told nothing"),
    ("grant 99.00, budget 0.90, call success, wait 20d", "call success", "told 100% of all"),
    # A new limit is told of at once, the same one not again.
    ("grant 9.00, call success",                  "budget 1.00",  "accepted, told 80% of all"),
    ("grant 9.00, budget 1.00, call success",     "budget 1.10",  "accepted, told 80% of all"),
    ("grant 9.00, budget 1.00, call success",     "budget 1.00 refusing", "accepted, told nothing"),
    ("grant 9.00, budget 1.00, call success, budget none", "budget 1.00", "accepted, told nothing"),
    ("grant 9.00, budget 1.00, call success, budget none, budget 1.00", "call spam", "told 100% of all"),
    ("grant 9.00, budget 1.00, call success, budget none, budget 1.10", "budget 1.00", "accepted, told 80% of all"),
    ("grant 9.00, budget 1.00, call success, budget none, wait 20d, budget 1.00", "call success", "told 80% of all"),
]  # fmt: skip


@pytest.mark.rule("13.lines", "13.highest-once")
@pytest.mark.parametrize(("given", "when", "then"), LINES)
def test_each_line_of_a_budget_is_told_of_once_a_month(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


REFUSING = [
    # given                                                when                 then
    ("grant 9.00, budget 1.00 refusing",                   "hold standard",      "allowed 0.90"),
    ("grant 9.00, budget 0.89 refusing",                   "hold standard",      "refused budget"),
    ("grant 9.00, budget 1.79 refusing, hold standard",    "hold standard",      "refused budget"),
    ("grant 9.00, budget 1.49 refusing, call real",        "hold standard",      "refused budget"),
    ("grant 9.00, budget 1.50 refusing, call real",        "hold standard",      "allowed 0.90"),
    ("grant 9.00, budget 0.50",                            "hold standard",      "allowed 0.90"),
    ("grant 9.00, budget 0.50 refusing, budget none",      "hold standard",      "allowed 0.90"),
    ("grant 9.00, budget 0.50 refusing on shop, open club since 1:00:00", "hold standard on club", "allowed 0.90"),
    ("grant 9.00, open club since 1:00:00, budget 1.00 refusing on shop, hold standard on club", "hold standard", "allowed 0.90"),
    # A reversal takes off what was charged in the same month.
    ("grant 9.00, budget 1.50 refusing, call success as u, call success of u withdrawn", "hold standard", "allowed 0.90"),
    ("grant 9.00, budget 1.00 refusing, call real as u, wait 20d, call spam, call spam, call real of u withdrawn", "hold standard", "refused budget"),
    # What happened is always charged.
    ("grant 9.00, budget 0.50 refusing",                   "call success",       "charged 0.90, funds 8.10"),
    ("sandbox, budget 0.01 refusing",                      "hold standard",      "allowed 0.00"),
    ("grant 9.00",                                         "budget 1.00 on nowhere", "refused unknown"),
]  # fmt: skip


@pytest.mark.rule("13.refusing")
@pytest.mark.parametrize(("given", "when", "then"), REFUSING)
def test_a_refusing_budget_refuses_what_would_pass_it(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


LOW = [
    # given                                           when          then
    ("grant 1.00, line 0.50",                         "call real",  "told low 0.40"),
    ("grant 1.00, line 0.40",                         "call real",  "told nothing"),
    ("grant 1.00, line 0.50, call real",              "call spam",  "told nothing"),
    # Armed again once it is over the line.
    ("grant 1.00, line 0.50, call real, grant 1.00",  "call success", "told nothing"),
    ("grant 1.00, line 0.50, call real, grant 0.50",  "call real",  "told low 0.30"),
    ("grant 0.10, line 0.50",                         "grant 1.00", "told nothing"),
    ("grant 0.10",                                    "line 0.50",  "accepted, told low 0.10"),
    ("grant 1.00, line 0.50, call real, grant 0.10",  "call spam",  "told low 0.40"),
    # Holds do not count, arrears do.
    ("grant 1.00, line 0.50, hold standard",          "call success", "told low 0.10, balance 0.90"),
    ("grant 1.00, line 0.50",                         "hold standard", "told nothing"),
    ("line 0.50, line none",                          "call real",  "told nothing"),
]  # fmt: skip


@pytest.mark.rule("13.low-balance")
@pytest.mark.parametrize(("given", "when", "then"), LOW)
def test_a_low_balance_is_told_each_time_it_falls_under_the_line(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then
