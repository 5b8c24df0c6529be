"""Whatever is sent, in whatever order and batches, the wallets keep their invariants."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from itertools import repeat
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.commands import Tick
from ledger.decide import DAY_MS, Rules
from ledger.events import (
    CallCharged,
    HoldPlaced,
    HoldRefused,
    InputHeldForReview,
    InputRefused,
    WalletEvent,
)
from ledger.refusals import Refusal
from ledger.usage import MINUTE_MS, Tier
from tests.unit.ledger.oracle import Oracle
from tests.unit.ledger.traffic import HOLDS, PAYMENTS, PROJECTS, TENANTS, Traffic
from tests.unit.ledger.world import Partition, facts, in_batches, replayed

ROOMY: Final = Rules()
NARROW: Final = Rules(outputs_max=30)
"""So narrow that ticks stop in the middle."""

CAPS_MS: Final = (MINUTE_MS, 5 * MINUTE_MS, 5 * MINUTE_MS + 1, 10 * MINUTE_MS)
DURATIONS_MS: Final = (0, 29_999, 30_000, 5 * MINUTE_MS, 5 * MINUTE_MS + 1, 11 * MINUTE_MS)
AMOUNTS_MICROS: Final = (0, 1, 90_000, 500_000, 900_000, 1_500_000, 19_999_999, 20_000_000)
WAITS_MS: Final = (-60_000, 0, 1, 1_000, MINUTE_MS, 16 * MINUTE_MS, 21 * MINUTE_MS, 10 * DAY_MS)
AGES_MS: Final = (-5 * MINUTE_MS - 1, -5 * MINUTE_MS, 0, 0, 0, MINUTE_MS, DAY_MS, 91 * DAY_MS)


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
    oracle = Oracle(accepted).read(arrived.item for arrived in traffic.arrived)
    net_micros = {
        tenant_id: wallet.balance_micros - wallet.arrears_micros
        for tenant_id, wallet in partition.state.wallets.items()
    }
    assert net_micros == {tenant_id: oracle.net_micros[tenant_id] for tenant_id in net_micros}


def check_replay(partition: Partition) -> None:
    """The log, read back from its bytes, folds to the state that wrote it."""
    assert facts(replayed(partition.log)) == facts(partition.state)


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
    again = [one for one in traffic.arrived if not isinstance(one.item.value, Tick)]
    for batch in in_batches(again, repeat(50)):
        partition.take(batch)
    news = [event for event in partition.events[recorded:] if isinstance(event, WalletEvent)]
    assert all(getattr(event, "refusal", None) is Refusal.conflict for event in news)
    assert what_counts(partition) == before


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


tenants = st.sampled_from(TENANTS)
projects = st.sampled_from(PROJECTS)
holds = st.integers(0, HOLDS - 1)
tiers = st.sampled_from(Tier)
caps = st.sampled_from(CAPS_MS)
amounts = st.sampled_from(AMOUNTS_MICROS) | st.integers(1, 30_000_000)


class Wallets(RuleBasedStateMachine):
    """Traffic that is sent rule by rule and decided whenever a batch is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.traffic = Traffic()
        self.partition = Partition(NARROW)
        self.decided = 0
        for tenant_id in TENANTS:
            self.traffic.open_project(tenant_id, PROJECTS[0], DAY_MS)

    @rule(wait_ms=st.sampled_from(WAITS_MS))
    def wait(self, wait_ms: int) -> None:
        self.traffic.wait(wait_ms)

    @rule(behind_ms=st.sampled_from((0, 1, MINUTE_MS, 30 * MINUTE_MS)))
    def tick(self, behind_ms: int) -> None:
        self.traffic.tick(behind_ms)

    @rule(
        tenant=tenants,
        project=projects,
        since=st.sampled_from((None, -1, 0, MINUTE_MS, DAY_MS)),
    )
    def open_project(self, tenant: str, project: str, since: int | None) -> None:
        self.traffic.open_project(tenant, project, since)

    @rule(tenant=tenants, project=projects, to_live=st.booleans())
    def change_mode(self, tenant: str, project: str, to_live: bool) -> None:
        self.traffic.change_mode(tenant, project, to_live)

    @rule(tenant=tenants, payment=st.integers(1, PAYMENTS), amount=amounts)
    def top_up(self, tenant: str, payment: int, amount: int) -> None:
        self.traffic.top_up(tenant, payment, amount)

    @rule(tenant=tenants, amount=amounts, not_after=st.sampled_from((None, None, 0, -1)))
    def grant(self, tenant: str, amount: int, not_after: int | None) -> None:
        self.traffic.grant(tenant, amount, not_after)

    @rule(tenant=tenants, amount=amounts, sign=st.sampled_from((1, -1, -1)))
    def adjust(self, tenant: str, amount: int, sign: int) -> None:
        self.traffic.adjust(tenant, sign * amount)

    @rule(tenant=tenants, limit=st.none() | amounts)
    def set_terms(self, tenant: str, limit: int | None) -> None:
        self.traffic.set_terms(tenant, limit)

    @rule(
        tenant=tenants,
        project=projects,
        hold=holds,
        tier=tiers,
        cap=caps,
        age=st.sampled_from(AGES_MS),
    )
    def hold(self, tenant: str, project: str, hold: int, tier: Tier, cap: int, age: int) -> None:
        self.traffic.hold(tenant, project, hold, tier, cap, asked_ago_ms=age)

    @rule(tenant=tenants, hold=holds)
    def void(self, tenant: str, hold: int) -> None:
        self.traffic.void(tenant, hold)

    @rule(
        tenant=tenants,
        project=projects,
        hold=st.none() | holds,
        tier=tiers,
        goal=st.booleans(),
        flagged=st.booleans(),
        duration=st.sampled_from(DURATIONS_MS),
        cap=caps,
        turns=st.sampled_from((-1, 0, 2, 3, 3)),
        age=st.sampled_from(AGES_MS),
        corrects=st.sampled_from((None, None, None, "call-1")),
    )
    def call(
        self,
        tenant: str,
        project: str,
        hold: int | None,
        tier: Tier,
        goal: bool,
        flagged: bool,
        duration: int,
        cap: int,
        turns: int,
        age: int,
        corrects: str | None,
    ) -> None:
        self.traffic.call(
            tenant,
            project,
            hold=hold,
            tier=tier,
            goal_reached=goal,
            flagged_spam=flagged,
            duration_ms=duration,
            cap_ms=cap,
            user_turns=turns,
            ended_ago_ms=age,
            corrects=corrects,
        )

    @rule(index=st.integers(0, 60))
    def repeat(self, index: int) -> None:
        self.traffic.repeat(index)

    @rule(index=st.integers(0, 60))
    def contradict(self, index: int) -> None:
        self.traffic.contradict(index)

    @rule()
    def garbage(self) -> None:
        self.traffic.garbage()

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


