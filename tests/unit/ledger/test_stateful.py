"""Whatever is sent, in whatever order and batches, the wallets keep their invariants."""

from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from itertools import repeat
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.batch import Rules, Unreadable
from ledger.commands import AskToSpend, PlaceHold, Tick, VoidHold
from ledger.events import (
    ApprovalAsked,
    ArrearsWrittenOff,
    BalanceAdjusted,
    BudgetLinePassed,
    CallCharged,
    Charge,
    ChargeReversed,
    ChatCharged,
    CorrectionWaits,
    CrawlCharged,
    Event,
    HoldPlaced,
    HoldRefused,
    InputHeldForReview,
    InputRefused,
    OperationUndone,
    ReviewDecided,
    ReviewReason,
    SpendRefused,
    UsageEvent,
    WalletClosed,
    WalletEvent,
)
from ledger.partition import DAY_MS
from ledger.refusals import Refusal
from ledger.usage import Usage
from tests.unit.ledger.oracle import Oracle
from tests.unit.ledger.sender import APPROVAL_MICROS, HOUR_MS, KINDS, Sender
from tests.unit.ledger.traffic import PROJECTS, START_MS, TENANTS, Traffic
from tests.unit.ledger.world import Arrived, Partition, facts, in_batches, replayed, stem_of

ROOMY: Final = Rules(approval_above_micros=APPROVAL_MICROS)
NARROW: Final = Rules(approval_above_micros=APPROVAL_MICROS, outputs_max=30)
"""So narrow that ticks stop in the middle."""

BY_AGE: Final = (ReviewReason.TOO_OLD, ReviewReason.IN_THE_FUTURE)
FEW_LOTS: Final = 6
"""Instead of a thousand, so that random wallets come to have too many."""


def check_whole(traffic: Traffic, partition: Partition) -> None:
    """What can only be asked of a whole history."""
    check_net(traffic, partition)
    check_replay(partition)
    check_other_batches(traffic, partition)
    check_sent_again(traffic, partition)


def check_net(traffic: Traffic, partition: Partition) -> None:
    """The balance less arrears is what a plain sum makes it."""
    accepted = {
        (reply.tenant_id, reply.command_id)
        for _, reply in partition.replies
        if reply.refusal is None
    }
    oracle = Oracle(accepted, APPROVAL_MICROS).read(traffic.arrived)
    for tenant_id, wallet in partition.state.wallets.items():
        told_micros = told_by_log_micros(partition.events_of(tenant_id))
        assert wallet.net_micros == oracle.net_micros(tenant_id) + told_micros, tenant_id


def told_by_log_micros(events: Sequence[WalletEvent]) -> int:
    """What a plain sum cannot know: written off of charges that still stand, and swept away."""
    reversed_ = {e.charge_event_id for e in events if isinstance(e, ChargeReversed)}
    told_micros, closing = 0, ""
    for event in events:
        match event:
            case ArrearsWrittenOff() | OperationUndone():
                sign = 1 if isinstance(event, ArrearsWrittenOff) else -1
                told_micros += sign * sum(
                    portion.amount_micros
                    for portion in event.portions
                    if portion.charge_event_id not in reversed_
                )
            case WalletClosed():
                closing = event.input_id
            case BalanceAdjusted() if event.input_id == closing:
                told_micros += event.amount_micros
            case _:
                pass
    return told_micros


def check_replay(partition: Partition) -> None:
    """The log, read back from its bytes, folds to the state that wrote it."""
    window_ms = partition.rules.deduplication_window_ms
    assert facts(replayed(partition.log, window_ms)) == facts(partition.state)


def check_other_batches(traffic: Traffic, partition: Partition) -> None:
    """Invariant 9: the same wallet event bytes, however the inputs are cut."""
    for sizes, rules in ((repeat(1), ROOMY), (_sizes(Random(7)), NARROW)):
        other = Partition(rules)
        for batch in in_batches(traffic.arrived, sizes):
            other.take(batch)
        assert other.wallet_values == partition.wallet_values


