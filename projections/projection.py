"""The one way rows get into the read models: a batch of one partition's events, all or nothing.

A batch can be folded while the batch before it is still being written: what that one changed is
known from its rows, and nobody else moves the rows of a partition without moving its checkpoint.
"""

from datetime import date
from typing import Final

from psycopg import sql

from projections import (
    accounts,
    approvals,
    budgets,
    cards,
    chat_hours,
    checkpoints,
    holds,
    movements,
    notices,
    projects,
    reviews,
    usage_daily,
    wallets,
)
from projections.database import Database
from projections.days import DAY_MS, month_of
from projections.keyed import Key
from projections.logged import Batch, Place
from projections.rows import csv

TABLES: Final = (
    wallets.TABLE,
    projects.TABLE,
    holds.TABLE,
    usage_daily.TABLE,
    movements.TABLE,
    chat_hours.TABLE,
    reviews.TABLE,
    approvals.TABLE,
    budgets.TABLE,
    notices.TABLE,
    accounts.TABLE,
    cards.TABLE,
)

STAGES: Final = (
    wallets.STAGE,
    projects.MODEL.stage,
    holds.STAGE,
    holds.ENDED_STAGE,
    usage_daily.STAGE,
    movements.STAGE,
    chat_hours.MODEL.stage,
    reviews.MODEL.stage,
    approvals.MODEL.stage,
    budgets.MODEL.stage,
    notices.STAGE,
    accounts.STAGE,
    cards.STAGE,
)

IDLE_MS_MAX: Final = 10_000
STATEMENT_MS_MAX: Final = 60_000


def prefer_indexes(database: Database) -> None:
    """Make every join of the session look its rows up: a large table is never read whole.

    And plan each anew: what is best while tables are small is kept for ever otherwise.
    """
    database.prepare_threshold = None
    database.execute("SET enable_hashjoin = off")
    database.execute("SET enable_mergejoin = off")


def never_hold_up(database: Database) -> None:
    """Let Postgres end what the session leaves unfinished: a process may sleep amid a transaction.

    Others wait for the checkpoint's row meanwhile. (ADR 094)
    """
    database.execute(sql.SQL("SET idle_in_transaction_session_timeout = {}").format(IDLE_MS_MAX))
    database.execute(sql.SQL("SET statement_timeout = {}").format(STATEMENT_MS_MAX))


class Rows:
    """Rows that events of one partition began or moved on, by their keys."""

    def __init__(self) -> None:
        self.wallets: dict[str, wallets.Wallet] = {}
        self.projects: dict[Key, projects.Project] = {}
        self.chat_hours: dict[Key, chat_hours.ChatHourRow] = {}
        self.reviews: dict[Key, reviews.Review] = {}
        self.approvals: dict[Key, approvals.Approval] = {}
        self.budgets: dict[Key, budgets.Budget] = {}
        self.holds = holds.nothing()


