"""Where the core does not yet do what the product says; each row names the decision."""

import pytest

from ledger.events import ArrearsCollected, CallCharged
from tests.unit.ledger.scenario import Scenario

# Decision 3: "Usage that names a hold ends it", "hold ids named by usage are remembered like ids".
# Usage that waits for review is usage: the call is over, and its hold would be kept for nothing.
REVIEW = [
    # given                          when                                                   then
    ("top up 20.00, hold standard",  "call success of u0 for h1",                           "review CORRECTION, holds nothing, available 20.00"),
    ("top up 20.00, hold standard",  "call success ended 5:01 for h1",                      "review IN_THE_FUTURE, holds nothing, available 20.00"),
    ("top up 20.00",                 "call success of u0 for h1, hold standard",            "allowed 0.00, holds nothing"),
    # What is owed meanwhile is collected from what that hold gives back.
    ("grant 0.90, hold standard, call real", "call success of u0 for h1",                   "review CORRECTION, arrears 0.00, funds 0.30"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "when", "then"), REVIEW)
def test_usage_in_review_ends_the_hold_it_names(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


# Sandbox: an operator "may also open a project without usage as live from a stated earlier moment".
# A project that is known, but only from a hold or from being opened, has no usage.
WITHOUT_USAGE = [
    # given                  when                          then
    ("new, hold standard",   "open shop since 1:00:00",    "accepted"),
    ("sandbox",              "open shop since 1:00:00",    "accepted"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "when", "then"), WITHOUT_USAGE)
def test_a_known_project_without_usage_may_be_opened_live(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


# Decision 19: the first of the list wins, whatever part of the core finds it.
ORDER = [
    # given                               when                                            then
    ("top up 20.00 payment p1",           "top up 20.00 payment p1 before 1:00 ago",      "refused conflict"),
    # Only old commands are exempt (their ids are kept for ever); the future is the future.
    ("",                                  "grant 1.00 asked 5:00.001",                    "refused in_the_future, funds 0.00"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "when", "then"), ORDER)
def test_the_order_of_refusals_holds_for_every_command(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


def test_what_is_owed_is_named_by_its_charge() -> None:
    """A usage id is unique within its topic only: a call and a crawl may share one, and owe both.

    The id of the charge's own event is unique, and the log's schema still may say so.
    """
    scenario = Scenario("call success, grant 0.50")
    charges = {event.event_id for event in scenario.events if isinstance(event, CallCharged)}
    assert set(scenario.wallet.arrears) <= charges
    collected = [event for event in scenario.events if isinstance(event, ArrearsCollected)]
    assert {portion.charge_event_id for event in collected for portion in event.portions} <= charges
