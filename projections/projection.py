"""The one way rows get into the read models: a batch of one partition's events, all or nothing."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple

from projections import checkpoints, holds, movements, projects, usage_daily, wallets
from projections.database import Database
from projections.days import DAY_MS, month_of
from projections.logged import Logged, Place

TABLES: Final = (
    wallets.TABLE,
    projects.TABLE,
    holds.TABLE,
    usage_daily.TABLE,
    movements.TABLE,
)


class Rows(NamedTuple):
    """What a batch comes to, table by table."""

    wallets: Sequence[wallets.Wallet]
    projects: Sequence[projects.Project]
    holds: Sequence[holds.Hold]
    usage_daily: Sequence[usage_daily.UsageDay]
    movements: Sequence[movements.Movement]


class Projection:
    """Folds the log into the tables that its connection sees; the only writer of read models."""

    def __init__(self, database: Database) -> None:
        """`database` is the projector's own connection, outside a transaction."""
        self._database = database
        self._months: set[date] = set()
        for table in TABLES:
            table.prepare(database)

    def claim(self, place: Place, log: checkpoints.LogIdentity) -> int:
        """The offset to go on from; raises `WrongSettings` if it is another log's."""
        return checkpoints.claim(self._database, place, log)

    def apply(
        self,
        place: Place,
        expected: int,
        batch: Sequence[Logged],
        following: int,
        while_writing: Callable[[], object] = lambda: None,
    ) -> None:
        """Fold events that begin at the checkpoint `expected` and move it to `following`.

        1. Move the checkpoint, and so keep everyone else out until the end.
        2. Read the rows that the batch moves on.
        3. Fold.
        4. Write. `while_writing` is called first: from here on the work is mostly Postgres's.

        Raises `Overtaken` where the checkpoint is elsewhere, and `BrokenLog`; nothing is written
        then, nor if the connection breaks before the commit.
        """
        assert not batch or expected <= batch[0].offset <= batch[-1].offset < following
        self._add_months(batch)
        database = self._database
        with database.transaction():
            # 1.
            checkpoints.move(database, place, expected, following)
            if not batch:
                return
            # 2. and 3.
            rows = self._fold(place, batch)
            # 4.
            while_writing()
            wallets.TABLE.write(database, rows.wallets)
            projects.TABLE.write(database, rows.projects)
            holds.TABLE.write(database, rows.holds)
            usage_daily.TABLE.write(database, rows.usage_daily)
            movements.TABLE.write(database, rows.movements)

    def _fold(self, place: Place, batch: Sequence[Logged]) -> Rows:
        database = self._database
        before = wallets.load(database, batch)
        held = holds.fold(batch, holds.load(database, batch))
        after = wallets.fold(batch, before, held.released)
        balances = {tenant_id: wallet.balance_micros for tenant_id, wallet in before.items()}
        return Rows(
            wallets=list(after.values()),
            projects=projects.fold(batch, projects.load(database, batch)),
            holds=held.rows,
            usage_daily=usage_daily.fold(batch),
            movements=movements.fold(place, batch, balances),
        )

    def _add_months(self, batch: Sequence[Logged]) -> None:
        """Make room for months not met before, in transactions of their own: DDL holds locks."""
        days = {item.event.recorded_at_ms // DAY_MS for item in batch}
        months = {month_of(day * DAY_MS) for day in days}
        for month in months - self._months:
            self._database.execute("SELECT add_movements_month(%s)", [month])
        self._months |= months
