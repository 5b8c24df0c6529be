"""Crawls and chats: what they cost, when they are charged, and what is held until then."""

import pytest

from tests.unit.ledger.scenario import Scenario

CRAWLS = [
    # given         when                          then
    ("grant 2.00",  "crawl 101 lasting 7:30",     "charged 0.125, lines 450000 hour, funds 1.875"),
    ("grant 2.00",  "crawl 100 lasting 7:30",     "charged 0.00, funds 2.00"),
    ("grant 2.00",  "crawl 101 lasting 1:00:00",  "charged 1.00, funds 1.00"),
    ("grant 2.00",  "crawl 101 lasting 0:00.001", "charged 0.00, funds 2.00"),
    ("grant 2.00",  "crawl 101 lasting 0:00.002", "charged 0.000001, funds 1.999999"),
    ("grant 2.00",  "crawl 101 lasting 7:30 again", "charged 0.125"),
    ("grant 2.00",  "crawl 101 lasting 1:00:00, crawl 100 lasting 9:00", "charged 0.00, funds 1.00"),
    ("grant 0.10",  "crawl 101 lasting 7:30",     "charged 0.125, arrears 0.025, funds 0.00"),
    ("sandbox, grant 2.00", "crawl 101 lasting 7:30", "simulated 0.125, funds 2.00"),
]  # fmt: skip


@pytest.mark.rule("prices.crawls")
@pytest.mark.parametrize(("given", "when", "then"), CRAWLS)
def test_a_run_with_more_than_a_hundred_pages_costs_its_whole_time(
    given: str, when: str, then: str
) -> None:
    assert Scenario(given).when(when).shows(then) == then


# Scenarios begin at noon; an hour's chats are charged at the tick after five past the next hour.
CHATS = [
    # given                                      when                        then
    ("grant 2.00",                               "chat 1000000 200000",      "counted, held 0.80, available 1.20, funds 2.00"),
    ("grant 0.30",                               "chat 1000000 200000",      "counted, held 0.30, available 0.00, arrears 0.00"),
    ("",                                         "chat 1000000 200000",      "counted, held 0.00, arrears 0.00"),
    ("grant 2.00, chat 500000 0, chat 500000 200000, wait 1:05:00", "tick",  "nothing, held 0.80"),
    ("grant 2.00, chat 500000 0, chat 500000 200000, wait 1:05:00.001", "tick", "moved 0.80, funds 1.20, held 0.00, recorded ChatCharged"),
    ("grant 0.30, chat 1000000 200000, wait 1:06:00", "tick",                "moved 0.80, funds 0.00, arrears 0.50"),
    # Rounded once, half to even: three tokens for a micro-dollar and a half.
    ("grant 2.00, chat 1 0, chat 1 0, chat 1 0, wait 1:06:00", "tick",       "moved 0.000002"),
    ("grant 2.00, chat 1 0, wait 1:06:00",       "tick",                     "moved 0.00"),
    # By project and mode: what began before the switch stays simulated, within one hour too.
    ("grant 2.00, chat 1000000 0, chat 1000000 0 on club, wait 1:06:00", "tick", "moved simulated 0.50 + 0.50, funds 1.50"),
    ("sandbox, grant 2.00, chat 1000000 0, wait 10:00, go live, chat 2000000 0, wait 1:00:00", "tick", "moved 1.00 + simulated 0.50, funds 1.00"),
    # Tokens that come late are charged by themselves, at the next close.
    ("grant 2.00, chat 1000000 0, wait 1:06:00, tick, chat 400000 0 ended 1:00:00 ago", "wait 1:00:00, tick", "moved 0.20, funds 1.30"),
    ("grant 2.00, chat 1000000 0, wait 1:05:00, chat 400000 0 ended 1:05:00 ago, wait 0:01", "tick", "moved 0.50, held 0.20"),
    ("grant 2.00, chat 1000000 0, wait 1:04:59.999, chat 400000 0 ended 1:04:00 ago, wait 0:01", "tick", "moved 0.70, held 0.00"),
    ("grant 2.00, chat 1000000 0, wait 1:06:00, tick, chat 400000 0 ended 1:00:00 ago", "wait 58:00, tick", "nothing, held 0.20"),
    # What finds nothing available counts as held as soon as there is something, and as far.
    ("chat 10000000 0, top up 20.00",            "hold premium cap 10:00",   "allowed 2.50, held 7.50, available 12.50"),
    ("chat 10000000 0, top up 20.00",            "adjust -15.01",            "refused insufficient_funds, held 5.00"),
    ("chat 10000000 0, top up 20.00, adjust -15.00, wait 1:06:00", "tick",   "moved 5.00, arrears 0.00, funds 0.00"),
    ("chat 10000000 0, grant 2.00",              "may chat",                 "refused insufficient_funds, held 2.00, available 0.00"),
    ("chat 10000000 0, grant 2.00",              "call real",                "charged 0.60, arrears 0.60, funds 2.00"),
    ("chat 10000000 0, grant 2.00, wait 1:06:00", "tick",                    "moved 5.00, funds 0.00, arrears 3.00"),
    ("chat 10000000 0 as u, call real, grant 2.00", "chat 1000000 0 of u",   "counted, collected u1 0.60, held 0.50, funds 1.40, arrears 0.00"),
    ("chat 2000000 0, chat 2000000 0 on club, open cafe since 1:00, chat 4000000 0 on cafe, grant 2.50, wait 1:06:00", "tick", "moved 2.00 + simulated 1.00 + 1.00, funds 0.00, arrears 0.50"),
    ("grant 0.20, chat 1000000 0, grant 1.00",   "chat 200000 0",            "counted, held 0.60, available 0.60"),
    ("chat 1000000 0, terms postpay 1.99",       "hold premium",             "refused credit_limit, held 0.50, available 1.49"),
    ("chat 1000000 0, terms postpay 2.00",       "hold standard",            "allowed 0.90, held 1.40, available 0.60"),
    ("chat 2000000 0, budget 2.00 refusing on shop, top up 20.00", "hold premium", "refused budget"),
    ("sandbox, grant 2.00, chat 1000000 0",      "tick",                     "held 0.00, available 2.00"),
    ("sandbox, chat 10000000 0, top up 20.00",   "tick",                     "held 0.00, available 20.00"),
    # A tick that has not read all usage closes nothing that may still grow.
    ("grant 2.00, chat 1000000 0, wait 1:06:00", "tick read 2:00",           "nothing, held 0.50"),
]  # fmt: skip