class Sender:
    """Sends inputs of kinds and contents that random numbers choose, short of money mostly."""

    def __init__(self, random: Random, traffic: Traffic) -> None:
        self.random = random
        self.traffic = traffic
        self.newest_hold = 0

    def send(self) -> None:
        tenant, project = self.random.choice(TENANTS), self.random.choice(PROJECTS)
        kind = self.random.choices(KINDS, WEIGHTS)[0]
        if kind in ("wait", "tick", "repeat", "contradict", "garbage"):
            self._send_to_all(kind)
        elif kind == "call":
            self._call(tenant, project)
        elif kind in ("hold", "void", "open", "mode"):
            self._send_without_money(kind, tenant, project)
        else:
            self._send_money(kind, tenant)

    def _send_to_all(self, kind: str) -> None:
        index = len(self.traffic.arrived) - self.random.randint(1, 40)
        match kind:
            case "wait":
                self.traffic.wait(self.random.choice(WAITS_MS[:-1]))
            case "tick":
                self.traffic.tick(self.random.choice((0, MINUTE_MS)))
            case "repeat":
                self.traffic.repeat(index)
            case "contradict":
                self.traffic.contradict(index)
            case _:
                self.traffic.garbage()

    def _send_without_money(self, kind: str, tenant: str, project: str) -> None:
        match kind:
            case "hold":
                self.newest_hold += self.random.random() < 0.9
                tier, cap_ms = self._tier_and_cap()
                age_ms = self.random.choice((0,) * 40 + AGES_MS)
                self.traffic.hold(
                    tenant, project, self.newest_hold, tier, cap_ms, asked_ago_ms=age_ms
                )
            case "void":
                self.traffic.void(tenant, self._recent_hold())
            case "open":
                since_ms = self.random.choice((-1, MINUTE_MS))
                self.traffic.open_project(tenant, self.random.choice((project, "new")), since_ms)
            case _:
                self.traffic.change_mode(tenant, project, self.random.random() < 0.8)

    def _send_money(self, kind: str, tenant: str) -> None:
        amount_micros = self.random.choice((*AMOUNTS_MICROS[:6], self.random.randint(1, 900_000)))
        match kind:
            case "top up":
                amount_micros = self.random.choice(AMOUNTS_MICROS[-2:])
                self.traffic.top_up(tenant, self.random.randrange(200), amount_micros)
            case "grant":
                self.traffic.grant(tenant, amount_micros, self.random.choice((None, None, -1)))
            case "adjust":
                sign = self.random.choice((1, -1, -4, -25))
                self.traffic.adjust(tenant, sign * amount_micros)
            case _:
                limit_micros = self.random.choice((None, amount_micros, 9 * amount_micros))
                self.traffic.set_terms(tenant, limit_micros)

    def _call(self, tenant: str, project: str) -> None:
        tier, cap_ms = self._tier_and_cap()
        self.traffic.call(
            tenant,
            project,
            hold=self.random.choice((None, self._recent_hold(), self._recent_hold())),
            tier=tier,
            goal_reached=self.random.random() < 0.3,
            flagged_spam=self.random.random() < 0.1,
            duration_ms=self.random.choice(DURATIONS_MS),
            cap_ms=cap_ms,
            user_turns=self.random.choice((0, 2, 3, 3, 3, 3, -1)),
            ended_ago_ms=self.random.choice((0,) * 20 + AGES_MS),
            corrects=self.random.choice((None,) * 30 + ("call-1",)),
        )

    def _recent_hold(self) -> int:
        return max(1, self.newest_hold + self.random.randint(-4, 2))

    def _tier_and_cap(self) -> tuple[Tier, int]:
        return self.random.choice(list(Tier)), self.random.choice(CAPS_MS)


