"""Decision 19: of several reasons to refuse, the first in the list is given."""

from itertools import combinations

import pytest

from ledger.refusals import Refusal
from tests.unit.ledger.scenario import Scenario

ORDER = [
    # given                                       when                                                      then
    # A repeat before everything.
    ("top up 20.00, hold standard as x",          "hold standard as x asked 91d ago before 1:00",           "again allowed 0.90"),
    # conflict, too_old, in_the_future, too_late
    ("top up 20.00, hold standard as x",          "hold premium as x asked 91d ago",                        "refused conflict"),
    ("top up 20.00, grant 1.00 as x",             "grant 2.00 as x before 1:00 ago",                        "refused conflict"),
    ("top up 20.00",                              "hold standard asked 91d ago before 91d",                 "refused too_old"),
    ("new",                                       "void h1 asked 91d ago",                                  "refused too_old"),
    ("new",                                       "void h1 asked 5:01",                                     "refused in_the_future"),
    # too_late, unknown
    ("new",                                       "grant 1.00 before 1:00 ago",                             "refused too_late"),
    ("new",                                       "void h1 before 1:00 ago",                                "refused too_late"),
    # unknown before what the command itself lacks
    ("new",                                       "top up 1.00",                                            "refused unknown"),
    ("new",                                       "grant 1.00",                                             "refused unknown"),
    ("new",                                       "adjust -1.00",                                           "refused unknown"),
    ("new",                                       "terms prepaid",                                          "refused unknown"),
    ("new",                                       "void h1",                                                "refused unknown"),
    ("",                                          "void h1",                                                "refused unknown"),
    ("grant 1.00 as x",                           "void x",                                                 "refused unknown"),
    ("hold standard as x",                        "void x",                                                 "refused unknown"),
    ("grant 2.00, now close",                     "void h1",                                                "refused unknown"),
    ("grant 2.00, now close",                     "budget 1.00 on nowhere",                                 "refused unknown"),
    ("grant 2.00, now close",                     "undo nothing",                                           "refused unknown"),
    # closed before everything that the wallet itself is asked about, a hold whose usage came first too
    ("grant 2.00, call real for x, now close",    "hold standard as x",                                     "refused closed"),
    ("grant 2.00, now freeze, now close",         "now freeze",                                             "refused closed"),
    ("grant 2.00, now close",                     "adjust -1.00",                                           "refused closed"),
    # hold_ended
    ("top up 20.00, hold standard, void h1",      "void h1",                                                "refused hold_ended"),
    ("top up 20.00, hold standard, call spam for h1", "void h1",                                            "refused hold_ended"),
    ("top up 20.00, hold standard, wait 21:00, tick", "void h1",                                            "refused hold_ended"),
    # arrears before insufficient_funds and credit_limit
    ("call success",                              "hold economy",                                           "refused arrears"),
    ("terms postpay 0.50, call success",          "hold economy",                                           "refused arrears"),
    ("",                                          "hold economy",                                           "refused insufficient_funds"),
    ("terms postpay 0.50",                        "hold economy",                                           "refused credit_limit"),
    # A sandbox hold is not tested for money.
    ("sandbox, open club since 1:00, call success on club", "hold economy",                                 "allowed 0.00"),
    # others
    ("",                                          "top up 19.999999",                                       "refused below_minimum"),
    ("",                                          "top up 20.00",                                           "accepted"),
    ("top up 20.00 payment p1",           "top up 20.00 payment p1 before 1:00 ago",      "refused conflict"),
    # Only old commands are exempt (their ids are kept for ever); the future is the future.
    ("",                                  "grant 1.00 asked 5:00.001",                    "refused in_the_future, funds 0.00"),
]  # fmt: skip


# What makes each reason true of a hold or of an ask, and what of its sentence. The wallet has nothing,
# and its card no price for what is asked.
MADE = {
    Refusal.conflict: ("hold premium as x", ""),
    Refusal.too_old: ("", "asked 91d ago"),
    Refusal.too_late: ("", "before 1:00 ago"),
    Refusal.closed: ("now close", ""),
    Refusal.frozen: ("now freeze", ""),
    Refusal.no_price: ("publish default 2 bare in 2:00:00, wait 3:00:00", ""),
    Refusal.arrears: ("call success", ""),
    Refusal.budget: (
        "budget 0.01 refusing, open club since 1:00, grant 0.10, call spam on club",
        "",
    ),
    Refusal.insufficient_funds: ("", ""),
}
SETUP = (
    Refusal.conflict,
    Refusal.no_price,
    Refusal.budget,
    Refusal.frozen,
    Refusal.closed,
    Refusal.arrears,
)
PAIRS = list(combinations((refusal for refusal in Refusal if refusal in MADE), 2))


@pytest.mark.rule("19.order")
@pytest.mark.parametrize("asked", ["hold economy as x", "may crawl as x"])
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_any_two_reasons_the_first_of_the_list_is_given(
    first: Refusal, second: Refusal, asked: str
) -> None:
    """Each alone, too: so both are true together, and none of the others hides them."""
    for reasons in ((first, second), (first,), (second,)):
        given = ", ".join(MADE[one][0] for one in SETUP if one in reasons)
        when = " ".join((asked, *(MADE[one][1] for one in reasons)))
        assert Scenario(given).when(when).shows("refused") == f"refused {reasons[0]}"


@pytest.mark.rule("19.order")
@pytest.mark.parametrize(("given", "when", "then"), ORDER)
def test_the_first_reason_of_the_list_is_given(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


def test_a_missing_price_comes_before_arrears() -> None:
    from ledger.rates import CardBook, RateCard

    scenario = Scenario("call success")
    scenario.state.cards = CardBook((RateCard("empty", 2, 0, ()),))
    assert scenario.when("hold standard").shows("refused") == "refused no_price"


@pytest.mark.parametrize(
    ("given", "when"),
    [
        ("grant 0.50", "hold standard"),
        ("call success", "hold standard"),
        ("top up 20.00", "adjust -21.00"),
        ("top up 20.00", "void h9"),
        ("top up 20.00, hold standard", "again otherwise"),
        ("top up 20.00, call success", "again otherwise"),
    ],
)
def test_a_refusal_leaves_the_figures_unchanged(given: str, when: str) -> None:
    figures = "funds 0.00, held 0.00, arrears 0.00, credit 0.00, available 0.00"
    scenario = Scenario(given)
    before = scenario.shows(figures)
    scenario.do(when)
    assert scenario.shows("refused").startswith("refused ")
    assert scenario.shows(figures) == before


@pytest.mark.rule("19.order")
def test_the_list_of_the_product_is_in_the_order_of_the_product() -> None:
    product = (
        "conflict too_old in_the_future too_late unknown closed frozen hold_ended no_price arrears"
        " overdue budget insufficient_funds"
    ).split()
    assert [refusal for refusal in Refusal if refusal in product] == product


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_a_sentence_for_the_person_who_asked(refusal: Refusal) -> None:
    assert refusal.sentence.endswith(".")
