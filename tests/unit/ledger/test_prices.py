"""Prices and outcomes: what a completed call costs, read from its facts."""

import pytest

from tests.unit.ledger.scenario import Scenario

OUTCOMES = [
    # a call that                                   costs            and shows as
    ("call success",                                "charged 0.90", "1 success"),
    ("call real",                                   "charged 0.60", "1 real_conversation"),
    ("call spam",                                   "charged 0.10", "1 spam_or_silent"),
    ("call flagged",                                "charged 0.10", "1 spam_or_silent"),
    # A goal is a fact, the flag a guess.
    ("call flagged-success",                        "charged 0.90", "1 success"),
    ("call success lasting 0:01 turns 0",           "charged 0.90", "1 success"),
    # At least 30 s and at least 3 user turns.
    ("call real lasting 0:29.999 turns 3",          "charged 0.10", "1 spam_or_silent"),
    ("call real lasting 0:30 turns 3",              "charged 0.60", "1 real_conversation"),
    ("call real lasting 0:30 turns 2",              "charged 0.10", "1 spam_or_silent"),
    ("call real lasting 4:00 turns 1",              "charged 0.10", "1 spam_or_silent"),
    ("call real lasting 4:00 turns 0",              "charged 0.10", "1 spam_or_silent"),
    ("call real lasting 0:00 turns 3",              "charged 0.10", "1 spam_or_silent"),
]  # fmt: skip


@pytest.mark.rule("prices.outcome")
@pytest.mark.parametrize(("call", "charged", "line"), OUTCOMES)
def test_the_outcome_is_read_from_the_facts(call: str, charged: str, line: str) -> None:
    then = f"{charged}, lines {line}"
    assert Scenario("top up 20.00").when(call).shows(then) == then


TIERS = [
    ("call success tier economy", "charged 0.60"),
    ("call real tier economy",    "charged 0.40"),
    ("call spam tier economy",    "charged 0.05"),
    ("call success tier premium", "charged 1.50"),
    ("call real tier premium",    "charged 1.00"),
    ("call spam tier premium",    "charged 0.15"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "charged"), TIERS)
def test_each_tier_has_prices_of_its_own(call: str, charged: str) -> None:
    assert Scenario("top up 20.00").when(call).shows(charged) == charged


OVERAGE = [
    # cap      lasting      charged   lines
    ("10:00", "5:00.000",  "0.90",   "1 success"),
    ("10:00", "5:00.001",  "1.02",   "1 success + 1 overage_minute"),
    ("10:00", "6:00.000",  "1.02",   "1 success + 1 overage_minute"),
    ("10:00", "6:01",      "1.14",   "1 success + 2 overage_minute"),
    ("10:00", "10:00",     "1.50",   "1 success + 5 overage_minute"),
    ("10:00", "10:20",     "1.50",   "1 success + 5 overage_minute"),
    # Only beyond 5:00, only where the cap was raised above it, and only up to the cap.
    ("5:00",  "10:20",     "0.90",   "1 success"),
    ("5:00.001", "10:20",  "1.02",   "1 success + 1 overage_minute"),
    ("3:00",  "10:20",     "0.90",   "1 success"),
    ("6:30",  "10:20",     "1.14",   "1 success + 2 overage_minute"),
]  # fmt: skip


@pytest.mark.rule("prices.overage")
@pytest.mark.parametrize(("cap", "lasting", "charged", "lines"), OVERAGE)
def test_overage_is_started_minutes_beyond_five_up_to_the_cap(
    cap: str, lasting: str, charged: str, lines: str
) -> None:
    then = f"charged {charged}, lines {lines}"
    call = f"call success cap {cap} lasting {lasting}"
    assert Scenario("top up 20.00").when(call).shows(then) == then


@pytest.mark.rule("prices.overage")
@pytest.mark.parametrize(
    ("call", "then"),
    [
        ("call spam cap 10:00 lasting 6:01 turns 0", "charged 0.34"),
        ("call real cap 10:00 lasting 6:01",         "charged 0.84"),
        ("call flagged cap 10:00 lasting 6:01",      "charged 0.34"),
    ],
)  # fmt: skip
def test_overage_is_charged_whatever_the_outcome(call: str, then: str) -> None:
    assert Scenario("top up 20.00").when(call).shows(then) == then


@pytest.mark.parametrize(
    ("hold", "then"),
    [
        ("hold economy",             "allowed 0.60, held 0.60"),
        ("hold standard",            "allowed 0.90, held 0.90"),
        ("hold premium",             "allowed 1.50, held 1.50"),
        ("hold standard cap 3:00",   "allowed 0.90, held 0.90"),
        ("hold standard cap 5:00.001", "allowed 1.02, held 1.02"),
        ("hold standard cap 10:00",  "allowed 1.50, held 1.50"),
        ("hold premium cap 7:30",    "allowed 2.10, held 2.10"),
    ],
)  # fmt: skip
@pytest.mark.rule("3.hold")
def test_a_hold_sets_aside_the_most_the_call_can_cost(hold: str, then: str) -> None:
    assert Scenario("top up 20.00").when(hold).shows(then) == then