_SHARES: Final = {
    "call": 30, "hold": 30, "void": 4, "wait": 7, "tick": 3, "mode": 2, "open": 1, "top up": 2,
    "grant": 6, "adjust": 12, "terms": 6, "repeat": 6, "contradict": 3, "garbage": 1,
}  # fmt: skip
KINDS: Final = tuple(_SHARES)
WEIGHTS: Final = tuple(_SHARES.values())


@pytest.fixture(scope="module")
def history() -> tuple[Traffic, Partition]:
    """Five thousand inputs, decided in batches of every size."""
    random = Random(20260115)
    traffic, partition = Traffic(), Partition(NARROW)
    for tenant_id in TENANTS:
        traffic.open_project(tenant_id, PROJECTS[0], DAY_MS)
    sender = Sender(random, traffic)
    while len(traffic.arrived) < 5_000:
        sender.send()
    for batch in in_batches(traffic.arrived, _sizes(random)):
        partition.take(batch)
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


ENOUGH: Final = 5
EXPECTED: Final = (
    *("CallCharged", "live", "simulated", "owing", "capturing", "drawn from several lots"),
    *("drawn from credit", "ArrearsCollected", "TopUpSettled", "CreditGranted", "HoldVoided"),
    *("BalanceAdjusted", "TermsSet", "ProjectModeChanged", "HoldExpired"),
    *("HoldPlaced SET_ASIDE", "HoldPlaced SANDBOX", "HoldPlaced USAGE_CAME_FIRST"),
    *("review TOO_OLD", "review IN_THE_FUTURE", "review CORRECTED_BEFORE"),
    *("refused conflict", "refused too_late", "refused unknown", "refused hold_ended"),
    *("refused arrears", "refused insufficient_funds", "refused credit_limit"),
    *("refused below_minimum", "refused no_change", "refused project_in_use"),
    *("refused too_old", "refused in_the_future", "repeats", "ticks", "dead letters"),
    "batches that stopped in a tick",
)


def count(partition: Partition) -> Counter[str]:
    """How often each kind of thing happened."""
    counted = partition.counted.copy()
    for event in partition.events:
        match event:
            case CallCharged():
                counted.update(_kinds_of_charge(event))
            case HoldPlaced():
                counted[f"HoldPlaced {event.means}"] += 1
            case InputHeldForReview():
                counted[f"review {event.reason}"] += 1
            case InputRefused() | HoldRefused():
                counted[f"refused {event.refusal}"] += 1
            case _:
                counted[type(event).__name__] += 1
    return counted


def _kinds_of_charge(charge: CallCharged) -> Iterator[str]:
    yield "CallCharged"
    yield "simulated" if charge.is_simulated else "live"
    if charge.arrears_micros:
        yield "owing"
    if charge.ends_hold:
        yield "capturing"
    if len(charge.draws) > 1:
        yield "drawn from several lots"
    if charge.credit_micros:
        yield "drawn from credit"
