"""The `budgets` table: each tenant's limits of a month's charges, and the lines told of."""

from typing import Final

import msgspec

from ledger.events import BudgetLinePassed, BudgetSet
from projections.database import Database
from projections.keyed import Key, Keyed
from projections.logged import Batch
from projections.rows import Table

ALL_PROJECTS: Final = ""


class Budget(msgspec.Struct, gc=False, array_like=True):
    """A limit of a UTC month's live charges, of a project or (`ALL_PROJECTS`) of all.

    `limit_micros` is None once it was taken off. `told_percent` is the highest line told of, at
    `told_at_ms`; it counts for that month only.
    """

    tenant_id: str
    project_id: str
    limit_micros: int | None
    is_refusing: bool
    set_at_ms: int
    told_percent: int = 0
    told_at_ms: int | None = None


TABLE: Final = Table("budgets", Budget)
MODEL: Final = Keyed(
    TABLE,
    {"tenant_id": "text", "project_id": "text"},
    lambda event: _key(event) if type(event) is BudgetLinePassed else None,
)


# ── Queries ──


def of_tenant(database: Database, tenant_id: str) -> list[Budget]:
    """The tenant's budgets that are not taken off: of all projects, then by project."""
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND limit_micros IS NOT NULL ORDER BY project_id",
        [tenant_id],
    )


# ── Fold ──


def fold(batch: Batch, budgets: dict[Key, Budget]) -> None:
    """Set budgets, and note the lines that were told of."""
    for _, event in batch:
        if type(event) is BudgetSet:
            limit = event.limit_micros, event.is_refusing
            budgets[_key(event)] = Budget(*_key(event), *limit, event.recorded_at_ms)
        elif type(event) is BudgetLinePassed:
            budget = budgets[_key(event)]
            budget.told_percent, budget.told_at_ms = event.percent, event.recorded_at_ms


def _key(event: BudgetSet | BudgetLinePassed) -> tuple[str, str]:
    return event.originator_id, event.project_id or ALL_PROJECTS
