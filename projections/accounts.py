"""The books: the `account_months` table, and the `journal`, a view of the movements.

The table is folded by the rules of `ledger.journal`, the view is derived from the movements: each
bears the other out.
"""

from datetime import date
from typing import Final, NamedTuple

import msgspec

from ledger.events import WalletEvent
from ledger.journal import Account, entry
from projections.database import Database
from projections.days import DAY_MS, month_of
from projections.logged import Batch
from projections.movements import NEWEST, MovementKind, Position
from projections.rows import Table, replacing

Key = tuple[str, date, Account]
"""Tenant, month and account."""


class AccountMonth(msgspec.Struct, gc=False, array_like=True):
    """What an account was debited and credited with in a UTC month, in micro-dollars."""

    tenant_id: str
    month: date
    account: Account
    debit_micros: int = 0
    credit_micros: int = 0


class Posting(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One line of an entry of the journal; a debit is positive, a credit negative."""

    tenant_id: str
    sequence: int
    line: int
    event_id: str
    occurred_at_ms: int
    recorded_at_ms: int
    kind: MovementKind
    account: Account
    amount_micros: int

    @property
    def position(self) -> Position:
        """Its entry's place in the tenant's history."""
        return Position(self.recorded_at_ms, self.sequence, self.line)


class Balance(NamedTuple):
    """An account's debits and credits up to the end of a month."""

    account: Account
    debit_micros: int
    credit_micros: int


TABLE: Final = Table("account_months", AccountMonth)
STAGE: Final = replacing(
    TABLE, key=["tenant_id", "month", "account"], summed=["debit_micros", "credit_micros"]
)
JOURNAL: Final = Table("journal", Posting)


# ── Queries ──


def trial_balance(
    database: Database, tenant_id: str | None = None, to_month: date = date.max
) -> list[Balance]:
    """Every account with its debits and credits, of a tenant or of all, to a month's end."""
    rows = database.execute(
        "SELECT account, sum(debit_micros)::bigint, sum(credit_micros)::bigint"
        " FROM account_months WHERE month <= %s AND (%s::text IS NULL OR tenant_id = %s)"
        " GROUP BY account",
        [to_month, tenant_id, tenant_id],
    )
    found = {account: (debit, credit) for account, debit, credit in rows}
    return [Balance(account, *found.get(account, (0, 0))) for account in Account]


def page(
    database: Database, tenant_id: str, before: Position = NEWEST, limit: int = 50
) -> list[Posting]:
    """The postings of the tenant's newest entries before a position; entries are never cut.

    `limit` counts movements. Go on with the last posting's `position` until there is none.
    """
    return JOURNAL.select(
        database,
        "WHERE tenant_id = %s AND (recorded_at_ms, sequence, line) IN ("
        "SELECT recorded_at_ms, sequence, line FROM movements WHERE tenant_id = %s"
        " AND (recorded_at_ms, sequence, line) < (%s, %s, %s) AND NOT is_simulated"
        " ORDER BY recorded_at_ms DESC, sequence DESC, line DESC LIMIT %s)"
        " ORDER BY recorded_at_ms DESC, sequence DESC, line DESC, amount_micros DESC",
        [tenant_id, tenant_id, *before, limit],
    )


# ── Fold ──


def fold(batch: Batch, months: dict[Key, AccountMonth]) -> None:
    """Add the batch's entries to each account's month."""
    month, ends_ms = date.min, 0
    for _, event in batch:
        if not isinstance(event, WalletEvent):
            continue
        if event.recorded_at_ms >= ends_ms:
            month = month_of(event.recorded_at_ms)
            ends_ms = (event.recorded_at_ms // DAY_MS + 1) * DAY_MS
        for account, micros in entry(event).items():
            key = event.originator_id, month, account
            row = months.get(key)
            if row is None:
                row = months[key] = AccountMonth(*key)
            if micros > 0:
                row.debit_micros += micros
            else:
                row.credit_micros -= micros
