"""The `usage_daily` table: what each project used and what it cost, day by day."""

from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from ledger.events import CallCharged
from ledger.rates import overage_line
from ledger.usage import CallOutcome, Tier
from projections.database import Database
from projections.days import DAY_MS, day_of
from projections.logged import Batch
from projections.rows import Table, replacing

OVERAGE_LINES: Final = frozenset(map(overage_line, Tier))


Key = tuple[str, int, str, CallOutcome, Tier, bool]
"""Tenant, day since 1970, project, outcome, tier, and whether it was simulated."""


class UsageKind(StrEnum):
    """What was used."""

    CALL = "CALL"


class UsageDay(msgspec.Struct, gc=False, array_like=True):
    """Usage of one kind that ended on a UTC day; simulated usage is counted apart.

    `amount_micros` is its full price, whether paid or owed; simulated, what it would have cost.
    """

    tenant_id: str
    day: date
    project_id: str
    kind: UsageKind
    outcome: CallOutcome | None
    tier: Tier | None
    is_simulated: bool
    charges: int = 0
    overage_minutes: int = 0
    amount_micros: int = 0


TABLE: Final = Table("usage_daily", UsageDay)
STAGE: Final = replacing(
    TABLE,
    key=["tenant_id", "day", "project_id", "kind", "outcome", "tier", "is_simulated"],
    summed=["charges", "overage_minutes", "amount_micros"],
)


# ── Queries ──


def between(
    database: Database,
    tenant_id: str,
    first: date,
    last: date,
    project_id: str | None = None,
) -> list[UsageDay]:
    """The tenant's usage from the first to the last day, both included, or one project's."""
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND day BETWEEN %s AND %s"
        " AND (%s::text IS NULL OR project_id = %s)"
        " ORDER BY day, project_id, kind, is_simulated, tier, outcome",
        [tenant_id, first, last, project_id, project_id],
    )


# ── Fold ──


def fold(batch: Batch, days: dict[Key, UsageDay]) -> None:
    """Add the batch to the sums of each day."""
    for _, event in batch:
        if type(event) is not CallCharged:
            continue
        usage = event.usage
        key = (
            event.originator_id,
            event.occurred_at_ms // DAY_MS,
            usage.project_id,
            event.outcome,
            usage.tier,
            event.is_simulated,
        )
        day = days.get(key)
        if day is None:
            day = days[key] = _nothing_yet(event)
        day.charges += 1
        for line in event.lines:
            day.amount_micros += line.amount_micros
            if line.line in OVERAGE_LINES:
                day.overage_minutes += line.quantity


def _nothing_yet(event: CallCharged) -> UsageDay:
    return UsageDay(
        tenant_id=event.originator_id,
        day=day_of(event.occurred_at_ms),
        project_id=event.usage.project_id,
        kind=UsageKind.CALL,
        outcome=event.outcome,
        tier=event.usage.tier,
        is_simulated=event.is_simulated,
    )
