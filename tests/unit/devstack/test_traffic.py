"""The demo's files: the same for the same seed, readable by the codec, and full of cases."""

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from audit.verify import verify
from cli import workload
from devstack import traffic
from devstack.traffic import lines as traffic_lines
from devstack.traffic.cast import Tenant, crowd
from devstack.traffic.lines import Chance
from devstack.traffic.usage import usage_of
from eventlog.producer import Publication
from ledger.commands import PlaceHold, SettleTopUp
from ledger.events import (
    ArrearsCollected,
    CallCharged,
    Event,
    HoldPlaced,
    HoldRefused,
    HoldVoided,
    InputHeldForReview,
    InputRefused,
    ProjectModeChanged,
    ProjectOpened,
    ReviewReason,
)
from ledger.refusals import Refusal
from ledger.usage import CallOutcome, Tier
from ledger.wallet import Wallet
from schemas import codec
from tests import oracle
from tests.simulator import LEDGER_DLQ, WALLET_EVENTS, Simulator

START_MS = 1_767_268_800_000
CROWD: Final = traffic.Options(seed=7, events=10_000, days=3, tenants=50)
EXPECTED: Final = (
    *("calls", "crawls", "chats", "repeated", "contradicted", "late", "too old", "ahead"),
    *("corrected", "withdrawn", "corrected before", "corrected again", "poison"),
    *("OpenProject", "GoLive", "SetTerms", "SettleTopUp", "GrantCredit", "AdjustBalance"),
    *("SetBudget", "SetLowBalanceLine", "PlaceHold", "VoidHold"),
)
CODECS: Final[dict[str, Any]] = {
    "usage.calls": codec.calls,
    "usage.crawls": codec.crawls,
    "usage.chat": codec.chat,
    "wallet.commands": codec.asked,
}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def phases(start_ms: int = START_MS) -> workload.Phases:
    return workload.read(sorted(traffic.DEMO.glob("*.jsonl")), start_ms)


def records(start_ms: int = START_MS) -> list[Publication]:
    return [record for _, of_phase in phases(start_ms) for record in of_phase]


@pytest.fixture(scope="module")
def played() -> Simulator:
    """The demo, decided phase by phase."""
    simulator = Simulator(START_MS)
    for _, of_phase in phases():
        for record in of_phase:
            simulator.publish(record.topic, record.key, record.value, record.headers or [])
        simulator.decide()
    return simulator


def events(played: Simulator) -> list[Event]:
    return [
        codec.wallet_events.decode(message.value() or b"")[0]
        for message in played.topic(WALLET_EVENTS)
    ]


def wallets(played: Simulator) -> dict[str, Wallet]:
    return {
        tenant_id: wallet
        for number in range(played.partitions)
        for tenant_id, wallet in played.state(number).wallets.items()
    }


def only(kind: type, found: Iterable[object]) -> list[object]:
    return [one for one in found if isinstance(one, kind)]


def test_the_shipped_files_are_what_the_shipped_options_make(tmp_path: Path) -> None:
    traffic.write(tmp_path, traffic.DEMO_OPTIONS)
    assert files(tmp_path) == files(traffic.DEMO)


def test_another_seed_makes_other_files(tmp_path: Path) -> None:
    made = traffic.write(tmp_path, msgspec.structs.replace(traffic.DEMO_OPTIONS, seed=21))
    shipped = files(traffic.DEMO)
    assert all(files(tmp_path)[name] != shipped[name] for name in made.sha256)


def test_a_crowd_has_enough_of_everything(tmp_path: Path) -> None:
    made = traffic.write(tmp_path, CROWD)
    few = {kind for kind in EXPECTED if made.counts.get(kind, 0) < 5}
    assert few == set()
    assert sum(made.by_hour) > 10_000
    assert made.sha256 == {
        name: sha256(content).hexdigest()
        for name, content in files(tmp_path).items()
        if name != traffic.MANIFEST
    }


def test_the_first_tenant_has_ten_times_what_the_tenth_has() -> None:
    tenants = crowd(Chance(1), 40, 10_000)
    assert tenants[0].weight == 10 * tenants[9].weight
    assert {bool(tenant.live) for tenant in tenants} == {True, False}
    assert {bool(tenant.credit_limit_usd) for tenant in tenants} == {True, False}


