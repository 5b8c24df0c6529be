"""Decision 6: every input is applied once, and its repeat gets the first answer again."""

import pytest

from tests.unit.ledger.scenario import Scenario

REPEATS = [
    # given                                 when                       then
    ("",                                    "top up 20.00, again",     "again accepted, funds 20.00"),
    ("",                                    "grant 1.00, again",       "again accepted, funds 1.00"),
    ("top up 20.00",                        "call success, again",     "again, funds 19.10"),
    ("top up 20.00",                        "hold standard, again",    "again allowed 0.90, held 0.90"),
    ("",                                    "hold standard, again",    "again refused insufficient_funds"),
    # The first answer, whatever became of it since.
    ("",                                    "hold standard as x, top up 20.00, hold standard as x", "again refused insufficient_funds, held 0.00"),
    ("top up 20.00",                        "hold standard as x, void x, hold standard as x", "again allowed 0.90, held 0.00"),
    ("top up 20.00, hold standard",         "void h1, again",          "again accepted, held 0.00"),
    ("",                                    "top up 1.00, again",      "again refused below_minimum"),
    ("top up 20.00",                        "go back, again",          "again accepted"),
    # A repeat may ask later, with a deadline of its own.
    ("",                                    "grant 1.00, wait 91d, again before 1:00 ago", "again accepted, funds 1.00"),
    ("top up 20.00",                        "hold standard, wait 91d, again asked 91d ago", "again allowed 0.90, held 0.90"),
    ("top up 20.00",                        "call success, wait 91d, again", "again, funds 19.10"),
    # An operator's id is remembered for ever, and so is that of usage in review.
    ("grant 1.00 as g, wait 100d, call real, wait 100d", "grant 1.00 as g",    "again accepted, funds 0.40"),
    ("top up 20.00",                        "call success ended 91d ago, wait 200d, again", "again, funds 20.00"),
    # Review is an outcome too.
    ("top up 20.00",                        "call success ended 91d ago, again", "again, funds 20.00"),
]  # fmt: skip


@pytest.mark.rule("6.once")
@pytest.mark.parametrize(("given", "when", "then"), REPEATS)
def test_the_same_id_with_the_same_content_gives_the_first_answer(
    given: str, when: str, then: str
) -> None:
    scenario = Scenario(given).when(when)
    assert scenario.shows(then) == then
    assert scenario.decision.events == []


CONFLICTS = [
    # given                                 when                                then
    ("",                                    "top up 20.00, again otherwise",    "refused conflict, funds 20.00, recorded InputRefused"),
    ("",                                    "grant 1.00 as x, adjust 1.00 as x", "refused conflict, funds 1.00"),
    ("top up 20.00",                        "call success, again otherwise",    "refused conflict, funds 19.10, recorded InputRefused"),
    ("top up 20.00",                        "hold standard as x, hold premium as x", "refused conflict, held 0.90"),
    ("top up 20.00",                        "hold standard as x, grant 1.00 as x", "refused conflict, funds 20.00"),
    # Usage in review keeps its id as well.
    ("top up 20.00",                        "call success ended 91d ago as x, call success as x", "refused conflict, funds 20.00"),
    # A hold that no tick has ended stands, however long its id has been forgotten.
    ("top up 20.00, hold standard as x, wait 92d", "hold premium as x",         "refused conflict, held 0.90, holds x"),
    ("top up 20.00, hold standard as x, wait 92d, tick", "hold premium as x",   "allowed 1.50, held 1.50"),
    # A payment is credited once, whatever asks for it.
    ("top up 20.00 payment p1",             "top up 20.00 payment p1",          "refused conflict, funds 20.00"),
    ("top up 20.00 payment p1",             "top up 50.00 payment p1",          "refused conflict, funds 20.00"),
]  # fmt: skip


@pytest.mark.rule("6.once")
@pytest.mark.parametrize(("given", "when", "then"), CONFLICTS)
def test_the_same_id_with_other_content_is_a_conflict(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


AFTER_A_CONFLICT = [
    # when                                                                    then
    ("grant 1.00 as x, adjust 1.00 as x, grant 1.00 as x",                    "again accepted, funds 21.00"),
    ("call success as x, call real as x, call success as x",                  "again, funds 19.10"),
    ("call success as x, call real as x, call spam as x",                     "refused conflict, funds 19.10"),
    ("hold standard as x, hold premium as x, hold standard as x",             "again allowed 0.90, held 0.90"),
    ("hold standard as x, hold premium as x, void x",                         "accepted, held 0.00"),
]  # fmt: skip


@pytest.mark.parametrize(("when", "then"), AFTER_A_CONFLICT)
def test_a_conflict_does_not_change_what_the_id_stands_for(when: str, then: str) -> None:
    assert Scenario("top up 20.00").when(when).shows(then) == then


def test_a_command_refused_for_its_payment_is_remembered_under_its_own_id() -> None:
    scenario = Scenario("top up 20.00 payment p1, top up 20.00 payment p1 as x")
    then = "again refused conflict, funds 20.00"
    assert scenario.when("again").shows(then) == then
    then = "refused conflict, funds 20.00"
    assert scenario.when("top up 50.00 payment p2 as x").shows(then) == then


@pytest.mark.parametrize(
    ("when", "then"),
    [
        ("call success as x, grant 1.00 as x", "accepted, funds 20.10"),
        ("grant 1.00 as x, call success as x", "charged 0.90, funds 20.10"),
        ("call success as x, call real as x, grant 1.00 as x", "accepted, funds 20.10"),
    ],
)
def test_an_id_is_unique_in_its_topic_only(when: str, then: str) -> None:
    assert Scenario("top up 20.00").when(when).shows(then) == then


FORGOTTEN = [
    # given                                 when                       then
    ("top up 20.00",                        "call success, wait 93d, again", "review TOO_OLD, funds 19.10"),
    ("top up 20.00, hold standard as x, void x, wait 93d", "hold standard as x", "allowed 0.90, held 0.90"),
    ("top up 20.00, hold standard as x, wait 93d", "hold premium as x", "refused conflict, held 0.90"),
]  # fmt: skip


@pytest.mark.rule("6.window")
@pytest.mark.parametrize(("given", "when", "then"), FORGOTTEN)
def test_after_the_window_an_id_of_usage_or_a_hold_is_as_good_as_new(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then
