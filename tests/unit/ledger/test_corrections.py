"""Decision 12: what upstream amends or withdraws is given back and charged anew, both visible."""

from itertools import permutations

import pytest

from tests.unit.ledger.scenario import Scenario

CALLS = [
    # given                                       when                       then
    ("grant 2.00, call success as u",             "call real of u",          "charged 0.60, moved back 0.90 + 0.60, funds 1.40"),
    ("grant 2.00, call real as u",                "call success of u",       "charged 0.90, moved back 0.60 + 0.90, funds 1.10"),
    ("grant 2.00, call success as u",             "call real of u withdrawn", "withdrawn, moved back 0.90, funds 2.00"),
    ("grant 2.00, crawl 101 lasting 7:30 as u",   "crawl 50 lasting 7:30 of u", "charged 0.00, moved back 0.125 + 0.00, funds 2.00"),
    # A crawl's id is none of a call's.
    ("grant 2.00, crawl 101 lasting 7:30 as u",   "call real of u",          "waits, funds 1.875"),
    # It clears what is owed of the charge, then gives back in the opposite order of drawing.
    # Usage that names a hold ends it, a withdrawal too.
    ("top up 20.00, call success as u, hold standard", "call success of u withdrawn for h1", "withdrawn, moved back 0.90, held 0.00, holds nothing, funds 20.00"),
    ("grant 0.50, call success as u",             "call success of u withdrawn", "moved back 0.90, arrears 0.00, funds 0.50"),
    ("grant 0.50, call success as u, grant 0.10", "call spam of u",          "charged 0.10, arrears 0.00, funds 0.50, lots grant 0.40 + grant 0.10"),
    ("grant 0.50, top up 20.00, call success as u", "call success of u withdrawn", "lots grant 0.50 + payment 20.00, gave payment 0.40 + grant 0.50"),
    ("grant 0.30, call real as u, top up 20.00",  "call real of u withdrawn", "gave payment 0.30 + grant 0.30"),
    ("terms postpay 5.00, grant 0.50, call success as u", "call real of u",  "charged 0.60, credit 0.10, funds 0.00"),
    # What paid for it pays for it again, whatever became of the limit: nothing is owed for that,
    # and no top-up pays what an invoice will.
    ("terms postpay 10.00, call success as u, terms prepaid", "call success of u", "charged 0.90, credit 0.90, arrears 0.00, drew credit 0.90"),
    ("terms postpay 10.00, call success as u, terms prepaid", "call real of u", "charged 0.60, credit 0.60, arrears 0.00"),
    ("terms postpay 10.00, call real as u, terms prepaid", "call success of u", "charged 0.90, credit 0.60, arrears 0.30"),
    ("terms postpay 10.00, call success as u, terms prepaid, top up 20.00", "call success of u", "charged 0.90, credit 0.90, funds 20.00"),
    ("terms postpay 10.00, call real as u, terms prepaid, top up 20.00", "call success of u", "charged 0.90, credit 0.60, funds 19.70"),
    ("terms postpay 10.00, grant 0.50, call success as u, terms postpay 0.10", "call success of u", "charged 0.90, credit 0.40, funds 0.00, arrears 0.00"),
    ("terms postpay 10.00, grant 1.00, call success as u, hold premium, terms prepaid", "call success of u", "charged 0.90, funds 0.10, held 1.50, available -1.40, arrears 0.00"),
    ("grant 0.90, call success as u, chat 2000000 0, grant 0.50", "call success of u", "charged 0.90, funds 0.50, held 0.50, arrears 0.00"),
    ("terms postpay 10.00, crawl 101 lasting 7:30 as u, terms prepaid", "crawl 101 lasting 7:30 of u", "charged 0.125, credit 0.125, arrears 0.00"),
    # What an operator wrote off of it is given up of the new charge too, at most all of that.
    ("call success as u, write off 0.90",         "call success of u",       "charged 0.90, arrears 0.00, net 0.00, recorded ChargeReversed + CallCharged + ArrearsWrittenOff"),
    ("call success as u, write off 0.90",         "call real of u",          "charged 0.60, arrears 0.00, net 0.00"),
    ("call real as u, write off 0.60",            "call success of u",       "charged 0.90, arrears 0.30"),
    ("grant 0.40, call success as u, write off 0.50", "call real of u",      "charged 0.60, funds 0.30, arrears 0.00"),
    ("call success as u, write off 0.90, call success of u as v", "call success of v", "charged 0.90, arrears 0.00"),
    ("call success as u, write off 0.50, write off 0.40", "call success of u", "charged 0.90, arrears 0.00"),
    ("call success as u, call real as v, write off 1.00", "call success of u", "charged 0.90, owed v 0.50, arrears 0.50"),
    # Higher than what is there: the rest is owed.
    ("grant 0.60, call real as u",                "call success of u",       "charged 0.90, funds 0.00, arrears 0.30"),
    # What is given back collects what is owed for others.
    ("grant 0.90, call success as u, call real",  "call success of u withdrawn", "withdrawn, collected u1 0.60, funds 0.30, arrears 0.00"),
    # The new charge keeps the mode of the original, whatever the project is by now.
    ("sandbox, grant 2.00, call success as u, go live", "call real of u",    "simulated 0.60, moved back 0.90 + simulated 0.60, funds 2.00"),
    ("grant 2.00, call success as u, go back",    "call real of u",          "charged 0.60, funds 1.40"),
    # And the card's version, whatever is in force by now.
    ("grant 9.00, call success as u, publish default 2 in 2:00:00, wait 3:00:00", "call real of u", "charged 0.60, card default 1"),
    ("grant 9.00, crawl 101 lasting 7:30 as u, publish default 2 in 2:00:00, wait 3:00:00", "crawl 101 lasting 15:00 of u", "charged 0.25, card default 1"),
    # And in another project.
    ("grant 2.00, call success as u",             "call success of u on club", "charged 0.90, funds 1.10"),
]  # fmt: skip


