"""The `notices` table: what tenants asked to be told of (PRODUCT decision 13)."""

from enum import StrEnum
from typing import Final

import msgspec

from ledger.events import BalanceRanLow, BudgetLinePassed
from projections.database import Database
from projections.logged import Batch
from projections.rows import Table, adding


class NoticeKind(StrEnum):
    """What is told."""

    BUDGET_LINE = "BUDGET_LINE"
    LOW_BALANCE = "LOW_BALANCE"


class Notice(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Told at the very event that made it true; `sequence` is the notice's own event's.

    Of a budget: `percent` of `limit_micros` was reached at `reached_micros`, in a project or
    (None) in all. Of a low balance: it fell under `limit_micros`, to `reached_micros`.
    """

    tenant_id: str
    sequence: int
    event_id: str
    recorded_at_ms: int
    kind: NoticeKind
    project_id: str | None
    percent: int | None
    limit_micros: int
    reached_micros: int


TABLE: Final = Table("notices", Notice)
STAGE: Final = adding(TABLE)


# ── Queries ──


def page(
    database: Database, tenant_id: str, before_sequence: int | None = None, limit: int = 50
) -> list[Notice]:
    """The tenant's notices, the newest first, from the one before `before_sequence`."""
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND sequence < coalesce(%s, 9223372036854775807)"
        " ORDER BY sequence DESC LIMIT %s",
        [tenant_id, before_sequence, limit],
    )


# ── Fold ──


def fold(batch: Batch) -> list[Notice]:
    """The notices of a batch."""
    rows: list[Notice] = []
    for _, event in batch:
        match event:
            case BudgetLinePassed():
                kind, told = NoticeKind.BUDGET_LINE, (event.project_id, event.percent)
                reached = event.limit_micros, event.charged_micros
            case BalanceRanLow():
                kind, told = NoticeKind.LOW_BALANCE, (None, None)
                reached = event.line_micros, event.net_micros
            case _:
                continue
        place = event.originator_id, event.originator_version, event.event_id
        rows.append(Notice(*place, event.recorded_at_ms, kind, *told, *reached))
    return rows
