"""A batch takes what fits: outputs stay within the limit, and what is left waits in order."""

import time
from typing import Final

import pytest

from ledger import commands as ask
from ledger.batch import OUTPUTS_PER_INPUT_MAX, Decision, Input, Rules, Unreadable
from ledger.decide import PORTIONS_PER_BATCH_MAX, decide
from ledger.events import ArrearsCollected, CardAdopted, CreditGranted, Event, HoldExpired
from ledger.partition import Overlay, PartitionState
from ledger.refusals import Refusal
from ledger.usage import CallUsage
from tests.unit.ledger.scenario import NOON_MS, TENANT, Scenario

NARROW: Final = Rules(outputs_max=46)
EVIL: Final = Unreadable("malformed", "cut short")


def inputs(*values: CallUsage | ask.Command | Unreadable, at_ms: int = NOON_MS) -> list[Input]:
    return [
        Input(f"more-{at_ms}-{index}", at_ms, index.to_bytes(16, "big"), value)
        for index, value in enumerate(values)
    ]


def grant(number: int, amount_micros: int = 1) -> ask.Command:
    return ask.GrantCredit(
        command_id=f"grant-{number}",
        tenant_id=TENANT,
        actor="operator:a",
        reason="because",
        amount_micros=amount_micros,
    )


TICK: Final = ask.Tick(command_id="tick", tenant_id="", actor="service:ticker")


def outputs(decision: Decision) -> int:
    return len(decision.events) + len(decision.replies) + len(decision.dead_letters)


def test_a_batch_takes_as_many_inputs_as_surely_fit() -> None:
    state = Scenario("").state
    batch = inputs(*map(grant, range(50)))
    decision = decide(state, batch, NOON_MS, NOON_MS, NARROW)
    assert outputs(decision) <= NARROW.outputs_max
    assert outputs(decision) + 2 > NARROW.outputs_max - OUTPUTS_PER_INPUT_MAX
    assert decision.consumed == len(decision.replies)


def test_answers_and_dead_letters_count_as_outputs_of_a_tick_too() -> None:
    """A batch of repeats leaves less room for what a tick finds due."""
    scenario = Scenario("top up 500.00, grant 0.01 as grant-1")
    scenario.do(*["hold standard"] * 40)
    repeats = [scenario.last.value] * 10
    assert isinstance(scenario.last.value, ask.PlaceHold)
    late_ms = NOON_MS + 60 * 60_000
    known = [Input("again", late_ms, scenario.last.content_hash, value) for value in repeats]
    batch = [*known, *inputs(EVIL, EVIL, TICK, at_ms=late_ms)]
    decision = decide(scenario.state, batch, NOON_MS, late_ms, NARROW)
    assert decision.repeats == 10
    assert any(isinstance(event, HoldExpired) for event in decision.events)
    assert outputs(decision) <= NARROW.outputs_max


def test_a_tick_goes_on_in_the_next_batch_before_anything_else() -> None:
    scenario = Scenario("top up 500.00")
    scenario.do(*["hold standard"] * 40)
    late_ms = NOON_MS + 60 * 60_000
    state, batch = scenario.state, inputs(TICK, grant(1), at_ms=late_ms)
    expired: list[str] = []
    batches = 0
    while batch or state.is_amid:
        decision = decide(state, batch, state.now_ms, late_ms, NARROW)
        decision.overlay.merge()
        del batch[: decision.consumed]
        expired += [e.hold_id for e in decision.events if isinstance(e, HoldExpired)]
        if decision.replies:
            assert state.draining is None
        batches += 1
    assert sorted(expired) == sorted(f"h{number}" for number in range(1, 41))
    assert batches == 2
    assert state.wallets[TENANT].held_micros == 0
    assert state.due == []


def test_events_of_one_tick_have_ids_of_their_own_across_batches() -> None:
    scenario = Scenario("top up 500.00")
    scenario.do(*["hold standard"] * 40)
    late_ms = NOON_MS + 60 * 60_000
    state, batch = scenario.state, inputs(TICK, at_ms=late_ms)
    ids: list[str] = []
    while batch or state.is_amid:
        decision = decide(state, batch, state.now_ms, late_ms, NARROW)
        decision.overlay.merge()
        del batch[: decision.consumed]
        ids += [event.event_id for event in decision.events]
    assert ids == [f"more-{late_ms}-0:{index}" for index in range(40)]


def test_nothing_changes_until_the_batch_is_merged() -> None:
    scenario = Scenario("top up 20.00, hold standard")
    figures = "funds 20.00, held 0.90, available 19.10"
    late_ms = NOON_MS + 60 * 60_000
    batch = inputs(grant(1), TICK, EVIL, at_ms=late_ms)
    decision = decide(scenario.state, batch, NOON_MS, late_ms, NARROW)
    assert scenario.shows(figures) == figures
    assert scenario.state.now_ms == NOON_MS
    decision.overlay.merge()
    assert scenario.shows("funds 20.000001, held 0.00") == "funds 20.000001, held 0.00"
    assert scenario.state.now_ms == late_ms


def test_the_first_input_ever_adopts_the_shipped_card_once() -> None:
    state = PartitionState("log-0")
    decision = decide(state, inputs(EVIL, EVIL), 0, 0, NARROW)
    (adopted,) = decision.events
    assert isinstance(adopted, CardAdopted)
    assert (adopted.event_id, adopted.originator_version) == ("log-0:1", 1)
    decision.overlay.merge()
    assert decide(state, inputs(EVIL), 0, 0, NARROW).events == []


