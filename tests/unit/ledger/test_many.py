"""A wallet may keep very many of a thing: a batch costs what it does, not what was there before."""

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Final

import msgspec
import pytest

from ledger import commands as ask
from ledger.batch import Input, Rules
from ledger.decide import decide
from ledger.partition import DAY_MS, PartitionState
from ledger.rates import CardBook, RateCard
from ledger.usage import AnyUsage, CallUsage, Channel, ChatUsage
from tests import usage
from tests.unit.ledger.scenario import NOON_MS, PROJECT, TENANT, Scenario

MANY: Final = 30_000
BATCH: Final = 2_000
RULES: Final = Rules()
SECONDS_MAX: Final = 2.5
"""Of this process alone, for all of them: a third of it is the rule, by the square it takes more."""


def call(number: int, project_id: str = PROJECT, corrects: str | None = None) -> CallUsage:
    return usage.call(f"call-{number}", TENANT, NOON_MS, project_id=project_id, corrects=corrects)


def chat(number: int) -> ChatUsage:
    return ChatUsage(
        event_id=f"chat-{number}",
        tenant_id=TENANT,
        project_id=f"project-{number}",
        corrects=None,
        withdrawn=False,
        conversation_id="conversation",
        channel=Channel.SMS,
        occurred_at=NOON_MS,
        input_tokens=1_000,
        output_tokens=10,
    )


def adjustment(number: int, amount_micros: int = -1) -> ask.AdjustBalance:
    return ask.AdjustBalance(
        command_id=f"adjustment-{number}",
        tenant_id=TENANT,
        actor="operator:ann",
        reason="because",
        amount_micros=amount_micros,
    )


def correction(number: int) -> CallUsage:
    return call(number, corrects=f"unknown-{number}")


def call_of_a_new_project(number: int) -> CallUsage:
    return call(number, f"project-{number}")


def large_adjustment(number: int) -> ask.AdjustBalance:
    return adjustment(number, RULES.approval_above_micros + 1)


def decide_all(state: PartitionState, values: list[AnyUsage | ask.Command], at_ms: int) -> None:
    """Decide and merge them in batches, with all usage read."""
    items = [
        Input(f"many-{at_ms}-{index}", at_ms, index.to_bytes(16, "big"), value)
        for index, value in enumerate(values)
    ]
    while items or state.is_amid:
        decision = decide(state, items[:BATCH], state.now_ms, at_ms, RULES)
        decision.overlay.merge()
        del items[: decision.consumed]


KEPT: Final[list[tuple[str, Callable[[int], AnyUsage | ask.Command]]]] = [
    ("waiting", correction),
    ("projects", call_of_a_new_project),
    ("projects_with_usage", call_of_a_new_project),
    ("undoable", adjustment),
    ("approvals", large_adjustment),
]


@pytest.mark.parametrize(("name", "value"), KEPT)
def test_keeping_very_many_costs_time_in_proportion(
    name: str, value: Callable[[int], AnyUsage | ask.Command]
) -> None:
    scenario = Scenario("top up 20.00")
    began_s = time.process_time()
    decide_all(scenario.state, list(map(value, range(MANY))), NOON_MS)
    assert time.process_time() - began_s < SECONDS_MAX
    assert len(getattr(scenario.wallet, name)) >= MANY


def test_reviewing_very_many_costs_time_in_proportion() -> None:
    """A card that lacks a price puts every call into review."""
    scenario = Scenario("top up 20.00")
    scenario.state.cards = CardBook((RateCard("default", 2, 0, ()),))
    began_s = time.process_time()
    decide_all(scenario.state, list(map(call, range(MANY))), NOON_MS)
    rejections = [
        ask.RejectReview(
            command_id=f"rejection-{number}",
            tenant_id=TENANT,
            actor="operator:ann",
            reason="because",
            review_id=review_id,
        )
        for number, review_id in enumerate(scenario.wallet.reviews)
    ]
    assert len(rejections) == MANY
    decide_all(scenario.state, [*rejections], NOON_MS + 1)
    assert time.process_time() - began_s < SECONDS_MAX
    assert scenario.wallet.reviews == {}


ENDING: Final[list[tuple[str, Callable[[int], AnyUsage], int]]] = [
    ("waiting", correction, 91 * DAY_MS),
    ("chats", chat, 2 * 60 * 60_000),
]


@pytest.mark.parametrize(("name", "of_number", "later_ms"), ENDING)
def test_very_many_that_end_at_once_cost_time_in_proportion(
    name: str, of_number: Callable[[int], AnyUsage], later_ms: int
) -> None:
    """An upstream that names wrong ids in `corrects` must not hold its partition up later."""
    scenario = Scenario("top up 20.00")
    decide_all(scenario.state, list(map(of_number, range(MANY))), NOON_MS)
    assert len(getattr(scenario.wallet, name)) == MANY
    tick = ask.Tick(command_id="tick", tenant_id="", actor="service:ticker")
    began_s = time.process_time()
    scenario.state.forget_what_ended()
    decide_all(scenario.state, [tick], NOON_MS + later_ms)
    assert time.process_time() - began_s < SECONDS_MAX
    assert len(getattr(scenario.wallet, name)) == 0


EVERYTHING: Final = (
    "top up 20.00, grant 1.00, call success as u, call real ended 6:00 as r, call real of x as w,"
    " hold standard, chat 1000 0, adjust 2000.00 as big, budget 5.00, terms postpay 5.00"
)
MORE: Final = (
    "top up 20.00, grant 1.00, call success on club, call real ended 6:00, call real of y,"
    " call success as x, hold standard, void h1, chat 1000 0, adjust 2000.00, decline big,"
    " undo g1, review reject r, call spam of u, budget 6.00 on shop, open den, go back"
)


def what_is_kept(state: PartitionState) -> dict[str, object]:
    """All of a wallet, so that nothing is shared with it."""
    return deepcopy(
        {
            name: value
            for name, value in state.wallets[TENANT].facts().items()
            if name != "_created_on"
        }
    )


def test_a_copy_holds_all_that_a_wallet_holds() -> None:
    wallet = Scenario(EVERYTHING).state.wallets[TENANT]
    copy = wallet.copy()
    assert copy == wallet
    assert repr(copy) == repr(wallet)
    for name, value in wallet.facts().items():
        other = wallet.copy()
        setattr(other, name, object())
        assert other != wallet
        assert getattr(wallet, name) is value


def test_a_batch_that_is_not_merged_leaves_all_of_a_wallet_as_it_was() -> None:
    """Again and again: what one batch made its own is shared by the next."""
    aborted = Scenario(EVERYTHING)
    for sentence in MORE.split(", "):
        before = what_is_kept(aborted.state)
        told = Scenario(EVERYTHING)
        told.do(sentence)
        items = [msgspec.structs.replace(told.last, event_id_stem="aborted")]
        decision = decide(
            aborted.state, items, told.now_ms, told.now_ms, RULES, aborted.events.__getitem__
        )
        assert decision.events
        assert what_is_kept(aborted.state) == before, sentence
        aborted.do(sentence)
        assert what_is_kept(aborted.state) != before, sentence
