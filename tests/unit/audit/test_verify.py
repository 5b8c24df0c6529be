"""An honest log holds; whatever is done to it is found, and the event is named."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from random import Random

import msgspec
import pytest

from audit.report import Finding, Report
from audit.verify import Entry, verify
from cli import workload
from devstack import traffic
from ledger.commands import PauseIntake, ResumeIntake, Tick
from ledger.events import (
    ArrearsCollected,
    BatchCommitted,
    CallCharged,
    ChatCounted,
    Event,
    HoldPlaced,
    UsageWithdrawn,
)
from ledger.rates import PricedLine
from ledger.usage import CallUsage
from schemas.chain import batch_hash, beginning
from schemas.codec import asked, calls, wallet_events
from tests import usage
from tests.simulator import Simulator

START_MS = 1_767_268_800_000
PARTITIONS = 2
LIVE_TENANT = "northwind-agency"


@pytest.fixture(scope="module")
def honest() -> list[Entry]:
    return demo_log()


def demo_log() -> list[Entry]:
    """Wallets of every kind, batches of 100, and expired holds at the end."""
    simulator = Simulator(START_MS, PARTITIONS)
    for _, records in workload.read(sorted(traffic.DEMO.glob("*.jsonl")), START_MS):
        for record in records:
            simulator.publish(record.topic, record.key, record.value, record.headers or [])
        simulator.decide(batch=100)
        simulator.advance(1_000)
    simulator.advance(3_600_000)
    simulator.tick()
    return list(simulator.log())


@dataclass(frozen=True)
class Seen:
    """A value of the honest log, read."""

    place: int
    partition: int
    offset: int
    event: Event
    prev: bytes


def read(log: list[Entry]) -> list[Seen]:
    return [
        Seen(place, partition, offset, *wallet_events.decode(value))
        for place, (partition, offset, value) in enumerate(log)
    ]


def found_in(log: list[Entry]) -> tuple[Finding, ...]:
    report = verify(log, PARTITIONS)
    assert not report.holds
    return report.findings


def names(findings: tuple[Finding, ...], seen: Seen) -> bool:
    return any((one.partition, one.offset) == (seen.partition, seen.offset) for one in findings)


def with_value(log: list[Entry], place: int, value: bytes) -> list[Entry]:
    partition, offset, _ = log[place]
    return [*log[:place], (partition, offset, value), *log[place + 1 :]]


def in_the_middle(log: list[Entry], wanted: Callable[[Seen], bool]) -> Seen:
    chosen = [seen for seen in read(log) if wanted(seen)]
    return chosen[len(chosen) // 2]


def is_charge(seen: Seen) -> bool:
    return isinstance(seen.event, CallCharged) and seen.event.originator_id == LIVE_TENANT


def test_an_honest_log_holds(honest: list[Entry]) -> None:
    assert verify(honest, PARTITIONS).findings == ()


def test_arrears_may_be_collected_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.wallet.state.PORTIONS_PER_EVENT_MAX", 1)
    monkeypatch.setattr("ledger.decide.PORTIONS_PER_BATCH_MAX", 1)
    log = demo_log()
    events = [seen.event for seen in read(log)]
    assert any(
        isinstance(before, BatchCommitted) and isinstance(event, ArrearsCollected)
        for before, event in pairwise(events)
    )
    assert verify(log, PARTITIONS).findings == ()


def test_a_tick_may_go_on_with_corrections_that_waited() -> None:
    """What it brings are outcomes of usage, and none of an input: ticks are counted apart."""
    simulator = Simulator(START_MS, PARTITIONS)
    chain = [call("u"), *(call(f"c{number}") for number in range(1, 10))]
    corrections = [
        msgspec.structs.replace(later, corrects=earlier.event_id, withdrawn=number == 9)
        for number, (earlier, later) in enumerate(pairwise(chain), 1)
    ]
    for one in (*reversed(corrections), chain[0]):
        simulator.publish("usage.calls", one.tenant_id.encode(), calls.encode(one), [])
    for _ in range(4):
        simulator.decide(batch=100)
        simulator.advance(1_000)
        simulator.tick()
    log = list(simulator.log())
    events = [seen.event for seen in read(log)]
    [withdrawn] = [event for event in events if isinstance(event, UsageWithdrawn)]
    assert "wallet.commands" in withdrawn.event_id
    assert verify(log, PARTITIONS).findings == ()


def call(event_id: str) -> CallUsage:
    return usage.call(event_id, LIVE_TENANT, START_MS, project_id="shop")


def test_partitions_may_come_mixed(honest: list[Entry]) -> None:
    mixed = sorted(honest, key=lambda entry: (entry[1], entry[0]))
    assert verify(mixed, PARTITIONS) == verify(honest, PARTITIONS)


def test_an_empty_log_holds() -> None:
    assert verify([], PARTITIONS) == Report({}, (), 0)


def test_every_input_is_accounted_for(honest: list[Entry]) -> None:
    figures = verify(honest, PARTITIONS).partitions.values()
    lines = sum(1 for _ in traffic.generate(traffic.DEMO_OPTIONS))
    outcomes = sum(one.outcomes for one in figures)
    repeats = sum(one.repeats for one in figures)
    dead_letters = sum(one.dead_letters for one in figures)
    assert outcomes + repeats + dead_letters == lines
    assert (repeats, dead_letters) == (11, 5)
    assert sum(one.ticks for one in figures) == PARTITIONS
    assert all(one.gaps == 0 for one in figures)


def test_what_came_in_less_what_was_charged_is_what_is_there(honest: list[Entry]) -> None:
    for figures in verify(honest, PARTITIONS).partitions.values():
        assert figures.came_in_micros > 0
        assert (
            figures.came_in_micros - figures.charged_micros
            == figures.balance_micros - figures.arrears_micros
        )


def test_the_head_is_the_last_footer(honest: list[Entry]) -> None:
    figures = verify(honest, PARTITIONS).partitions[PARTITIONS - 1]
    assert figures.head_sha256 == sha256(honest[-1][2]).hexdigest()
    assert figures.head_sequence == figures.batches + 1


@pytest.mark.parametrize("seed", range(40))
def test_a_changed_byte_is_found_and_its_event_named(honest: list[Entry], seed: int) -> None:
    random = Random(seed)
    # What the last footer alone says is vouched for by heads that are kept elsewhere.
    footers = {partition: offset for partition, offset, _ in honest}
    place = random.randrange(len(honest))
    while footers[honest[place][0]] == honest[place][1]:
        place = random.randrange(len(honest))
    value = bytearray(honest[place][2])
    value[random.randrange(len(value))] ^= 1 << random.randrange(8)
    assert names(found_in(with_value(honest, place, bytes(value))), read(honest)[place])


@pytest.mark.parametrize("nth", [0, 1, -2, -1])
def test_a_changed_byte_in_a_wallets_outer_events_is_named(honest: list[Entry], nth: int) -> None:
    own = [seen for seen in read(honest) if seen.event.originator_id == "corner-shop"]
    seen = own[nth]
    value = bytearray(honest[seen.place][2])
    value[value.index(b"upstream")] ^= 1
    assert names(found_in(with_value(honest, seen.place, bytes(value))), seen)


def test_a_dropped_event_is_found_by_the_one_after_it(honest: list[Entry]) -> None:
    seen = in_the_middle(honest, is_charge)
    after = next(
        one
        for one in read(honest)[seen.place + 1 :]
        if one.event.originator_id == seen.event.originator_id
    )
    findings = found_in([*honest[: seen.place], *honest[seen.place + 1 :]])
    assert names(findings, after)
    assert any(
        one.check == "sequence" and one.expected.startswith(f"{seen.event.originator_version} of")
        for one in findings
    )


def test_a_wallet_dropped_whole_is_found_by_the_footers(honest: list[Entry]) -> None:
    kept = [
        entry
        for entry, seen in zip(honest, read(honest), strict=True)
        if seen.event.originator_id != "corner-shop"
    ]
    assert {one.check for one in found_in(kept)} == {"batch"}


def test_swapped_events_are_named(honest: list[Entry]) -> None:
    seen = in_the_middle(honest, is_charge)
    other = next(
        one
        for one in read(honest)[seen.place + 1 :]
        if one.event.originator_id == seen.event.originator_id
    )
    swapped = with_value(honest, seen.place, honest[other.place][2])
    findings = found_in(with_value(swapped, other.place, honest[seen.place][2]))
    assert names(findings, seen)
    assert names(findings, other)


def test_swapped_wallets_are_found_by_the_batch(honest: list[Entry]) -> None:
    """Each chain still holds: only the order between wallets is another."""
    seen = next(
        one
        for one, after in pairwise(read(honest))
        if is_charge(one) and after.event.originator_id not in ("", LIVE_TENANT)
    )
    swapped = with_value(honest, seen.place, honest[seen.place + 1][2])
    assert "batch" in {
        one.check for one in found_in(with_value(swapped, seen.place + 1, honest[seen.place][2]))
    }


def test_a_doubled_event_is_named(honest: list[Entry]) -> None:
    seen = in_the_middle(honest, is_charge)
    findings = found_in([*honest[: seen.place], honest[seen.place], *honest[seen.place :]])
    assert names(findings, seen)
    assert {"sequence", "input", "batch"} <= {one.check for one in findings}


@pytest.mark.parametrize("cut", [0, 1])
def test_a_tail_cut_inside_a_batch_is_found(honest: list[Entry], cut: int) -> None:
    own = [entry for entry, seen in zip(honest, read(honest), strict=True) if seen.partition == 0]
    # The last batch is the tick's: expired holds, and their footer.
    end = len(own) - 1 - cut
    assert [one.check for one in found_in(own[:end])] == ["tail"]


def test_a_whole_batch_cut_from_the_middle_is_found(honest: list[Entry]) -> None:
    footers = [
        seen.place
        for seen in read(honest)
        if isinstance(seen.event, BatchCommitted) and seen.partition == 0
    ]
    middle = len(footers) // 2
    cut = [*honest[: footers[middle] + 1], *honest[footers[middle + 1] + 1 :]]
    assert {"sequence"} <= {one.check for one in found_in(cut)}


def changed_footer(log: list[Entry], **fields: object) -> tuple[Seen, list[Entry]]:
    seen = in_the_middle(log, lambda one: isinstance(one.event, BatchCommitted))
    value = wallet_events.encode(msgspec.structs.replace(seen.event, **fields), seen.prev)
    return seen, with_value(log, seen.place, value)


@pytest.mark.parametrize("count", ["events", "repeats", "dead_letters", "ticks"])
def test_a_changed_count_is_found_and_the_footer_named(honest: list[Entry], count: str) -> None:
    seen, changed = changed_footer(honest, **{count: 99})
    findings = found_in(changed)
    assert names(findings, seen)
    assert {"batch", "position"} & {one.check for one in findings}


def test_a_position_that_goes_back_is_found(honest: list[Entry]) -> None:
    seen = in_the_middle(honest, lambda one: isinstance(one.event, BatchCommitted))
    assert isinstance(seen.event, BatchCommitted)
    back = tuple(
        msgspec.structs.replace(position, next_offset=0) for position in seen.event.positions
    )
    seen, changed = changed_footer(honest, positions=back)
    assert any(one.check == "position" and "not below" in one.expected for one in found_in(changed))


def test_another_topic_under_the_same_name_is_found(honest: list[Entry]) -> None:
    seen = in_the_middle(honest, lambda one: isinstance(one.event, BatchCommitted))
    assert isinstance(seen.event, BatchCommitted)
    other = tuple(
        msgspec.structs.replace(position, topic_id="another") for position in seen.event.positions
    )
    seen, changed = changed_footer(honest, positions=other)
    assert any(one.check == "position" and "simulated" in one.expected for one in found_in(changed))


def test_a_foreign_event_is_named(honest: list[Entry]) -> None:
    """Taken over from another partition, chain and all."""
    seen = next(one for one in read(honest) if one.partition == 1 and one.event.originator_id)
    partition, offset, _ = honest[5]
    foreign: Entry = (partition, offset, honest[seen.place][2])
    findings = found_in([*honest[:5], foreign, *honest[5:]])
    assert any(one.event_id == seen.event.event_id for one in findings)
    assert {"place", "input", "batch"} <= {one.check for one in findings}


def paused_log() -> list[Entry]:
    """A partition whose intake is paused, ticks meanwhile, and is resumed."""
    simulator = Simulator(START_MS, 1)
    for number, kind in enumerate((PauseIntake, Tick, ResumeIntake)):
        command = kind(
            command_id=f"command-{number}", tenant_id="", actor="operator:ann", reason="why"
        )
        simulator.publish("wallet.commands", None, asked.encode(command))
        simulator.decide()
        simulator.advance(1_000)
    return list(simulator.log())


def test_a_pause_and_its_end_hold_and_every_footer_between_tells_of_it() -> None:
    log = paused_log()
    report = verify(log, 1)
    assert report.holds
    assert report.partitions[0].outcomes == 2
    told = [one.event.intake_pause for one in read(log) if isinstance(one.event, BatchCommitted)]
    assert [pause is not None for pause in told] == [True, True, False]


@pytest.mark.parametrize("place", [0, 1])
def test_a_footer_that_hides_a_pause_is_named(place: int) -> None:
    log = paused_log()
    seen = [one for one in read(log) if isinstance(one.event, BatchCommitted)][place]
    forged = msgspec.structs.replace(seen.event, intake_pause=None)
    findings = verify(rewritten(log, seen.place, forged), 1).findings
    assert [(one.check, one.offset) for one in findings] == [("intake", seen.offset)]


# ── Whoever rewrites chain and footers too is found by what the events say ──


def rewritten(log: list[Entry], place: int, event: Event) -> list[Entry]:
    """The log with one event replaced, and every hash after it made to fit."""
    heads: dict[tuple[int, str], bytes] = {}
    hashes: dict[int, list[bytes]] = {}
    forged: list[Entry] = []
    for seen in read(log):
        kept = event if seen.place == place else seen.event
        batch = hashes.setdefault(seen.partition, [])
        if isinstance(kept, BatchCommitted):
            kept = msgspec.structs.replace(kept, batch_hash=batch_hash(batch))
            batch.clear()
        chain = seen.partition, kept.originator_id
        name = kept.originator_id or f"g1.wallet.events:{seen.partition}"
        value = wallet_events.encode(kept, heads.get(chain) or beginning(name))
        heads[chain] = sha256(value).digest()
        if not isinstance(kept, BatchCommitted):
            batch.append(heads[chain])
        forged.append((seen.partition, seen.offset, value))
    return forged


def test_rewriting_nothing_still_holds(honest: list[Entry]) -> None:
    assert rewritten(honest, 0, read(honest)[0].event) == honest


@pytest.mark.parametrize(
    "forgery",
    [
        {"lines": (PricedLine("calls.standard.success", 1, 1),)},
        {"draws": ()},
        {"credit_micros": 1},
        {"is_simulated": True},
        {"ends_hold": True},
        {"card_version": 2},
        {"recorded_at_ms": 0},
        {"event_id": "g1.usage.calls:0:1:0"},
        {"originator_id": "somebody"},
    ],
    ids=lambda forgery: next(iter(forgery)),
)
def test_a_forged_charge_is_named(honest: list[Entry], forgery: dict[str, object]) -> None:
    seen = in_the_middle(honest, is_charge)
    forged = msgspec.structs.replace(seen.event, **forgery)
    assert names(found_in(rewritten(honest, seen.place, forged)), seen)


@pytest.mark.parametrize("price_micros", [0, 1])
def test_a_forged_price_of_an_hour_is_named(honest: list[Entry], price_micros: int) -> None:
    seen = in_the_middle(honest, lambda one: isinstance(one.event, ChatCounted))
    forged = msgspec.structs.replace(seen.event, price_micros=price_micros)
    assert names(found_in(rewritten(honest, seen.place, forged)), seen)


def test_a_hold_beyond_what_is_available_is_named(honest: list[Entry]) -> None:
    seen = in_the_middle(
        honest, lambda one: isinstance(one.event, HoldPlaced) and one.event.amount_micros > 0
    )
    forged = msgspec.structs.replace(seen.event, amount_micros=10**12)
    assert names(found_in(rewritten(honest, seen.place, forged)), seen)