class Folded:
    """What events of one partition come to, table by table, as they are added in order.

    It begins at the rows as they stand, and as a batch will leave them whose commit is due.
    """

    def __init__(
        self, database: Database, place: Place, uncommitted: "Folded | None" = None
    ) -> None:
        """`database` is asked for the rows that events move on; nothing is written with it."""
        self._database = database
        self._place = place
        self._due = Rows() if uncommitted is None else uncommitted.rows
        self._balances: dict[str, int] = {}
        self.events = 0
        self.days: set[int] = set()
        self.rows = Rows()
        self.usage_daily: dict[usage_daily.Key, usage_daily.UsageDay] = {}
        self.account_months: dict[accounts.Key, accounts.AccountMonth] = {}
        self.notices: list[notices.Notice] = []
        self.adopted_cards: list[cards.AdoptedCard] = []
        self.movements: list[bytes] = []
        self.movements_count = 0
        self.prices: movements.Prices = {}

    def add(self, batch: Batch) -> None:
        """Fold the events that follow; the fewer, the less leaves the processor's cache.

        Raises `BrokenLog`: the log's fault only if no other projector has moved the checkpoint.
        """
        # Charges that end no hold are most of a log, and mean nothing to these.
        released, unheld = self._add_others([item for item in batch if holds.concerns(item[1])])
        known = self.rows.wallets
        for wallet in wallets.load(self._database, batch, known, self._due.wallets):
            self._balances[wallet.tenant_id] = wallet.balance_micros
        wallets.fold(batch, known, released, unheld)
        usage_daily.fold(batch, self.usage_daily)
        accounts.fold(batch, self.account_months)
        rows = movements.fold(self._place, batch, self._balances, self.prices)
        self.movements.append(csv(rows))
        self.movements_count += len(rows)
        self.days |= {event.recorded_at_ms // DAY_MS for _, event in batch}
        self.events += len(batch)

    def _add_others(self, batch: Batch) -> tuple[dict[int, int], dict[int, int]]:
        """Fold all but money; by offset, what was given back of holds, and what more is unheld."""
        database, rows, due = self._database, self.rows, self._due
        released = holds.fold(batch, rows.holds, self._open_before)
        projects.MODEL.load(database, batch, rows.projects, due.projects)
        projects.fold(batch, rows.projects)
        chat_hours.MODEL.load(database, batch, rows.chat_hours, due.chat_hours)
        of_chats, unheld = chat_hours.fold(batch, rows.chat_hours)
        reviews.MODEL.load(database, batch, rows.reviews, due.reviews)
        reviews.fold(batch, rows.reviews)
        approvals.MODEL.load(database, batch, rows.approvals, due.approvals)
        approvals.fold(batch, rows.approvals)
        budgets.MODEL.load(database, batch, rows.budgets, due.budgets)
        budgets.fold(batch, rows.budgets)
        self.notices += notices.fold(batch)
        self.adopted_cards += cards.fold(self._place, batch)
        return released | of_chats, unheld

    def _open_before(self, names: set[holds.Name]) -> dict[holds.Name, holds.Open]:
        return holds.open_before(self._database, names, self._due.holds)


class Projection:
    """Writes folded rows into the tables that its connection sees; the only one who does."""

    def __init__(self, database: Database) -> None:
        """`database` is the projector's own connection, outside a transaction."""
        self._database = database
        self._months: set[date] = set()
        prefer_indexes(database)
        never_hold_up(database)
        for stage in STAGES:
            stage.prepare(database)

    def claim(self, place: Place, log: checkpoints.LogIdentity) -> int:
        """The offset to go on from; raises `WrongSettings` if it is another log's."""
        return checkpoints.claim(self._database, place, log)

    def write(self, place: Place, expected: int, folded: Folded, following: int) -> None:
        """Move the checkpoint from `expected`, where the folded events begin, and write the rows.

        Raises `Overtaken` where the checkpoint is elsewhere; nothing is written then, nor if the
        connection breaks before the commit.
        """
        self._add_months(folded.days)
        with self._database.transaction():
            checkpoints.move(self._database, place, expected, following)
            self._write(folded)

    def apply(self, place: Place, expected: int, batch: Batch, following: int) -> None:
        """Fold events that begin at the checkpoint `expected` and move it to `following`.

        Raises `Overtaken` as `write` does, and `BrokenLog`.
        """
        assert not batch or expected <= batch[0][0] <= batch[-1][0] < following
        self._add_months({event.recorded_at_ms // DAY_MS for _, event in batch})
        with self._database.transaction():
            # First, so that everyone else is kept out until the end.
            checkpoints.move(self._database, place, expected, following)
            folded = Folded(self._database, place)
            folded.add(batch)
            self._write(folded)

    def _write(self, folded: Folded) -> None:
        database, rows = self._database, folded.rows
        wallets.STAGE.write_rows(database, rows.wallets.values())
        projects.MODEL.stage.write_rows(database, rows.projects.values())
        chat_hours.MODEL.stage.write_rows(database, rows.chat_hours.values())
        reviews.MODEL.stage.write_rows(database, rows.reviews.values())
        approvals.MODEL.stage.write_rows(database, rows.approvals.values())
        budgets.MODEL.stage.write_rows(database, rows.budgets.values())
        holds.STAGE.write_rows(database, rows.holds.answered)
        holds.ENDED_STAGE.write_rows(database, rows.holds.ended.values())
        notices.STAGE.write_rows(database, folded.notices)
        cards.STAGE.write_rows(database, folded.adopted_cards)
        accounts.STAGE.write_rows(database, folded.account_months.values())
        usage_daily.STAGE.write_rows(database, folded.usage_daily.values())
        movements.write(database, folded.movements_count, folded.movements, folded.prices)

    def _add_months(self, days: set[int]) -> None:
        """Make room for months not met before, in transactions of their own: DDL holds locks."""
        months = {month_of(day * DAY_MS) for day in days}
        for month in months - self._months:
            self._database.execute("SELECT add_movements_month(%s)", [month])
        self._months |= months