def check_sent_again(traffic: Traffic, partition: Partition) -> None:
    """Invariant 3: applying the inputs again moves nothing; only conflicts are refused again."""
    before, recorded = what_counts(partition), len(partition.events)
    again = list(remembered(traffic, partition.state.forgotten_before_ms))
    for batch in in_batches(again, repeat(50)):
        partition.take(batch)
    news = [event for event in partition.events[recorded:] if isinstance(event, WalletEvent)]
    assert all(getattr(event, "refusal", None) is Refusal.conflict for event in news)
    assert what_counts(partition) == before


def remembered(traffic: Traffic, since_ms: int) -> Iterator[Arrived]:
    """Inputs whose id came first at that time or later, and commands that are known for ever."""
    came_at_ms: dict[object, int] = {}
    for one in traffic.arrived:
        value = one.item.value
        if isinstance(value, Tick | Unreadable):
            continue
        if isinstance(value, Usage):
            name: object = (value.tenant_id, type(value), value.event_id)
        else:
            name = (value.tenant_id, value.command_id)
        came_first_ms = came_at_ms.setdefault(name, one.item.appended_at_ms)
        is_for_the_window = isinstance(value, Usage | PlaceHold | VoidHold | AskToSpend)
        if not is_for_the_window or came_first_ms >= since_ms:
            yield one


def what_counts(partition: Partition) -> object:
    """Ids, answers and money: all of the state but how often a conflict was refused, and time."""
    state = partition.state
    wallets = {
        tenant_id: (wallet.unspent, wallet.holds, wallet.arrears, wallet.credit_used_micros)
        for tenant_id, wallet in state.wallets.items()
    }
    usage_ids = deepcopy(vars(state.usage))
    ids = (usage_ids, state.commands.copy(), state.holds_named_by_usage.copy())
    return wallets, ids


def _sizes(random: Random) -> Iterator[int]:
    while True:
        yield random.randint(1, 9)


