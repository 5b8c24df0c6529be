"""Rate cards: which version prices what, for whom, and from when on."""

import pytest

from tests.unit.ledger.scenario import Scenario

VERSIONS = [
    # given                                                        when                then
    ("grant 9.00",                                                 "call real",        "charged 0.60, card default 1"),
    ("grant 9.00, publish default 2 in 1:00:00, wait 59:00",       "call real",        "charged 0.60, card default 1"),
    ("grant 9.00, publish default 2 in 1:00:00, wait 1:02:00",     "call real",        "charged 1.00, card default 2"),
    # What began before keeps its price.
    ("grant 9.00, publish default 2 in 1:00:00, wait 1:00:30",     "call real",        "charged 0.60, card default 1"),
    ("grant 9.00, publish default 2 in 1:00:00, wait 1:02:00",     "call real ended 30:00 ago", "charged 0.60, card default 1"),
    ("grant 9.00, publish default 2 in 1:00:00, wait 1:30:00, chat 1000000 0, wait 1:00:00", "tick", "moved 1.00, card default 2"),
    # The highest version in force counts.
    ("grant 9.00, publish default 3 in 1:00:00, publish default 2 in 2:00:00, wait 4:00:00", "call real", "card default 3"),
    # A full hour, an hour ahead or more; each version once.
    ("grant 9.00, publish default 2 in 0:59:00",                   "call real",        "card default 1"),
    ("publish default 2 in 59:59.999",                             "publish default 2 in 1:00:00", "nothing"),
    ("grant 9.00, publish default 2 in 1:30:00, wait 4:00:00",     "call real",        "card default 1"),
]  # fmt: skip


@pytest.mark.rule("cards.versions")
@pytest.mark.parametrize(("given", "when", "then"), VERSIONS)
def test_a_version_prices_what_begins_once_it_is_in_force(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


OWN = "grant 9.00, publish agency 1 in 1:00:00"
TENANTS = [
    # given                                          when                    then
    (OWN,                                            "assign agency in 2:00:00", "accepted"),
    (f"{OWN}, assign agency in 2:00:00, wait 2:01:00", "call real",          "charged 1.00, card agency 1"),
    (f"{OWN}, assign agency in 2:00:00, wait 1:59:00", "call real",          "charged 0.60, card default 1"),
    (f"{OWN}, assign agency in 2:00:00, wait 4:00:00, assign default in 2:00:00, wait 3:00:00", "call real", "charged 0.60, card default 1"),
    (f"{OWN}, assign agency in 2:00:00, wait 2:01:00", "hold standard",      "allowed 1.00"),
    (f"{OWN}, assign agency in 5:00:00, assign default in 2:00:00, wait 6:00:00", "call real", "charged 0.60, card default 1"),
    (f"{OWN}, assign agency in 2:00:00, wait 3:00:00, call real as u ended 6:00", "review accept u version 1", "accepted, moved 1.00, card agency 1"),
    # Never back in time, and only what is in force by then.
    (OWN,                                            "assign agency in 0:00", "refused too_late"),
    (OWN,                                            "assign nobodys in 2:00:00", "refused no_price"),
    ("grant 9.00, publish agency 1 in 3:00:00",      "assign agency in 2:00:00", "refused no_price"),
]  # fmt: skip


@pytest.mark.rule("cards.tenants")
@pytest.mark.parametrize(("given", "when", "then"), TENANTS)
def test_a_tenants_own_card_prices_it_from_a_full_hour_on(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then
