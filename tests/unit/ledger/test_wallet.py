"""The wallet as such: one for all projects of a tenant, and nothing of it vanishes."""

from typing import Any

import msgspec
import pytest

from ledger import commands as ask
from ledger import events as done
from ledger.rates import DEFAULT_CARD, PER_CALL, RateLine, fault_in_card
from ledger.usage import CallUsage, ChatUsage, CrawlUsage
from schemas.catalogue import versions
from tests.unit.ledger.scenario import NOON_MS, Scenario

CLUB = "open club since 1:00:00"
ONE = [
    # given                                    when                    then
    (f"grant 2.00, {CLUB}, call success",      "call success on club", "charged 0.90, funds 0.20"),
    (f"grant 1.00, {CLUB}, hold standard",     "hold standard on club", "refused insufficient_funds"),
    (f"{CLUB}, call success on club",          "hold standard",        "refused arrears"),
]  # fmt: skip


@pytest.mark.rule("wallet.one")
@pytest.mark.parametrize(("given", "when", "then"), ONE)
def test_all_projects_of_a_tenant_share_one_wallet(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


@pytest.mark.rule("wallet.expiry")
def test_a_balance_never_vanishes() -> None:
    then = "recorded nothing, funds 21.00, lots grant 1.00 + payment 20.00"
    scenario = Scenario("top up 20.00, grant 1.00, wait 4000d").when("tick")
    assert scenario.shows(then) == then
    spent = "charged 0.90, drew grant 0.90"
    assert scenario.when("call success").shows(spent) == spent


@pytest.mark.rule("prices.zero")
@pytest.mark.parametrize(("price_micros", "is_sound"), [(-1, False), (0, True), (1, True)])
def test_a_price_is_never_negative(price_micros: int, is_sound: bool) -> None:
    line = RateLine("calls.standard.success", PER_CALL, price_micros)
    assert (fault_in_card("own", 1, NOON_MS, [line]) is None) is is_sound


@pytest.mark.rule("prices.zero")
def test_a_charge_of_zero_moves_nothing() -> None:
    then = "charged 0.00, drew nothing, arrears 0.00, owed nothing"
    assert Scenario("").when("crawl 100 lasting 1:00:00").shows(then) == then


@pytest.mark.rule("prices.examples")
def test_the_shipped_card_marks_what_the_operator_has_yet_to_set() -> None:
    set_by_the_product = {line.line for line in DEFAULT_CARD.lines if not line.is_example}
    assert set_by_the_product == {
        *("calls.standard.success", "calls.standard.real_conversation"),
        *("calls.standard.spam_or_silent", "crawls.hour"),
        *("chat.input_tokens", "chat.output_tokens"),
    }


LIMITED = [
    # given                                    when             then
    ("terms postpay 0.90",                     "hold standard", "allowed 0.90, available 0.00"),
    ("terms postpay 0.89",                     "hold standard", "refused credit_limit"),
    ("terms postpay 1.00, call success",       "hold economy",  "refused credit_limit, credit 0.90"),
    ("terms postpay 1.00, call success, grant 0.50", "hold economy", "allowed 0.60"),
]  # fmt: skip


@pytest.mark.rule("postpay.limit")
@pytest.mark.parametrize(("given", "when", "then"), LIMITED)
def test_a_credit_limit_blocks_what_would_exceed_it(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


UNIQUE = [
    # given                          when                              then
    ("grant 9.00, call real as x",   "crawl 101 lasting 7:30 as x",    "charged 0.125, funds 8.275"),
    ("grant 9.00, call real as x",   "chat 1000000 0 as x",            "counted, held 0.50"),
    ("grant 9.00, call real as x",   "grant 1.00 as x",                "accepted, funds 9.40"),
    ("grant 9.00 as x",              "call real as x",                 "charged 0.60, funds 8.40"),
    # Holds are commands, and one topic has them all.
    ("grant 9.00 as x",              "hold standard as x",             "refused conflict"),
]  # fmt: skip


@pytest.mark.rule("6.unique")
@pytest.mark.parametrize(("given", "when", "then"), UNIQUE)
def test_an_id_of_one_topic_is_none_of_another_s(given: str, when: str, then: str) -> None:
    assert Scenario(given).when(when).shows(then) == then


OF_ALL = "event_id tenant_id project_id corrects withdrawn"
FIELDS = [
    (
        CallUsage,
        (
            "call_id scenario_id started_at ended_at tier goal_reached flagged_spam duration_ms"
            " duration_cap_ms user_turns hold_id"
        ),
    ),
    (CrawlUsage, "crawl_id started_at ended_at pages_fetched duration_ms is_recrawl"),
    (ChatUsage, "conversation_id channel occurred_at input_tokens output_tokens"),
]


@pytest.mark.rule("usage.fields")
@pytest.mark.parametrize(("kind", "own"), FIELDS)
def test_a_usage_event_has_the_fields_of_its_topic(kind: type[msgspec.Struct], own: str) -> None:
    fields = msgspec.structs.fields(kind)
    assert [field.name for field in fields] == f"{OF_ALL} {own}".split()


@pytest.mark.rule("tab.no-cost")
def test_nothing_that_comes_in_or_is_recorded_knows_a_provider_or_a_cost() -> None:
    kinds: list[type[Any]] = [CallUsage, CrawlUsage, ChatUsage]
    kinds += [kind for kind in vars(ask).values() if _is_of(kind, ask.Command)]
    kinds += [kind for kind in vars(done).values() if _is_of(kind, done.Event)]
    named = {field.name for kind in kinds for field in msgspec.structs.fields(kind)}
    assert {"event_id", "amount_micros", "lines"} <= named
    assert [
        name for name in named if any(word in name for word in ("provider", "cost", "margin"))
    ] == []


def _is_of(kind: object, base: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, base)


@pytest.mark.rule("6.content")
def test_a_topic_of_usage_has_one_version_so_equal_fields_are_equal_bytes() -> None:
    """A second one needs a hash of its own over the fields (a default counts as absent)."""
    topics = ("usage.calls", "usage.crawls", "usage.chat")
    assert [len(versions(topic)) for topic in topics] == [1, 1, 1]
