"""The fold into a real Postgres: exact, all or nothing, and never twice."""

from collections import Counter
from datetime import date
from itertools import groupby
from operator import attrgetter

import psycopg
import pytest
from msgspec.structs import astuple

from ledger.errors import BrokenLog, WrongSettings
from ledger.events import CallCharged, HoldPlaced
from ledger.journal import Account
from projections import (
    accounts,
    approvals,
    budgets,
    chat_hours,
    checkpoints,
    holds,
    movements,
    reviews,
    usage_daily,
    wallets,
)
from projections.checkpoints import LogIdentity, Overtaken
from projections.database import ReadModelsUnavailable, connected
from projections.migrate import migrate
from projections.movements import MovementKind
from projections.projection import Folded, Projection
from tests.projections.decided_log import DecidedLog
from tests.projections.tables import LOG, PLACE, everything, fold
from tests.projections.urls import Urls

pytestmark = pytest.mark.stack

DECIDED = DecidedLog(seed=8, tenants=12, inputs=4_000)
SIGNS = {
    MovementKind.CALL: 1,
    MovementKind.CRAWL: 1,
    MovementKind.CHAT: 1,
    MovementKind.REVERSAL: -1,
}
FIGURES = ("funds", "held", "unheld", "arrears", "credit_used", "balance", "available")


def test_the_rows_of_a_long_log_are_what_the_wallets_that_decided_have(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=700)
    with connected(urls.operator) as database:
        for tenant_id, decided in DECIDED.wallets.items():
            row = wallets.find(database, tenant_id)
            assert row is not None
            assert row.sequence == decided.version
            for name in FIGURES:
                assert getattr(row, f"{name}_micros") == getattr(decided, f"{name}_micros")
            assert row.counts_as_held_micros == decided.counts_as_held_micros()
            still_open = holds.open_page(database, tenant_id, limit=1_000)
            held = {name: hold.amount_micros for name, hold in decided.holds.items()}
            assert {hold.hold_id: hold.amount_micros for hold in still_open} == held
            assert row.open_holds == len(decided.holds)
            hours = chat_hours.open_hours(database, tenant_id)
            chats = {tuple(astuple(hour)): chat[:3] for hour, chat in decided.chats.items()}
            assert {astuple(hour)[1:7]: astuple(hour)[7:10] for hour in hours} == chats
            flags = (row.is_postpay, row.is_frozen, row.is_closed, row.low_line_micros)
            assert flags == (
                decided.is_postpay,
                decided.is_frozen,
                decided.is_closed,
                decided.low_line_micros,
            )
            waiting = reviews.page(database, tenant_id, limit=10_000)
            assert {review.review_id for review in waiting} == set(decided.reviews)
            asked = approvals.page(database, tenant_id, limit=10_000)
            assert {approval.approval_id for approval in asked} == set(decided.approvals)
            limits = {
                b.project_id or None: b.limit_micros for b in budgets.of_tenant(database, tenant_id)
            }
            assert limits == {name: b.limit_micros for name, b in decided.budgets.items()}


def test_the_log_of_these_tests_is_worth_its_name() -> None:
    assert any(wallet.arrears_micros for wallet in DECIDED.wallets.values())
    assert any(wallet.credit_used_micros for wallet in DECIDED.wallets.values())
    assert any(wallet.held_micros for wallet in DECIDED.wallets.values())
    kinds = {type(item.event).__name__ for item in DECIDED.events}
    assert kinds >= {
        *("ArrearsCollected", "HoldExpired", "HoldVoided", "HoldRefused", "ChatCharged"),
        *("CrawlCharged", "ChargeReversed", "ArrearsWrittenOff", "OperationUndone"),
        *("ReviewDecided", "ApprovalGiven", "BudgetLinePassed", "BalanceRanLow", "CardAssigned"),
    }


def test_every_balance_in_the_history_is_the_sum_of_the_movements_up_to_it(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=700)
    with connected(urls.operator) as database:
        for tenant_id, decided in DECIDED.wallets.items():
            history = movements.page(database, tenant_id, limit=10_000)
            balance_micros = 0
            for row in reversed(history):
                balance_micros += row.movement_micros
                assert row.balance_after_micros == balance_micros
            assert balance_micros == decided.balance_micros


