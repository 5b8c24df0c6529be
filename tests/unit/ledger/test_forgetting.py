"""What is past the window is forgotten, day by day: by a restart as by whoever wrote the log."""

from itertools import repeat
from typing import Final

import pytest

from ledger.batch import Rules
from ledger.decide import decide
from ledger.events import HoldExpired
from ledger.partition import DAY_MS, Overlay, PartitionState
from ledger.usage import Tier
from schemas.codec import wallet_events
from tests.unit.ledger.traffic import Traffic
from tests.unit.ledger.world import LOG, Partition, facts, in_batches, replayed

RULES: Final = Rules()
WINDOW_MS: Final = RULES.deduplication_window_ms
DAYS: Final = 200


def call(traffic: Traffic) -> None:
    traffic.call(
        "ann",
        "shop",
        hold=None,
        tier=Tier.STANDARD,
        goal_reached=True,
        flagged_spam=False,
        duration_ms=60_000,
        cap_ms=300_000,
        user_turns=3,
        ended_ago_ms=0,
        corrects=None,
    )


def decided(traffic: Traffic) -> Partition:
    partition = Partition(RULES)
    for batch in in_batches(traffic.arrived, repeat(1)):
        partition.take(batch)
    return partition


@pytest.fixture
def days() -> Partition:
    """A call, a hold and a chat each day, for longer than the window twice over."""
    traffic = Traffic()
    traffic.open_project("ann", "shop", DAYS * DAY_MS)
    for day in range(DAYS):
        traffic.wait(DAY_MS)
        call(traffic)
        traffic.chat("ann", "shop", tokens=(1_000_000, 0), ago_ms=0)
        traffic.hold("ann", "shop", day, Tier.STANDARD, 300_000, asked_ago_ms=0)
        traffic.tick(0)
    return decided(traffic)


@pytest.mark.rule("6.window")
def test_a_restart_knows_what_was_known_before_and_no_more(days: Partition) -> None:
    restarted = replayed(days.log, WINDOW_MS)
    assert facts(restarted) == facts(days.state)
    assert restarted.forgotten_before_ms == days.state.forgotten_before_ms > 0


def test_a_replay_forgets_on_the_way(days: Partition) -> None:
    """Else a restore would need memory for every id there ever was."""
    state = PartitionState(LOG)
    overlay = Overlay(state)
    remembered: list[int] = []
    for value in days.log:
        overlay.replay(wallet_events.decode(value)[0], WINDOW_MS)
        if overlay.place % 20 == 0:
            overlay.merge()
            overlay = Overlay(state)
            remembered.append(ids_in(state))
    assert max(remembered) < ids_in(days.state) * 1.1
    assert len(remembered) > DAYS / 10


def ids_in(state: PartitionState) -> int:
    """How many ids are remembered for the window."""
    usage = sum(map(len, vars(state.usage)["_traces"].values()))
    holds = sum(known.is_of_hold for known in state.commands.values())
    return usage + holds + len(state.holds_named_by_usage) + len(state.chat_charges)


@pytest.mark.rule("6.window")
def test_a_hold_whose_id_is_used_anew_after_the_window_is_answered_alike_after_a_restart() -> None:
    traffic = Traffic()
    traffic.open_project("ann", "shop", DAY_MS)
    traffic.top_up("ann", 1, 20_000_000)
    traffic.hold("ann", "shop", 1, Tier.STANDARD, 300_000, asked_ago_ms=0)
    traffic.wait(WINDOW_MS + 3 * DAY_MS)
    traffic.tick(0)
    traffic.hold("ann", "shop", 1, Tier.PREMIUM, 300_000, asked_ago_ms=0)
    partition = decided(traffic)
    again = traffic.arrived[-1].item
    for state in (partition.state, replayed(partition.log, WINDOW_MS)):
        decision = decide(state, [again], state.now_ms, state.now_ms, RULES)
        assert decision.repeats == 1
        assert [reply.amount_micros for _, reply in decision.replies] == [1_500_000]


@pytest.mark.rule("6.window")
def test_a_hold_whose_id_is_used_anew_does_not_end_with_the_first_after_a_restart() -> None:
    traffic = Traffic()
    traffic.open_project("ann", "shop", DAY_MS)
    traffic.top_up("ann", 1, 20_000_000)
    traffic.hold("ann", "shop", 1, Tier.STANDARD, 300_000, asked_ago_ms=0)
    traffic.wait(DAY_MS)
    traffic.tick(0)
    traffic.wait(WINDOW_MS + 2 * DAY_MS)
    traffic.hold("ann", "shop", 1, Tier.PREMIUM, 300_000, asked_ago_ms=0)
    partition = decided(traffic)
    assert [type(event) for event in partition.events].count(HoldExpired) == 1
    traffic.tick(0)
    for state in (partition.state, replayed(partition.log, WINDOW_MS)):
        state.forget_what_ended()
        tick = traffic.arrived[-1]
        decision = decide(state, [tick.item], state.now_ms, tick.usage_read_to_ms, RULES)
        assert (decision.ticks, decision.events) == (1, [])