@pytest.mark.rule("prices.chats", "chats.held", "chats.late")
@pytest.mark.parametrize(("given", "when", "then"), CHATS)
def test_an_hours_chats_are_held_and_charged_once(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


SPENDING = [
    # given                                  when         then
    ("grant 0.01",                           "may chat",  "accepted"),
    ("grant 0.01",                           "may crawl", "accepted, held 0.00"),
    ("",                                     "may chat",  "refused insufficient_funds"),
    ("terms postpay 0.00",                   "may chat",  "refused credit_limit"),
    ("call success",                         "may chat",  "refused arrears"),
    ("grant 0.90, hold standard",            "may chat",  "refused insufficient_funds"),
    ("grant 1.00, now freeze",               "may chat",  "refused frozen"),
    ("grant 1.00, budget 0.50 refusing, call real", "may chat", "refused budget"),
    ("grant 2.00, budget 0.90 refusing, hold standard", "may chat", "refused budget"),
    ("grant 2.00, budget 0.91 refusing, hold standard", "may chat", "accepted"),
    ("grant 9.00, publish default 2 bare in 2:00:00, wait 3:00:00", "may chat", "refused no_price"),
    ("grant 9.00, publish default 2 bare in 2:00:00, wait 3:00:00", "may crawl", "refused no_price"),
    ("sandbox, publish default 2 bare in 2:00:00, wait 3:00:00", "may chat", "accepted"),
    ("sandbox, now freeze",                  "may chat",  "accepted"),
    ("sandbox, now close",                   "may chat",  "refused closed"),
    ("sandbox",                              "may chat",  "accepted"),
    ("new",                                  "may crawl", "accepted"),
]  # fmt: skip


@pytest.mark.rule("3.without-amount")
@pytest.mark.parametrize(("given", "when", "then"), SPENDING)
def test_chats_and_crawls_ask_without_an_amount(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then
