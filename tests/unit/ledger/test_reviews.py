"""Usage that no rule charges waits for an operator, who accepts or rejects it."""

import pytest

from tests.unit.ledger.scenario import Scenario

REVIEWS = [
    # given                                                   when                    then
    ("grant 2.00, call real as u ended 91d ago",              "review accept u",      "accepted, moved simulated 0.60, funds 2.00"),
    ("grant 2.00, open old since 100d, call real on old as u ended 91d ago", "review accept u", "accepted, moved 0.60, funds 1.40"),
    ("grant 2.00, open old since 100d, call real on old as u ended 91d ago", "review reject u", "accepted, moved nothing, funds 2.00"),
    ("grant 2.00, call real as u ended 6:00",                 "review accept u",      "moved 0.60, funds 1.40"),
    ("grant 2.00, chat 1000000 0 as u ended 6:00",            "review accept u",      "accepted, held 0.50"),
    ("grant 2.00, crawl 101 lasting 7:30 as u ended 6:00",    "review accept u",      "moved 0.125"),
    # Decided once.
    ("grant 2.00, call real as u ended 6:00, review accept u", "review reject u",     "refused unknown, funds 1.40"),
    ("grant 2.00",                                            "review accept u",      "refused unknown"),
    # A correction is not charged by itself.
    ("grant 2.00, call success as u, call real of u as v, call spam of u as w", "review accept w", "refused not_acceptable"),
    ("grant 2.00, call success as u, call real of u as v, call spam of u as w", "review reject w", "accepted, funds 1.40"),
    # One that waited for it is applied as it is accepted.
    ("grant 2.00, call spam of u, call real as u ended 6:00", "review accept u",      "moved 0.60 + back 0.60 + 0.10, funds 1.90"),
    # Without a price on the card, the operator names a version that has one.
    ("grant 9.00, publish default 2 in 2:00:00, wait 3:00:00, call real tier economy as u", "review accept u", "refused no_price"),
    ("grant 9.00, publish default 2 in 2:00:00, wait 3:00:00, call real tier economy as u", "review accept u version 1", "moved 0.40, card default 1"),
]  # fmt: skip


@pytest.mark.rule("review.decide", "prices.missing")
@pytest.mark.parametrize(("given", "when", "then"), REVIEWS)
def test_an_operator_decides_about_usage_in_review(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then