def test_usage_by_day_adds_up_to_the_charges_of_the_history(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=700)
    with connected(urls.operator) as database:
        for tenant_id in DECIDED.wallets:
            days = usage_daily.between(database, tenant_id, date(2025, 1, 1), date(2027, 1, 1))
            history = movements.page(database, tenant_id, limit=10_000)
            signs = [SIGNS.get(row.kind, 0) for row in history]
            assert sum(day.charges for day in days) == sum(signs)
            assert sum(day.amount_micros for day in days) == sum(
                sign * row.amount_micros for sign, row in zip(signs, history, strict=True)
            )


def test_the_books_balance_and_agree_with_the_wallets_and_with_the_journal(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=700)
    with connected(urls.operator) as database:
        for tenant_id, decided in DECIDED.wallets.items():
            books = accounts.trial_balance(database, tenant_id)
            assert sum(one.debit_micros for one in books) == sum(one.credit_micros for one in books)
            balances = {one.account: one.debit_micros - one.credit_micros for one in books}
            funds_micros = -balances[Account.PAID_FUNDS] - balances[Account.UNPAID_FUNDS]
            assert funds_micros == decided.funds_micros
            assert balances[Account.CREDIT_RECEIVABLE] == decided.credit_used_micros
            assert balances[Account.ARREARS_RECEIVABLE] == decided.arrears_micros
            postings = accounts.page(database, tenant_id, limit=100_000)
            journal = Counter[Account]()
            entries = Counter[object]()
            for posting in postings:
                journal[posting.account] += posting.amount_micros
                entries[posting.position] += posting.amount_micros
            assert set(entries.values()) <= {0}
            assert {a: m for a, m in journal.items() if m} == {
                a: m for a, m in balances.items() if m
            }
        everyone = accounts.trial_balance(database)
        assert sum(one.debit_micros - one.credit_micros for one in everyone) == 0
        assert all(one.debit_micros or one.credit_micros for one in everyone)
        some = accounts.page(database, "tenant-3", limit=7)
        rest = accounts.page(database, "tenant-3", some[-1].position, limit=100_000)
        assert [*some, *rest] == accounts.page(database, "tenant-3", limit=100_000)


@pytest.mark.parametrize("batch_size", [41, 10_000])
def test_rows_do_not_depend_on_where_batches_are_cut(urls: Urls, batch_size: int) -> None:
    migrate(urls.owner, schema="beside")
    events = DECIDED.events[:1_500]
    fold(urls.projector, events, batch_size=300)
    fold(urls.projector, events, batch_size=batch_size, schema="beside")
    assert everything(urls.operator) == everything(urls.operator, "beside")


