"""Decision 3: holds are placed or refused, and end by capture, voiding or expiry."""

from itertools import permutations

import pytest

from tests.unit.ledger.scenario import Scenario

PLACING = [
    # given                          when                       then
    ("top up 20.00",                 "hold standard",           "allowed 0.90, holds h1"),
    ("top up 20.00",                 "hold standard, hold premium", "holds h1 + h2, held 2.40"),
    ("",                             "hold standard",           "refused insufficient_funds, recorded HoldRefused, held 0.00"),
    ("call success",                 "hold economy",            "refused arrears, recorded HoldRefused"),
]  # fmt: skip


@pytest.mark.rule("3.hold")
@pytest.mark.parametrize(("given", "when", "then"), PLACING)
def test_a_hold_is_allowed_or_refused_and_both_are_events(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


ENDING = [
    # given                                    when                        then
    ("top up 20.00, hold standard",            "call success for h1",      "charged 0.90, held 0.00, funds 19.10, holds nothing"),
    ("top up 20.00, hold standard",            "call spam for h1",         "charged 0.10, held 0.00, funds 19.90"),
    ("top up 20.00, hold standard",            "void h1",                  "accepted, held 0.00, funds 20.00, recorded HoldVoided"),
    # More than the hold is drawn from what is available.
    ("grant 1.00, hold standard",              "call success cap 6:00 lasting 6:00 for h1", "charged 1.02, funds 0.00, arrears 0.02, held 0.00"),
    ("grant 2.00, hold standard",              "call success cap 6:00 lasting 6:00 for h1", "charged 1.02, funds 0.98, arrears 0.00"),
    # A hold is used up by the first usage that names it.
    ("top up 20.00, hold standard, call spam for h1", "call success for h1", "charged 0.90, funds 19.00, held 0.00"),
    # A call without one is charged from what is available.
    ("top up 20.00",                           "call success",             "charged 0.90, funds 19.10"),
    ("top up 20.00",                           "call success for never-asked", "charged 0.90, funds 19.10"),
    ("top up 20.00, hold standard, void h1",   "call success for h1",      "charged 0.90, funds 19.10, held 0.00"),
    # Another's hold stays.
    ("top up 20.00, hold standard, hold standard", "call success for h2",  "held 0.90, holds h1, funds 19.10"),
    # Usage in review is usage: its call is over, and its hold would be kept for nothing.
    ("top up 20.00, hold standard",  "call success of u0 for h1",                           "waits, holds nothing, available 20.00"),
    ("top up 20.00, hold standard",  "call success ended 5:01 for h1",                      "review IN_THE_FUTURE, holds nothing, available 20.00"),
    ("top up 20.00",                 "call success of u0 for h1, hold standard",            "allowed 0.00, holds nothing"),
    # What is owed meanwhile is collected from what that hold gives back.
    ("grant 0.90, hold standard, call real", "call success of u0 for h1",                   "waits, arrears 0.00, funds 0.30"),
]  # fmt: skip


@pytest.mark.rule("3.hold", "prices.aborted")
@pytest.mark.parametrize(("given", "when", "then"), ENDING)
def test_a_hold_ends_with_its_call_or_is_voided(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


EXPIRING = [
    # given                                     when                     then
    # Recording + the cap + 15 minutes.
    ("top up 20.00, hold standard",             "wait 20:00, tick",      "nothing, held 0.90"),
    ("top up 20.00, hold standard",             "wait 20:00.001, tick",  "expired h1, held 0.00, available 20.00"),
    ("top up 20.00, hold standard cap 10:00",   "wait 25:00, tick",      "nothing, held 1.50"),
    ("top up 20.00, hold standard cap 10:00",   "wait 25:00.001, tick",  "expired h1, held 0.00"),
    # Only a tick ends it: until then the order in the log decides.
    ("top up 20.00, hold standard, wait 21:00", "call success for h1",   "charged 0.90, held 0.00, recorded CallCharged"),
    ("top up 20.00, hold standard, wait 21:00", "void h1",               "accepted, held 0.00"),
    # Usage not read so far might still capture it.
    ("top up 20.00, hold standard, wait 30:00", "tick read 10:00",       "nothing, held 0.90"),
    ("top up 20.00, hold standard, wait 30:00", "tick read 9:59",        "expired h1"),
    # After it has expired, a capture is charged from what is available.
    ("top up 20.00, hold standard, wait 21:00, tick", "call success for h1", "charged 0.90, held 0.00, funds 19.10"),
    ("top up 20.00, hold standard, wait 21:00, tick", "tick",            "nothing"),
    ("top up 20.00, hold standard, void h1, wait 21:00", "tick",         "nothing"),
    ("top up 20.00, hold standard, call spam for h1, wait 21:00", "tick", "nothing, funds 19.90"),
    # In the order of their ends, not of their asking.
    ("top up 20.00, hold standard cap 10:00, hold standard, wait 26:00", "tick", "expired h2 h1, held 0.00"),
    ("top up 20.00, hold standard, wait 10:00, hold standard, wait 11:00", "tick", "expired h1, holds h2"),
]  # fmt: skip


@pytest.mark.rule("3.hold")
@pytest.mark.parametrize(("given", "when", "then"), EXPIRING)
def test_a_hold_expires_at_its_recording_and_the_cap_and_15_minutes(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


USAGE_CAME_FIRST = [
    # given                                      when                        then
    ("top up 20.00, call success for h1",        "hold standard",            "allowed 0.00, held 0.00, funds 19.10, holds nothing"),
    # Allowed though nothing is there for it: what was asked has happened.
    ("call success for h1",                      "hold standard",            "allowed 0.00, held 0.00, arrears 0.90"),
    ("sandbox, call success for h1, go live",    "hold standard",            "allowed 0.00, held 0.00"),
    ("top up 20.00, call success for h1, hold standard", "wait 21:00, tick", "nothing"),
    ("top up 20.00, call success for h1, hold standard", "void h1",          "refused hold_ended"),
    ("top up 20.00, call success for h2",        "hold standard",            "allowed 0.90, held 0.90"),
]  # fmt: skip


@pytest.mark.rule("3.any-order", "3.named")
@pytest.mark.parametrize(("given", "when", "then"), USAGE_CAME_FIRST)
def test_a_hold_asked_after_its_usage_is_allowed_and_holds_nothing(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


@pytest.mark.parametrize("money", ["top up 20.00", "grant 1.00", "grant 0.40", "adjust 0.000001"])
@pytest.mark.parametrize(
    "steps",
    list(
        permutations(
            ["hold standard as x", "call success for x", "hold standard as y", "call spam for y"]
        )
    ),
    ids=", ".join,
)
@pytest.mark.rule("3.any-order")
def test_a_call_before_after_or_without_its_hold_ends_with_the_same_net(
    money: str, steps: tuple[str, ...]
) -> None:
    without_holds = Scenario(money).when("call success, call spam, wait 21:00, tick")
    net = without_holds.wallet.balance_micros - without_holds.wallet.arrears_micros
    wallet = Scenario(money).when(", ".join([*steps, "wait 21:00", "tick"])).wallet
    assert wallet.balance_micros - wallet.arrears_micros == net
    assert wallet.held_micros == 0