@pytest.mark.rule(
    "12.amend", "12.give-back", "12.mode-and-card", "12.written-off", "prices.aborted"
)
@pytest.mark.parametrize(("given", "when", "then"), CALLS)
def test_a_correction_gives_back_and_charges_anew(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


CHATS = [
    # given                                                       when                         then
    # While the hour is open its sum changes.
    ("grant 2.00, chat 1000000 0 as u",                           "chat 400000 0 of u",        "counted, held 0.20, moved nothing"),
    ("grant 2.00, chat 1000000 0 as u",                           "chat 0 0 of u withdrawn",   "withdrawn, held 0.00"),
    ("grant 2.00, chat 1000000 0 as u, chat 200000 0, chat 0 0 of u withdrawn, wait 1:06:00", "tick", "moved 0.10, funds 1.90"),
    # Later the charge that held it is reversed and made again.
    ("grant 2.00, chat 1000000 0 as u, chat 200000 0, wait 1:06:00, tick", "chat 400000 0 of u ended 1:06:00 ago", "counted, moved back 0.60 + 0.30, funds 1.70"),
    ("grant 2.00, chat 1000000 0 as u, wait 1:06:00, tick",       "chat 0 0 of u withdrawn",   "moved back 0.50 + 0.00, funds 2.00"),
    ("grant 0.20, chat 1000000 0 as u, wait 1:06:00, tick",       "chat 200000 0 of u ended 1:06:00 ago", "moved back 0.50 + 0.10, funds 0.10, arrears 0.00"),
    # What was written off of the hour is written off of the hour's new charge.
    ("chat 1000000 0 as c, chat 1 0 as d, wait 1:06:00, tick, write off 0.50", "chat 2 0 of d ended 1:06:00 ago", "counted, moved back 0.50 + 0.500001, arrears 0.000001"),
    ("terms postpay 5.00, chat 1000000 0 as u, wait 1:06:00, tick, terms prepaid", "chat 1000000 0 of u ended 1:06:00 ago", "moved back 0.50 + 0.50, credit 0.50, arrears 0.00"),
    # One that moves it to another hour is counted there.
    ("grant 2.00, chat 1000000 0 as u, chat 200000 0, wait 1:06:00, tick", "chat 400000 0 of u", "counted, moved back 0.60 + 0.10, held 0.20, funds 1.90"),
    # In the mode it had.
    ("sandbox, grant 2.00, chat 1000000 0 as u, go live, wait 1:00:00", "chat 400000 0 of u", "counted, held 0.00"),
    ("sandbox, chat 1000000 0 as u, wait 1:06:00, tick",          "chat 400000 0 of u ended 1:06:00 ago", "moved back 0.50 + simulated 0.20"),
]  # fmt: skip


@pytest.mark.rule("12.chats")
@pytest.mark.parametrize(("given", "when", "then"), CHATS)
def test_a_chat_is_corrected_in_its_hour(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


ORDER = [
    # given                                                 when                then
    # A correction of what was not seen yet waits for it.
    ("grant 2.00",                                          "call real of u",   "waits, funds 2.00"),
    ("grant 2.00, call real of u",                          "call success as u", "moved 0.90 + back 0.90 + 0.60, funds 1.40"),
    ("grant 2.00, call real of u withdrawn",                "call success as u", "moved 0.90 + back 0.90, funds 2.00"),
    ("grant 2.00, chat 400000 0 of u",                      "chat 1000000 0 as u", "held 0.20"),
    ("grant 2.00, call spam of v, call real of u as v",     "call success as u", "moved 0.90 + back 0.90 + 0.60 + back 0.60 + 0.10, funds 1.90"),
    ("grant 2.00, call real of u, wait 90d0:00.001",        "tick",             "recorded InputHeldForReview, funds 2.00"),
    ("grant 2.00, call real of u, wait 90d",                "tick",             "nothing"),
    # An id is corrected once; the next correction names the last event.
    ("grant 2.00, call success as u, call real of u as v",  "call spam of u",   "review CORRECTED_BEFORE, funds 1.40"),
    ("grant 2.00, call success as u, call real of u as v",  "call spam of v",   "charged 0.10, moved back 0.60 + 0.10, funds 1.90"),
    ("grant 2.00, call real of u",                          "call spam of u",   "review CORRECTED_BEFORE"),
    # Of what was never charged there is nothing to give back.
    ("grant 2.00, call real as u ended 6:00, review reject u", "call spam of u", "review CORRECTION, funds 2.00"),
    ("grant 2.00, call real as u, call real of u as v withdrawn", "call real of v", "review CORRECTION, funds 2.00"),
    ("grant 2.00, call success as u, call real of u as v, call real of u as w", "call spam of w", "review CORRECTION, funds 1.40"),
    # The same again is a repeat, and charged once.
    ("grant 2.00, call success as u, call real of u",       "again",            "again, funds 1.40"),
    # A correction ends the hold it names like any usage.
    ("grant 2.00, hold standard as h1",                     "call real of u for h1", "waits, held 0.00"),
]  # fmt: skip


@pytest.mark.rule("12.waits", "12.once")
@pytest.mark.parametrize(("given", "when", "then"), ORDER)
def test_corrections_come_in_any_order_and_count_once(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


UNDECIDED = [
    # given                                                              when                then
    # A correction of usage that is in review waits until that is decided, whichever came first.
    ("grant 2.00, call success as u ended 6:00",                         "call success of u withdrawn", "waits, funds 2.00"),
    ("grant 2.00, call success as u ended 6:00, call success of u withdrawn", "review accept u", "accepted, moved 0.90 + back 0.90, funds 2.00"),
    ("grant 2.00, call success of u withdrawn, call success as u ended 6:00", "review accept u", "accepted, moved 0.90 + back 0.90, funds 2.00"),
    ("grant 2.00, call success as u ended 6:00, call spam of u",         "review accept u",  "accepted, moved 0.90 + back 0.90 + 0.10, funds 1.90"),
    ("grant 2.00, chat 1000000 0 as u ended 6:00, chat 400000 0 of u",   "review accept u",  "accepted, held 0.20"),
    # Of rejected usage there is nothing to correct.
    ("grant 2.00, call success as u ended 6:00, call spam of u as v",    "review reject u",  "accepted, moved nothing, recorded ReviewDecided + InputHeldForReview"),
    ("grant 2.00, call success as u ended 6:00, call spam of u as v, review reject u", "review reject v", "accepted, funds 2.00"),
    ("grant 2.00, call spam of u as v, call success as u ended 6:00",    "review reject u",  "accepted, recorded ReviewDecided + InputHeldForReview"),
    ("grant 2.00, call success as u ended 6:00, call spam of u as v, review reject u", "call real of v", "review CORRECTION"),
    # And it waits no longer than the window.
    ("grant 2.00, call success as u ended 6:00, call spam of u, wait 90d0:00.001", "tick", "recorded InputHeldForReview, funds 2.00"),
    ("grant 2.00, call success as u ended 6:00, call spam of u, wait 90d", "tick",          "nothing"),
    ("grant 2.00, call success as u ended 6:00, call spam of u as v, wait 90d0:00.001, tick", "review accept v", "refused not_acceptable"),
    # It is corrected once all the same.
    ("grant 2.00, call success as u ended 6:00, call spam of u",         "call real of u",   "review CORRECTED_BEFORE"),
    ("grant 2.00, call success as u ended 6:00, call spam of u, review accept u", "call real of u", "review CORRECTED_BEFORE, funds 1.90"),
]  # fmt: skip


@pytest.mark.rule("12.undecided")
@pytest.mark.parametrize(("given", "when", "then"), UNDECIDED)
def test_a_correction_waits_until_its_original_is_decided(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


FOUR = ["call real of u as c1", "call success of c1 as c2", "call real of c2 as c3", "call spam of c3 as c4"]  # fmt: skip


@pytest.mark.rule("12.chains")
@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_a_chain_of_any_length_comes_in_any_order(order: tuple[int, ...]) -> None:
    """One input applies three that waited; the next tick goes on where they stopped."""
    scenario = Scenario("grant 9.00")
    chain = [*FOUR, "call success as u"]
    scenario.do(*(chain[index] for index in order), "wait 0:01", "tick")
    assert scenario.shows("funds 8.90") == "funds 8.90"
    assert scenario.wallet.waiting == {}


CHAINS = [
    # given                                                      when                  then
    ("call success as u",                                        "tick",               "nothing, funds 8.40"),
    ("call success as u, wait 0:00.001",                         "tick",               "moved back 0.60 + 0.10, funds 8.90"),
    # What corrects the last of them waits for it too.
    ("call success as u, call real of c4 as c5, wait 0:01",      "tick",               "moved back 0.60 + 0.10 + back 0.10 + 0.60, funds 8.40"),
    ("call success as u",                                        "call real of c3",    "review CORRECTED_BEFORE"),
    ("call success as u, wait 0:01, tick",                       "call real of c4",    "charged 0.60, funds 8.40"),
    # A wait that is over by now is no reason to give up what stands.
    ("wait 89d23:00:00, call success as u, wait 2:00:00",        "tick",               "moved back 0.60 + 0.10, funds 8.90"),
    # With an acceptance too.
    ("call success as u ended 6:00, review accept u, wait 0:01", "tick",               "moved back 0.60 + 0.10, funds 8.90"),
]  # fmt: skip


@pytest.mark.rule("12.chains")
@pytest.mark.parametrize(("given", "when", "then"), CHAINS)
def test_the_next_tick_goes_on_with_a_chain(given: str, when: str, then: str) -> None:
    scenario = Scenario(", ".join(("grant 9.00", *reversed(FOUR), given)))
    assert scenario.when(when).shows(then) == then


def test_a_chain_that_is_withdrawn_in_the_middle_goes_to_review_by_the_tick() -> None:
    """Of what was withdrawn there is nothing to correct."""
    withdrawn = "call success of c2 as c3 withdrawn"
    given = ("grant 9.00", FOUR[3], withdrawn, FOUR[1], FOUR[0], "call success as u", "wait 0:01")
    then = "recorded InputHeldForReview, funds 9.00"
    assert Scenario(", ".join(given)).when("tick").shows(then) == then


def test_a_very_long_chain_takes_as_many_ticks_as_it_needs() -> None:
    """Each applies four: one that was due, and three that waited for it and one another."""
    scenario = Scenario("grant 9.00")
    scenario.do(*(f"call spam of c{number - 1} as c{number}" for number in range(20, 1, -1)))
    scenario.do("call spam of u as c1", "call success as u")
    assert len(scenario.wallet.waiting) == 17
    left: list[int] = []
    while scenario.wallet.waiting:
        scenario.do("wait 0:01", "tick")
        left.append(len(scenario.wallet.waiting))
    assert left == [13, 9, 5, 1, 0]
    assert scenario.shows("funds 8.90") == "funds 8.90"