def test_more_is_used_by_day_than_by_night() -> None:
    used = usage_of(Chance(1), Tenant("t", 1, live=("p",)), 5_000, 7)
    hours = Counter(one.ended_ms % traffic_lines.DAY_MS // traffic_lines.HOUR_MS for one in used)
    assert min(hours[hour] for hour in range(9, 18)) > 5 * max(hours[hour] for hour in range(5))


def test_a_crowds_files_can_be_published_and_are_charged_as_the_oracle_says(
    tmp_path: Path,
) -> None:
    traffic.write(tmp_path, CROWD)
    simulator = Simulator(START_MS)
    for _, of_phase in workload.read(sorted(tmp_path.glob("*.jsonl")), START_MS):
        for record in of_phase:
            simulator.publish(record.topic, record.key, record.value, record.headers or [])
        simulator.decide()
        simulator.advance(1_000)
    simulator.advance(2 * traffic_lines.HOUR_MS)
    simulator.tick()
    topics = (*traffic.TOPICS, WALLET_EVENTS)
    records = [oracle.recorded(one, topic) for topic in topics for one in simulator.topic(topic)]
    log = oracle.folded(one for one in records if one.topic == WALLET_EVENTS)
    assert oracle.differing(log.tenants, oracle.expected(records, 4)) == {}
    assert any(wallet.chat_micros for wallet in log.wallets.values())
    assert all(not wallet.hours for wallet in log.wallets.values())
    assert verify(simulator.log(), 4).findings == ()


def test_the_same_start_makes_the_same_bytes() -> None:
    assert records() == records()


def test_every_readable_value_is_one_the_codec_would_have_written() -> None:
    poison = 0
    for record in records():
        topic = CODECS[record.topic]
        try:
            value = topic.decode(record.value)
        except codec.UnreadableInput:
            poison += 1
            continue
        assert topic.encode(value) == record.value
    assert poison == 3


def test_every_time_moves_with_the_start() -> None:
    decoded = [
        [
            codec.calls.decode(record.value).ended_at
            for record in records(start_ms)
            if record.topic == "usage.calls" and b"-1" in record.value
        ]
        for start_ms in (START_MS, START_MS + 1)
    ]
    assert decoded[0]
    assert [one + 1 for one in decoded[0]] == decoded[1]


def test_a_header_that_holds_a_time_moves_too() -> None:
    headers = [dict(record.headers) for record in records() if record.headers]
    assert {b"%d" % (START_MS - traffic_lines.HOUR_MS)} <= {one["asked_at"] for one in headers}


def test_what_is_charged_ended_before_the_start(played: Simulator) -> None:
    charges = [event for event in events(played) if isinstance(event, CallCharged)]
    assert charges
    assert max(charge.usage.ended_at for charge in charges) < START_MS


def test_every_outcome_and_tier_is_charged(played: Simulator) -> None:
    charges = [event for event in events(played) if isinstance(event, CallCharged)]
    assert {(charge.usage.tier, charge.outcome) for charge in charges} == {
        (tier, outcome) for tier in Tier for outcome in CallOutcome
    }
    assert {len(charge.lines) for charge in charges} == {1, 2}
    assert {charge.is_simulated for charge in charges} == {True, False}


def test_holds_end_in_every_way(played: Simulator) -> None:
    found = events(played)
    refusals = {event.refusal for event in found if isinstance(event, HoldRefused)}
    assert refusals == {Refusal.insufficient_funds, Refusal.arrears, Refusal.too_late}
    assert only(HoldVoided, found)
    assert any(isinstance(event, CallCharged) and event.ends_hold for event in found)
    assert sum(len(wallet.holds) for wallet in wallets(played).values()) == 4
    assert len(only(HoldPlaced, found)) > len(only(HoldVoided, found))


def test_some_run_out_and_a_later_top_up_collects(played: Simulator) -> None:
    assert only(ArrearsCollected, events(played))
    owing = {tenant for tenant, wallet in wallets(played).items() if wallet.arrears_micros}
    assert owing == {"last-light-bar", "tiny-studio"}


def test_credit_is_used_within_its_limit(played: Simulator) -> None:
    wallet = wallets(played)["meridian-hotels"]
    assert 0 < wallet.credit_used_micros < wallet.credit_limit_micros


def test_repeats_conflicts_and_commands_that_may_not_be_are_refused(played: Simulator) -> None:
    found = events(played)
    refusals = [event.refusal for event in found if isinstance(event, InputRefused)]
    assert refusals.count(Refusal.conflict) == 4
    assert {Refusal.below_minimum, Refusal.hold_ended, Refusal.unknown} <= set(refusals)
    commands = [
        codec.asked.decode(record.value) for record in records() if record.topic == traffic.COMMANDS
    ]
    settled = [one for one in commands if isinstance(one, SettleTopUp)]
    assert len(settled) > len({one.command_id for one in settled})
    assert only(PlaceHold, commands)


def test_usage_in_doubt_waits_for_review(played: Simulator) -> None:
    reasons = [event.reason for event in events(played) if isinstance(event, InputHeldForReview)]
    assert set(reasons) == {ReviewReason.IN_THE_FUTURE, ReviewReason.TOO_OLD}


def test_projects_open_in_passing_and_go_live(played: Simulator) -> None:
    found = events(played)
    opened = [event for event in found if isinstance(event, ProjectOpened)]
    assert {event.project_id for event in opened if event.seen_in_passing} == {"phone"}
    assert only(ProjectModeChanged, found)


def test_poison_is_set_aside_for_each_reason(played: Simulator) -> None:
    letters = [codec.dead_letters.decode(one.value() or b"") for one in played.topic(LEDGER_DLQ)]
    assert sorted(letter.code for letter in letters) == [
        "invalid",
        "malformed",
        "malformed",
        "unknown_schema",
        "wrong_key",
    ]
