"""Decision 4: usage that was not covered is charged in full, owed, and collected oldest first."""

import pytest

from ledger.events import ArrearsCollected, CallCharged
from tests.unit.ledger.scenario import Scenario

OWING = [
    # given                                  when                    then
    ("",                                     "call success",         "charged 0.90, funds 0.00, arrears 0.90, net -0.90"),
    ("grant 0.50",                           "call success",         "charged 0.90, drew grant 0.50, funds 0.00, arrears 0.40"),
    ("grant 0.90",                           "call success",         "charged 0.90, funds 0.00, arrears 0.00"),
    ("call success",                         "call real",            "arrears 1.50, owed u1 0.90 + u2 0.60"),
    # Never from another hold.
    ("grant 1.00, hold standard",            "call success",         "charged 0.90, drew grant 0.10, arrears 0.80, held 0.90, funds 0.90, available 0.00"),
    ("grant 0.90, hold standard",            "call success",         "charged 0.90, drew nothing, arrears 0.90, held 0.90, funds 0.90"),
    ("grant 1.00, hold standard, call success", "call success for h1", "charged 0.90, drew grant 0.90, arrears 0.80, funds 0.00, held 0.00"),
    # Credit covers what funds do not, up to the limit.
    ("terms postpay 0.50",                   "call success",         "drew credit 0.50, credit 0.50, arrears 0.40, available 0.00"),
]  # fmt: skip


@pytest.mark.rule("4.arrears")
@pytest.mark.parametrize(("given", "when", "then"), OWING)
def test_the_part_that_was_not_covered_is_owed(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


COLLECTING = [
    # given                                          when                    then
    ("call success",                                 "top up 20.00",         "accepted, collected u1 0.90, arrears 0.00, funds 19.10"),
    ("call success",                                 "grant 0.50",           "collected u1 0.50, owed u1 0.40, funds 0.00"),
    ("call success",                                 "adjust 0.90",          "collected u1 0.90, arrears 0.00, funds 0.00"),
    ("call success",                                 "terms postpay 10.00",  "collected u1 0.90, drew credit 0.90, credit 0.90, arrears 0.00"),
    ("terms postpay 0.50, call success",             "terms postpay 0.70",   "collected u1 0.20, credit 0.70, arrears 0.20, available 0.00"),
    # The oldest first.
    ("call success, call real",                      "grant 1.00",           "collected u1 0.90 + u2 0.10, owed u2 0.50"),
    ("call success, call real, grant 0.30",          "grant 1.00",           "collected u1 0.60 + u2 0.40, owed u2 0.20"),
    # A hold that ends gives back what covers it.
    ("grant 0.90, hold standard, call real",         "void h1",              "accepted, collected u1 0.60, arrears 0.00, funds 0.30, held 0.00"),
    ("grant 0.90, hold standard, call real, wait 21:00", "tick",             "expired h1, collected u1 0.60, arrears 0.00, funds 0.30"),
    ("grant 0.90, hold standard, call real",         "call spam for h1",     "charged 0.10, collected u1 0.60, arrears 0.00, funds 0.20"),
    # A simulated call ends its hold too.
    ("grant 0.90, hold standard, call real",         "call success for h1 since 2d", "simulated 0.90, collected u1 0.60, arrears 0.00, funds 0.30"),
    # Until it is, new holds are refused, however little is owed.
    ("call success, grant 0.899999",                 "hold economy",         "refused arrears, arrears 0.000001"),
    ("call success, grant 2.00",                     "hold economy",         "allowed 0.60, arrears 0.00"),
]  # fmt: skip


@pytest.mark.rule("4.collected")
@pytest.mark.parametrize(("given", "when", "then"), COLLECTING)
def test_what_is_owed_is_collected_as_soon_as_anything_is_available(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


@pytest.mark.rule("4.collected")
def test_a_thousand_and_one_charges_are_collected_oldest_first() -> None:
    """More than one event holds, in one decision."""
    scenario = Scenario("")
    scenario.do(*["call spam"] * 1_001)
    scenario.do("top up 200.00")
    collected = list(scenario.collected())
    assert collected == [f"u{n} 0.10" for n in range(1, 1_002)]
    assert scenario.shows("arrears 0.00, funds 99.90") == "arrears 0.00, funds 99.90"


def test_what_is_owed_is_named_by_its_charge() -> None:
    """A usage id is unique within its topic only: a call and a crawl may share one, and owe both.

    The id of the charge's own event is unique.
    """
    scenario = Scenario("call success, grant 0.50")
    charges = {event.event_id for event in scenario.events if isinstance(event, CallCharged)}
    assert set(scenario.wallet.arrears) <= charges
    collected = [event for event in scenario.events if isinstance(event, ArrearsCollected)]
    assert {portion.charge_event_id for event in collected for portion in event.portions} <= charges
