"""Decisions 6 and 11: what is too old, ahead of its time or without a price is not charged."""

import pytest

from ledger.events import CallCharged, HoldExpired, ReviewReason
from ledger.rates import CardBook, RateCard
from tests.unit.ledger.scenario import NOON_MS, Scenario

REVIEWS = [
    # given          when                                        then
    ("top up 20.00", "call success ended 90d ago since 90d",     "simulated 0.90"),
    ("top up 20.00", "call success ended 90d0:00:00.001 ago",    "review TOO_OLD, funds 20.00, recorded InputHeldForReview"),
    ("top up 20.00", "call success ended 91d ago",               "review TOO_OLD, funds 20.00"),
    ("top up 20.00", "call success ended 5:00",                  "charged 0.90, funds 19.10"),
    ("top up 20.00", "call success ended 5:00.001",              "review IN_THE_FUTURE, funds 20.00"),
    # Of several doubts, its age comes first.
    ("top up 20.00", "call success of u0 ended 91d ago",         "review TOO_OLD"),
    ("top up 20.00", "call success of u0 ended 5:01",            "review IN_THE_FUTURE"),
]  # fmt: skip


@pytest.mark.rule("6.window")
@pytest.mark.parametrize(("given", "when", "then"), REVIEWS)
def test_usage_in_doubt_waits_for_review(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


@pytest.mark.rule("prices.missing")
def test_usage_without_a_price_waits_for_review() -> None:
    scenario = Scenario("top up 20.00")
    scenario.state.cards = CardBook((RateCard("empty", 2, 0, ()),))
    then = f"review {ReviewReason.NO_PRICE}, funds 20.00"
    assert scenario.when("call success").shows(then) == then


def test_usage_that_began_before_the_first_card_waits_for_review() -> None:
    scenario = Scenario("top up 20.00")
    card = scenario.state.cards.in_force(NOON_MS)
    assert card is not None
    late = RateCard(card.card_id, 1, NOON_MS, card.lines)
    scenario.state.cards = CardBook((late,))
    assert scenario.when("call success since 0:01").shows("review") == "review NO_PRICE"
    assert scenario.when("call success since 0:00").shows("charged") == "charged 0.90"


def test_a_hold_that_no_card_prices_is_refused() -> None:
    scenario = Scenario("top up 20.00")
    scenario.state.cards = CardBook((RateCard("empty", 2, 0, ()),))
    then = "refused no_price, held 0.00"
    assert scenario.when("hold standard").shows(then) == then


def test_a_call_is_priced_by_the_highest_version_in_force_when_it_began() -> None:
    scenario = Scenario("top up 20.00")
    first = scenario.state.cards.in_force(NOON_MS)
    assert first is not None
    dearer = tuple(
        type(line)(line.line, line.unit, 2 * line.price_micros, line.is_example)
        for line in first.lines
    )
    second = RateCard(first.card_id, 2, NOON_MS, dearer)
    scenario.state.cards = CardBook((first,)).with_card(second)
    assert scenario.when("call success since 0:01").shows("charged") == "charged 0.90"
    assert scenario.when("call success since 0:00").shows("charged") == "charged 1.80"
    priced_by = [e.card_version for e in scenario.events if isinstance(e, CallCharged)]
    assert priced_by == [1, 2]


COMMAND_TIMES = [
    # given                         when                                       then
    ("top up 20.00",                "hold standard asked 90d ago",             "allowed 0.90"),
    ("top up 20.00",                "hold standard asked 90d0:00:00.001 ago",  "refused too_old, held 0.00"),
    ("top up 20.00",                "hold standard asked 5:00",                "allowed 0.90"),
    ("top up 20.00",                "hold standard asked 5:00.001",            "refused in_the_future, held 0.00"),
    ("top up 20.00, hold standard", "void h1 asked 91d ago",                   "refused too_old, held 0.90"),
    ("top up 20.00",                "hold standard before 0:00",               "allowed 0.90"),
    ("top up 20.00",                "hold standard before 0:00.001 ago",       "refused too_late, held 0.00"),
    ("",                            "grant 1.00 before 1:00 ago",              "refused too_late, funds 0.00"),
    # Their ids are remembered for ever, so they cannot be too old.
    ("",                            "grant 1.00 asked 400d ago",               "accepted, funds 1.00"),
]  # fmt: skip


@pytest.mark.rule("6.window")
@pytest.mark.parametrize(("given", "when", "then"), COMMAND_TIMES)
def test_commands_are_judged_by_when_they_were_asked(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


@pytest.mark.rule("11.times")
def test_event_time_and_log_time_are_both_kept() -> None:
    scenario = Scenario("top up 20.00").when("wait 10:00, call success ended 2:00 ago")
    (charged,) = scenario.decision.events
    assert charged.occurred_at_ms == NOON_MS + 8 * 60_000
    assert charged.recorded_at_ms == NOON_MS + 10 * 60_000


def test_an_expiry_happened_when_the_hold_ended_and_is_recorded_when_it_was_decided() -> None:
    scenario = Scenario("top up 20.00, hold standard").when("wait 60:00, tick")
    (expired,) = scenario.decision.events
    assert isinstance(expired, HoldExpired)
    assert expired.occurred_at_ms == NOON_MS + 20 * 60_000
    assert expired.recorded_at_ms == NOON_MS + 60 * 60_000


def test_age_is_judged_by_logical_time_though_a_broker_s_clock_went_back() -> None:
    """Its id may have been forgotten already, so it is never charged."""
    scenario = Scenario("top up 20.00")
    scenario.now_ms -= 10 * 60_000
    then = "review TOO_OLD, funds 20.00"
    assert scenario.when("call success ended 89d23:50:00.001 ago").shows(then) == then


def test_the_future_is_judged_by_the_input_s_own_time_though_others_came_later() -> None:
    scenario = Scenario("top up 20.00").when("wait 10:00, grant 1.00")
    scenario.now_ms -= 10 * 60_000
    then = "review IN_THE_FUTURE, funds 21.00"
    assert scenario.when("call success ended 6:00").shows(then) == then


def test_logical_time_never_goes_back() -> None:
    scenario = Scenario("top up 20.00").when("wait 10:00, grant 1.00")
    scenario.now_ms -= 60 * 60_000
    scenario.do("grant 1.00")
    assert scenario.decision.events[-1].recorded_at_ms == NOON_MS + 10 * 60_000
