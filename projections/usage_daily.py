"""The `usage_daily` table: what each project used and what it cost, day by day."""

from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from ledger.events import CallCharged, ChargeReversed, ChatCharged, ChatHour, CrawlCharged
from ledger.rates import (
    CRAWLER_LINE,
    INPUT_TOKENS_LINE,
    OUTPUT_TOKENS_LINE,
    PricedLine,
    overage_line,
)
from ledger.usage import CallOutcome, CallUsage, CrawlUsage, Tier, call_outcome
from projections.database import Database
from projections.days import DAY_MS, day_of
from projections.logged import Batch
from projections.rows import Table, replacing

OVERAGE_LINES: Final = frozenset(map(overage_line, Tier))


class UsageKind(StrEnum):
    """What was used."""

    CALL = "CALL"
    CRAWL = "CRAWL"
    CHAT = "CHAT"


Key = tuple[str, int, str, UsageKind, CallOutcome | None, Tier | None, bool]
"""Tenant, day since 1970, project, kind, outcome, tier, and whether it was simulated."""


class UsageDay(msgspec.Struct, gc=False, array_like=True):
    """Usage of one kind that ended on a UTC day and was charged; simulated usage is counted apart.

    `amount_micros` is its full price, whether paid or owed; simulated, what it would have cost.
    `crawler_ms` is the crawlers' time that cost something. A chat's charge is of an hour of chats,
    whose tokens a late charge of the same hour adds to.
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
    crawler_ms: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


SUMS: Final = (
    "charges",
    "overage_minutes",
    "amount_micros",
    "crawler_ms",
    "input_tokens",
    "output_tokens",
)
TABLE: Final = Table("usage_daily", UsageDay)
STAGE: Final = replacing(
    TABLE,
    key=["tenant_id", "day", "project_id", "kind", "outcome", "tier", "is_simulated"],
    summed=SUMS,
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


class MonthSoFar(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a project used in a UTC month, and what it cost, as far as it is charged."""

    project_id: str
    is_simulated: bool
    calls: int
    overage_minutes: int
    crawls: int
    crawler_ms: int
    input_tokens: int
    output_tokens: int
    amount_micros: int


def month_so_far(database: Database, tenant_id: str, first_day: date) -> list[MonthSoFar]:
    """The tenant's month that begins on that day, by project; usage counts where it ended."""
    rows = database.execute(
        "SELECT project_id, is_simulated,"
        " coalesce(sum(charges) FILTER (WHERE kind = 'CALL'), 0)::bigint,"
        " sum(overage_minutes)::bigint,"
        " coalesce(sum(charges) FILTER (WHERE kind = 'CRAWL'), 0)::bigint,"
        " sum(crawler_ms)::bigint, sum(input_tokens)::bigint, sum(output_tokens)::bigint,"
        " sum(amount_micros)::bigint"
        " FROM usage_daily WHERE tenant_id = %s"
        " AND day >= %s AND day < %s::date + interval '1 month'"
        " GROUP BY project_id, is_simulated ORDER BY project_id, is_simulated",
        [tenant_id, first_day, first_day],
    )
    return [msgspec.convert(row, MonthSoFar) for row in rows.fetchall()]


# ── Fold ──


def fold(batch: Batch, days: dict[Key, UsageDay]) -> None:
    """Add the batch's charges to the sums of each day; what a correction reversed is taken off."""
    for _, event in batch:
        if type(event) is CallCharged:
            usage = event.usage
            key = (
                event.originator_id,
                usage.ended_at // DAY_MS,
                usage.project_id,
                UsageKind.CALL,
                event.outcome,
                usage.tier,
                event.is_simulated,
            )
            _add(days, key, event.lines, 1)
        elif isinstance(event, CrawlCharged | ChatCharged):
            _add(days, _key(event.charged, event), event.lines, 1)
        elif type(event) is ChargeReversed:
            _add(days, _key(event.charged, event), event.lines, -1)


def _key(
    charged: CallUsage | CrawlUsage | ChatHour, event: CrawlCharged | ChatCharged | ChargeReversed
) -> Key:
    outcome = tier = None
    if isinstance(charged, CallUsage):
        kind, at_ms = UsageKind.CALL, charged.ended_at
        outcome, tier = call_outcome(charged), charged.tier
    elif isinstance(charged, CrawlUsage):
        kind, at_ms = UsageKind.CRAWL, charged.ended_at
    else:
        kind, at_ms = UsageKind.CHAT, charged.started_at_ms
    day = at_ms // DAY_MS
    project = charged.project_id
    return event.originator_id, day, project, kind, outcome, tier, event.is_simulated


def _add(days: dict[Key, UsageDay], key: Key, lines: tuple[PricedLine, ...], sign: int) -> None:
    day = days.get(key)
    if day is None:
        day = days[key] = UsageDay(key[0], day_of(key[1] * DAY_MS), *key[2:])
    day.charges += sign
    for line in lines:
        day.amount_micros += sign * line.amount_micros
        if line.line in OVERAGE_LINES:
            day.overage_minutes += sign * line.quantity
        elif line.line == CRAWLER_LINE:
            day.crawler_ms += sign * line.quantity
        elif line.line == INPUT_TOKENS_LINE:
            day.input_tokens += sign * line.quantity
        elif line.line == OUTPUT_TOKENS_LINE:
            day.output_tokens += sign * line.quantity