class Wallets(RuleBasedStateMachine):
    """Traffic that is sent one by one and decided whenever a batch is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.traffic = Traffic()
        self.partition = Partition(NARROW)
        self.sender = Sender(Random(), self.traffic)
        self.decided = 0
        for tenant_id in TENANTS:
            self.traffic.open_project(tenant_id, PROJECTS[0], DAY_MS)

    @rule(kind=st.sampled_from(KINDS), random=st.randoms())
    def send(self, kind: str, random: Random) -> None:
        self.sender.random = random
        self.sender.send(kind)

    @rule()
    def cut(self) -> None:
        """Decide everything sent so far."""
        for batch in in_batches(self.traffic.arrived[self.decided :], repeat(10_000)):
            self.partition.take(batch)
        self.decided = len(self.traffic.arrived)

    @invariant()
    def all_invariants_hold(self) -> None:
        self.partition.check()

    def teardown(self) -> None:
        self.cut()
        self.partition.check()
        check_whole(self.traffic, self.partition)


TestWallets = Wallets.TestCase
TestWallets.settings = settings(
    max_examples=300,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


# ── The same traffic, seeded and long: so much that every kind is known to occur ──


@pytest.fixture(scope="module", autouse=True)
def _few_lots() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.wallet.operating.UNSPENT_LOTS_MAX", FEW_LOTS)
        yield


@pytest.fixture(scope="module")
def history() -> tuple[Traffic, Partition]:
    """Twelve thousand inputs, decided in batches of every size."""
    return decided(12_000, is_long=True)


@pytest.fixture(scope="module")
def year() -> tuple[Traffic, Partition]:
    """So many that the window passes several times; checked now and then."""
    return decided(16_000, is_long=False)


def decided(inputs: int, *, is_long: bool) -> tuple[Traffic, Partition]:
    random = Random(7)
    traffic, partition = Traffic(), Partition(NARROW)
    for tenant_id in TENANTS:
        traffic.open_project(tenant_id, PROJECTS[0], DAY_MS)
    sender = Sender(random, traffic, is_long=is_long)
    while len(traffic.arrived) < inputs:
        sender.send()
    for number, batch in enumerate(in_batches(traffic.arrived, _sizes(random))):
        partition.take(batch)
        if is_long or number % 10 == 0:
            partition.check()
    return traffic, partition


def test_a_long_history_keeps_every_invariant(history: tuple[Traffic, Partition]) -> None:
    traffic, partition = history
    again = Partition(ROOMY)
    for batch in in_batches(traffic.arrived, repeat(100)):
        again.take(batch)
    assert again.wallet_values == partition.wallet_values
    check_whole(traffic, again)


def test_a_long_history_has_enough_of_everything(history: tuple[Traffic, Partition]) -> None:
    counted = count(history[1])
    assert [kind for kind in EXPECTED if counted[kind] < ENOUGH] == []


def test_a_year_keeps_every_invariant(year: tuple[Traffic, Partition]) -> None:
    traffic, partition = year
    assert traffic.now_ms > START_MS + 365 * DAY_MS
    again = Partition(ROOMY)
    for batch in in_batches(traffic.arrived, repeat(100)):
        again.take(batch)
    assert again.wallet_values == partition.wallet_values
    check_whole(traffic, again)


def test_a_year_has_enough_of_what_takes_so_long(year: tuple[Traffic, Partition]) -> None:
    counted = count(year[1])
    assert [kind for kind in EXPECTED_OF_A_YEAR if counted[kind] < ENOUGH] == []


ENOUGH: Final = 5
REFUSALS: Final = (
    *("conflict", "too_old", "in_the_future", "too_late", "unknown", "closed", "frozen"),
    *("hold_ended", "no_price", "arrears", "budget", "insufficient_funds", "credit_limit"),
    *("below_minimum", "no_change", "project_in_use", "not_acceptable", "not_owed", "spent"),
    *("same_operator", "in_flight", "credit_in_use", "refundable", "too_many_lots"),
)
EXPECTED: Final = (
    *("CallCharged", "CrawlCharged", "ChatCounted", "ChatCharged", "live", "simulated", "owing"),
    *("capturing", "drawn from several lots", "drawn from credit", "ArrearsCollected"),
    *("ChargeReversed", "UsageWithdrawn", "CorrectionWaits", "ChatUncounted", "late chat close"),
    *("corrected after it waited", "corrected by a tick", "corrected as it was accepted"),
    *("given up as it was rejected", "reversed while owed", "reversed simulated"),
    *("TopUpSettled", "CreditGranted", "BalanceAdjusted", "ArrearsWrittenOff", "OperationUndone"),
    *("TermsSet", "ProjectModeChanged", "WalletFrozen", "WalletUnfrozen"),
    *("WalletClosed", "WalletReopened", "CardAssigned", "CardAdopted", "charged by a new card"),
    *(
        "asked SettleTopUp",
        "asked Undo",
        "ApprovalGiven",
        "ApprovalDeclined",
        "written off again",
        "review accepted",
        "review rejected",
    ),
    *("BudgetSet", "BudgetLinePassed 50", "BudgetLinePassed 80", "BudgetLinePassed 100"),
    *("LowBalanceLineSet", "BalanceRanLow", "BalanceRecovered", "SpendAllowed"),
    *("HoldPlaced SET_ASIDE", "HoldPlaced SANDBOX", "HoldPlaced USAGE_CAME_FIRST"),
    *("HoldVoided", "HoldExpired"),
    *("review TOO_OLD", "review IN_THE_FUTURE", "review NO_PRICE"),
    *("review CORRECTION", "review CORRECTED_BEFORE"),
    *("repeats", "ticks", "dead letters", "batches that stopped in a tick"),
    *(f"refused {refusal}" for refusal in REFUSALS),
)


EXPECTED_OF_A_YEAR: Final = (
    *("review ORIGINAL_UNKNOWN", "corrected by a tick", "corrected after it waited", "repeats"),
    *("usage anew after the window", "hold anew after the window", "review TOO_OLD"),
)


def count(partition: Partition) -> Counter[str]:
    """How often each kind of thing happened."""
    counted = partition.counted.copy()
    counted.update(_waits_that_ended(partition.events, partition.ticks))
    counted.update(_ids_used_anew(partition.events))
    for event in partition.events:
        match event:
            case CallCharged() | CrawlCharged() | ChatCharged():
                counted.update(_kinds_of_charge(event))
            case ArrearsWrittenOff() if event.event_id.partition(":")[0] == _first_charge(event):
                counted["written off again"] += 1
            case ApprovalAsked():
                counted[f"asked {event.command.partition(' ')[0]}"] += 1
            case ChargeReversed():
                counted.update(_kinds_of_reversal(event))
            case BudgetLinePassed():
                counted[f"BudgetLinePassed {event.percent}"] += 1
            case ReviewDecided():
                counted["review accepted" if event.is_accepted else "review rejected"] += 1
            case HoldPlaced():
                counted[f"HoldPlaced {event.means}"] += 1
            case InputHeldForReview():
                counted[f"review {event.reason}"] += 1
            case InputRefused() | HoldRefused() | SpendRefused():
                counted[f"refused {event.refusal}"] += 1
            case _:
                counted[type(event).__name__] += 1
    return counted


def _waits_that_ended(events: Sequence[Event], ticks: AbstractSet[str]) -> Iterator[str]:
    """How corrections that had waited were applied, or given up."""
    waited: set[tuple[str, str]] = set()
    decided: ReviewDecided | None = None
    for event in events:
        if isinstance(event, ReviewDecided):
            decided = event
        if not isinstance(event, UsageEvent):
            continue
        name = (event.originator_id, event.usage.event_id)
        if isinstance(event, CorrectionWaits):
            waited.add(name)
        elif name in waited:
            waited.discard(name)
            by_review = decided is not None and stem_of(decided) == stem_of(event)
            if not event.is_applied:
                yield "given up as it was rejected" if by_review else "given up"
                continue
            yield "corrected after it waited"
            if by_review:
                yield "corrected as it was accepted"
            elif stem_of(event) in ticks:
                yield "corrected by a tick"


def _ids_used_anew(events: Sequence[Event]) -> Iterator[str]:
    """What was taken in although its id had been: that had been forgotten."""
    known: set[object] = set()
    for event in events:
        if isinstance(event, UsageEvent):
            usage = event.usage
            name = (event.originator_id, type(usage), usage.event_id)
            is_of_age = isinstance(event, InputHeldForReview) and event.reason in BY_AGE
            if is_of_age and name in known:
                yield "usage anew after the window"
        elif isinstance(event, HoldPlaced | HoldRefused):
            name = (event.originator_id, HoldPlaced, event.hold_id)
            if isinstance(event, HoldPlaced) and name in known:
                yield "hold anew after the window"
        else:
            continue
        known.add(name)


def _first_charge(event: ArrearsWrittenOff) -> str:
    """The input that made the first charge of which it gave up a part."""
    return event.portions[0].charge_event_id.partition(":")[0]


def _kinds_of_charge(charge: Charge) -> Iterator[str]:
    yield type(charge).__name__
    yield "simulated" if charge.is_simulated else "live"
    if charge.card != ("default", 1):
        yield "charged by a new card"
    if isinstance(charge, ChatCharged):
        hour = charge.hour
        if hour.closes_at_ms > hour.started_at_ms + 2 * HOUR_MS:
            yield "late chat close"
    if charge.arrears_micros:
        yield "owing"
    if isinstance(charge, CallCharged) and charge.ends_hold:
        yield "capturing"
    if len(charge.draws) > 1:
        yield "drawn from several lots"
    if charge.credit_micros:
        yield "drawn from credit"


def _kinds_of_reversal(reversal: ChargeReversed) -> Iterator[str]:
    yield "ChargeReversed"
    if reversal.is_simulated:
        yield "reversed simulated"
    if reversal.arrears_micros:
        yield "reversed while owed"