def test_a_command_outside_its_contract_is_set_aside_and_answered() -> None:
    decision = decide(Scenario("").state, inputs(grant(1, -1)), NOON_MS, NOON_MS, NARROW)
    ((index, reply),) = decision.replies
    (letter,) = decision.dead_letters
    assert (index, reply.refusal, reply.event_id) == (0, Refusal.invalid, "")
    assert (letter.index, letter.code) == (0, "invalid")
    assert decision.events == []


def test_a_tick_outside_its_contract_is_set_aside_and_moves_nothing() -> None:
    scenario = Scenario("top up 20.00, hold standard")
    late_ms = NOON_MS + 60 * 60_000
    evil = ask.Tick(command_id="tick", tenant_id="", actor="a\x00b")
    decision = decide(scenario.state, inputs(evil, at_ms=late_ms), NOON_MS, late_ms, NARROW)
    assert [letter.code for letter in decision.dead_letters] == ["invalid"]
    assert (decision.ticks, decision.events) == (0, [])


@pytest.mark.parametrize("count", [30_000])
def test_collecting_from_many_charges_costs_time_in_proportion(count: int) -> None:
    """A wallet that owes for a month of calls must not hold its partition up when it pays."""
    scenario = Scenario("")
    wallet = scenario.state.wallets[TENANT]
    for number in range(count):
        wallet.owe(f"call-{number}", 1, since=number)
    paid = ask.GrantCredit(
        command_id="paid",
        tenant_id=TENANT,
        actor="operator:a",
        reason="because",
        amount_micros=count,
    )
    began = time.perf_counter()
    decision = decide(scenario.state, inputs(paid), NOON_MS, NOON_MS, Rules())
    assert time.perf_counter() - began < 1
    collected = [event for event in decision.events if isinstance(event, ArrearsCollected)]
    assert sum(len(event.portions) for event in collected) == count


def decided(state: PartitionState, batch: list[Input], late_ms: int) -> list[list[Event]]:
    """The events of each batch until nothing is left."""
    batches: list[list[Event]] = []
    while batch or state.is_amid:
        decision = decide(state, batch, state.now_ms, late_ms, Rules())
        decision.overlay.merge()
        del batch[: decision.consumed]
        batches.append(decision.events)
    return batches


def test_a_payment_that_settles_very_many_charges_is_spread_over_batches() -> None:
    scenario = Scenario("")
    wallet = scenario.state.wallets[TENANT]
    count = 2 * PORTIONS_PER_BATCH_MAX + 1
    for number in range(count):
        wallet.owe(f"call-{number}", 1, since=number)
    batches = decided(scenario.state, inputs(grant(1, count), grant(2)), NOON_MS)
    portions = [
        [len(event.portions) for event in batch if isinstance(event, ArrearsCollected)]
        for batch in batches
    ]
    assert list(map(sum, portions)) == [PORTIONS_PER_BATCH_MAX, PORTIONS_PER_BATCH_MAX, 1]
    collected = [e for batch in batches for e in batch if isinstance(e, ArrearsCollected)]
    assert [e.event_id for e in collected] == [
        f"more-{NOON_MS}-0:{index}" for index in range(1, len(collected) + 1)
    ]
    # Whoever comes next finds nothing owed.
    assert [type(event) for event in batches[-1]] == [ArrearsCollected, CreditGranted]
    assert scenario.shows("arrears 0.00, funds 0.000001") == "arrears 0.00, funds 0.000001"


@pytest.fixture
def _few_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two portions in an event, four in a batch."""
    monkeypatch.setattr("ledger.wallet.state.PORTIONS_PER_EVENT_MAX", 2)
    monkeypatch.setattr("ledger.decide.PORTIONS_PER_BATCH_MAX", 4)


@pytest.mark.usefixtures("_few_portions")
def test_collecting_goes_on_after_a_restart_as_it_would_have() -> None:
    scenario = Scenario("")
    scenario.do(*["call spam"] * 15)
    decision = decide(scenario.state, inputs(grant(1, 10**9)), NOON_MS, NOON_MS, Rules())
    restarted = PartitionState("log-0")
    overlay = Overlay(restarted)
    for event in (*scenario.events, *decision.events):
        overlay.replay(event, Rules().deduplication_window_ms)
    overlay.merge()
    decision.overlay.merge()
    assert scenario.state.is_amid
    assert restarted.is_amid
    assert decided(restarted, [], NOON_MS) == decided(scenario.state, [], NOON_MS)
    assert restarted.wallets[TENANT].arrears == {}


@pytest.mark.usefixtures("_few_portions")
def test_a_tick_whose_expiries_free_what_is_owed_goes_on_with_ids_of_its_own() -> None:
    scenario = Scenario("grant 2.70, hold standard, hold standard, hold standard")
    scenario.do(*["call spam"] * 27)
    late_ms = NOON_MS + 60 * 60_000
    batches = decided(scenario.state, inputs(TICK, at_ms=late_ms), late_ms)
    assert len(batches) > 3
    events = [event for batch in batches for event in batch]
    assert [event.event_id for event in events] == [
        f"more-{late_ms}-0:{index}" for index in range(len(events))
    ]
    assert sum(isinstance(event, HoldExpired) for event in events) == 3
    assert scenario.shows("arrears 0.00, held 0.00, funds 0.00") == (
        "arrears 0.00, held 0.00, funds 0.00"
    )