@pytest.mark.parametrize("batch_size", [3, 50, 400])
def test_a_batch_can_be_folded_before_the_one_before_it_is_written(
    urls: Urls, batch_size: int
) -> None:
    migrate(urls.owner, schema="beside")
    events = DECIDED.events[:1_200]
    fold(urls.projector, events, batch_size=300, schema="beside")
    with connected(urls.projector) as writing, connected(urls.projector) as asking:
        projection = Projection(writing)
        at = projection.claim(PLACE, LOG)
        due: Folded | None = None
        for begin in range(0, len(events), batch_size):
            batch = events[begin : begin + batch_size]
            ahead = Folded(asking, PLACE, due)
            # In two parts, so that the second goes on from the first.
            ahead.add(batch[: batch_size // 3])
            ahead.add(batch[batch_size // 3 :])
            if due is not None:
                projection.write(PLACE, at, due, batch[0].offset)
                at = batch[0].offset
            due = ahead
        assert due is not None
        projection.write(PLACE, at, due, events[-1].offset + 1)
    assert everything(urls.operator) == everything(urls.operator, "beside")


@pytest.mark.parametrize("placed", ["in the same batch", "before it"])
def test_a_hold_that_ended_twice_is_a_broken_log_wherever_batches_are_cut(
    urls: Urls, placed: str
) -> None:
    events = DECIDED.events
    end, name = next(
        (index, name)
        for index, item in enumerate(events)
        if (name := holds.ended_by(item.event)) is not None
    )
    begin = next(
        index
        for index, (_, event) in enumerate(events)
        if isinstance(event, HoldPlaced) and (event.originator_id, event.hold_id) == name
    )
    first = begin if placed == "in the same batch" else end
    fold(urls.projector, events[:first], batch_size=1_000)
    with connected(urls.projector) as database:
        projection = Projection(database)
        due = Folded(database, PLACE)
        due.add(events[first : end + 1])
        for folded in (due, Folded(database, PLACE, due)):
            with pytest.raises(BrokenLog, match="no open hold"):
                folded.add([events[end]])
        projection.write(PLACE, projection.claim(PLACE, LOG), due, events[end].offset + 1)
        with pytest.raises(BrokenLog, match="no open hold"):
            Folded(database, PLACE).add([events[end]])


def test_every_charge_in_the_history_has_its_own_lines(urls: Urls) -> None:
    charged = {
        item.event.event_id: item.event.lines
        for item in DECIDED.events
        if isinstance(item.event, CallCharged)
    }
    assert len(set(charged.values())) > 10
    fold(urls.projector, DECIDED.events, batch_size=700)
    with connected(urls.operator) as database:
        rows = movements.TABLE.select(database, "WHERE kind = 'CALL'", [])
    assert {row.event_id: row.lines for row in rows} == charged


def test_a_schema_folded_beside_the_live_one_can_take_its_place(urls: Urls) -> None:
    migrate(urls.owner, schema="beside")
    fold(urls.projector, DECIDED.events[:200], batch_size=50)
    fold(urls.projector, DECIDED.events[:200], batch_size=200, schema="beside")
    with psycopg.connect(urls.owner) as database:
        database.execute("ALTER SCHEMA read_models RENAME TO retired")
        database.execute("ALTER SCHEMA beside RENAME TO read_models")
    fold(urls.projector, DECIDED.events, batch_size=1_000)
    with connected(urls.operator) as database:
        found = {wallet.tenant_id: wallet.sequence for wallet in wallets.page(database)}
    assert found == {tenant: wallet.version for tenant, wallet in DECIDED.wallets.items()}


def test_a_batch_that_fails_leaves_nothing_behind(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold(urls.projector, DECIDED.events[:500], batch_size=500)
    before = everything(urls.operator)
    ahead = DECIDED.events[500:900]

    def cut(*_: object) -> None:
        raise psycopg.OperationalError("cut between the rows and the commit")

    monkeypatch.setattr(movements.STAGE, "copy", cut)
    with pytest.raises(ReadModelsUnavailable):
        fold(urls.projector, ahead, batch_size=400)
    monkeypatch.undo()
    assert everything(urls.operator) == before
    fold(urls.projector, ahead, batch_size=400)
    migrate(urls.owner, schema="beside")
    fold(urls.projector, DECIDED.events[:900], batch_size=900, schema="beside")
    assert everything(urls.operator) == everything(urls.operator, "beside")


def test_a_backend_killed_in_mid_batch_leaves_nothing_behind(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        with psycopg.connect(urls.owner, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'ledger_projector'"
            )

    monkeypatch.setattr(holds.STAGE, "copy", kill)
    with pytest.raises(ReadModelsUnavailable):
        fold(urls.projector, DECIDED.events[:500], batch_size=500)
    monkeypatch.undo()
    assert [table for table, rows in everything(urls.operator).items() if rows] == []


def test_the_second_of_two_projectors_at_one_checkpoint_is_overtaken(urls: Urls) -> None:
    batch = DECIDED.events[:300]
    following = batch[-1].offset + 1
    with connected(urls.projector) as first, connected(urls.projector) as second:
        quick, slow = Projection(first), Projection(second)
        assert quick.claim(PLACE, LOG) == slow.claim(PLACE, LOG) == 0
        quick.apply(PLACE, 0, batch, following)
        after = everything(urls.operator)
        with pytest.raises(Overtaken):
            slow.apply(PLACE, 0, batch, following)
        assert slow.claim(PLACE, LOG) == following
    assert everything(urls.operator) == after


def test_a_checkpoint_can_move_over_markers_without_events(urls: Urls) -> None:
    with connected(urls.projector) as database:
        projection = Projection(database)
        projection.claim(PLACE, LOG)
        projection.apply(PLACE, 0, [], 7)
        assert [found.next_offset for found in checkpoints.every(database)] == [7]


@pytest.mark.parametrize("other", [LogIdentity("cluster", "new"), LogIdentity("new", "topic")])
def test_a_checkpoint_of_another_log_is_refused(urls: Urls, other: LogIdentity) -> None:
    with connected(urls.projector) as database:
        projection = Projection(database)
        projection.claim(PLACE, LOG)
        with pytest.raises(WrongSettings, match="another log"):
            projection.claim(PLACE, other)


def test_a_log_with_a_gap_is_not_folded(urls: Urls) -> None:
    first = DECIDED.events[:300]
    lost = next(at for at, one in enumerate(first) if isinstance(one.event, CallCharged))
    gapped = first[:lost] + first[lost + 1 :]
    with pytest.raises(BrokenLog):
        fold(urls.projector, gapped, batch_size=len(gapped))
    assert [table for table, rows in everything(urls.operator).items() if rows] == []


def test_history_is_read_page_by_page_without_a_gap_or_a_repeat(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=1_000)
    with connected(urls.operator) as database:
        at_once = movements.page(database, "tenant-3", limit=10_000)
        paged = list[movements.Movement]()
        before = movements.NEWEST
        while page := movements.page(database, "tenant-3", before, limit=7):
            paged += page
            before = page[-1].position
    assert paged == at_once
    assert [row.position for row in paged] == sorted((r.position for r in paged), reverse=True)


def test_the_history_is_parted_by_month(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=1_000)
    with connected(urls.owner) as database:
        parts = database.execute(
            "SELECT tableoid::regclass::text, count(*), min(recorded_at_ms), max(recorded_at_ms)"
            " FROM movements GROUP BY 1 ORDER BY 1"
        ).fetchall()
    february_ms = 1_769_904_000_000
    assert [name for name, *_ in parts] == ["movements_2026_01", "movements_2026_02"]
    assert parts[0][3] < february_ms <= parts[1][2]


def test_a_page_of_history_reads_only_the_newest_month_it_needs(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=1_000)
    with connected(urls.owner) as database:
        database.execute("ANALYZE movements")
        plan = database.execute(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM movements"
            " WHERE tenant_id = 'tenant-3'"
            " ORDER BY recorded_at_ms DESC, sequence DESC, line DESC LIMIT 3"
        ).fetchall()
    lines = [line for (line,) in plan]
    assert any("movements_2026_01" in line and "never executed" in line for line in lines), plan


def test_holds_and_wallets_are_read_page_by_page(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=1_000)
    with connected(urls.operator) as database:
        first = holds.page(database, "tenant-3", limit=5)
        second = holds.page(database, "tenant-3", first[-1].sequence, limit=5)
        assert [*first, *second] == holds.page(database, "tenant-3", limit=10)
        some = wallets.page(database, limit=5)
        rest = wallets.page(database, some[-1].tenant_id, limit=100)
        assert [wallet.tenant_id for wallet in [*some, *rest]] == sorted(DECIDED.wallets)


def test_a_hold_is_found_by_its_id(urls: Urls) -> None:
    fold(urls.projector, DECIDED.events, batch_size=1_000)
    with connected(urls.operator) as database:
        rows = holds.page(database, "tenant-3", limit=1_000)
        for _, answers in groupby(sorted(rows, key=attrgetter("hold_id")), attrgetter("hold_id")):
            found = sorted(answers, key=attrgetter("sequence"), reverse=True)
            assert holds.find(database, "tenant-3", found[0].hold_id) == found
