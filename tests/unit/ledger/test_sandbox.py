"""Sandbox: charges are computed and marked, and move no money."""

import pytest

from tests.unit.ledger.scenario import Scenario

SANDBOX = [
    # given                                    when                          then
    ("sandbox",                                "call success",               "simulated 0.90, funds 0.00, arrears 0.00, net 0.00"),
    ("sandbox, top up 20.00",                  "call success",               "simulated 0.90, drew nothing, funds 20.00"),
    # A sandbox hold is always allowed and holds nothing, with money or without.
    ("sandbox",                                "hold premium cap 10:00",     "allowed 0.00, held 0.00, holds h1"),
    ("sandbox, hold standard",                 "call success for h1",        "simulated 0.90, holds nothing"),
    ("sandbox, hold standard",                 "void h1",                    "accepted, holds nothing"),
    ("sandbox, hold standard",                 "wait 21:00, tick",           "expired h1, holds nothing"),
    ("sandbox, open club since 1:00, call success on club", "hold standard", "allowed 0.00, arrears 0.90"),
    # One project's mode is not another's.
    ("sandbox, top up 20.00, open club since 1d", "call success on club",    "charged 0.90, funds 19.10"),
    ("top up 20.00, open club",                "call success on club",       "simulated 0.90, funds 20.00"),
    # One click makes it live; what began before stays simulated, whenever it arrives.
    ("sandbox, top up 20.00, go live",         "call success since 0:00",    "charged 0.90, funds 19.10"),
    ("sandbox, top up 20.00, go live",         "call success since 0:00.001", "simulated 0.90, funds 20.00"),
    ("sandbox, top up 20.00, go live, wait 10:00", "call success ended 9:59 ago", "simulated 0.90, funds 20.00"),
    ("sandbox, top up 20.00, go live",         "hold standard",              "allowed 0.90, held 0.90"),
    # A hold placed in sandbox covers nothing of a live call.
    ("sandbox, hold standard, go live",        "call success for h1 since 0:00", "charged 0.90, arrears 0.90, holds nothing"),
    ("sandbox, grant 2.00, wait 1:00, go live, wait 1:00", "crawl 101 lasting 1:30", "simulated 0.025, funds 2.00"),
    # And back, the same way.
    ("top up 20.00, go back",                  "call success since 0:00",    "simulated 0.90, funds 20.00"),
    ("top up 20.00, go back",                  "call success since 0:01",    "charged 0.90, funds 19.10"),
    ("top up 20.00, hold standard, go back",   "call success for h1 since 0:00", "simulated 0.90, held 0.00, funds 20.00"),
    ("top up 20.00, go back, wait 1:00, go live", "call success since 0:30", "simulated 0.90, funds 20.00"),
    ("top up 20.00, go back, wait 1:00, go live", "call success since 0:00", "charged 0.90, funds 19.10"),
    ("top up 20.00, go back, wait 1:00, go live", "call success since 1:00.001", "charged 0.90, funds 19.10"),
]  # fmt: skip


@pytest.mark.rule("sandbox.simulated", "sandbox.switch", "sandbox.hold")
@pytest.mark.parametrize(("given", "when", "then"), SANDBOX)
def test_simulated_usage_moves_no_money(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


PASSING = [
    # given        when                         then
    ("new",        "call success",              "simulated 0.90, recorded WalletOpened + ProjectOpened + CallCharged"),
    ("new",        "hold standard",             "allowed 0.00, recorded WalletOpened + ProjectOpened + HoldPlaced"),
    ("top up 20.00", "call success on club",    "simulated 0.90, funds 20.00, recorded ProjectOpened + CallCharged"),
    ("new",        "call success, call success", "simulated 0.90, recorded CallCharged"),
    ("new",        "call success ended 91d ago", "review TOO_OLD, recorded WalletOpened + ProjectOpened + InputHeldForReview"),
]  # fmt: skip


@pytest.mark.rule("sandbox.passing")
@pytest.mark.parametrize(("given", "when", "then"), PASSING)
def test_a_project_seen_first_in_usage_or_a_hold_opens_in_sandbox(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


OPENING = [
    # given        when                                                         then
    ("new",        "open shop",                                                 "accepted, recorded WalletOpened + ProjectOpened"),
    ("new",        "open shop since 1:00, call success since 1:00",             "charged 0.90, arrears 0.90"),
    ("new",        "open shop since 1:00, call success since 1:00.001",         "simulated 0.90, arrears 0.00"),
    ("new",        "call success, open shop since 1:00:00",                     "refused project_in_use"),
    ("new",        "go live",                                                   "refused unknown"),
    ("sandbox",    "go back",                                                   "refused no_change"),
    ("",           "go live",                                                   "refused no_change"),
    ("sandbox, go live", "go live",                                             "refused no_change"),
    # Known, but only from a hold or from being opened: it has no usage.
    ("new, hold standard",   "open shop since 1:00:00",    "accepted"),
    ("sandbox",              "open shop since 1:00:00",    "accepted"),
]  # fmt: skip


@pytest.mark.rule("sandbox.earlier")
@pytest.mark.parametrize(("given", "when", "then"), OPENING)
def test_a_project_without_usage_may_be_opened_live_from_an_earlier_moment(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then
