"""The `holds` table: every hold that was asked for, and what became of it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from ledger.errors import BrokenLog
from ledger.events import (
    CallCharged,
    Event,
    HoldExpired,
    HoldMeans,
    HoldPlaced,
    HoldRefused,
    HoldVoided,
    InputHeldForReview,
)
from ledger.refusals import Refusal
from ledger.usage import Tier
from projections.database import Database
from projections.logged import Logged
from projections.rows import Table

Name = tuple[str, str]
"""A tenant and the id of a hold."""


class HoldState(StrEnum):
    """What became of a hold; one whose usage came first is captured from the start."""

    OPEN = "OPEN"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"


class Hold(msgspec.Struct, frozen=True, gc=False):
    """One answer to a request for a hold; `sequence` is its event's place in the wallet.

    `amount_micros` is what it set aside, or would have if it was refused (None without a price).
    `recorded_at_ms` is when it was answered, `usage_event_id` the usage that captured it.
    """

    tenant_id: str
    sequence: int
    hold_id: str
    project_id: str
    tier: Tier
    duration_cap_ms: int
    state: HoldState
    means: HoldMeans | None
    refusal: Refusal | None
    amount_micros: int | None
    recorded_at_ms: int
    expires_at_ms: int | None
    ended_at_ms: int | None = None
    usage_event_id: str | None = None


TABLE: Final = Table("holds", Hold, key=["tenant_id", "sequence"])


# ── Queries ──


def find(database: Database, tenant_id: str, hold_id: str) -> list[Hold]:
    """Every answer given under this id, the newest first; one at most was not a refusal."""
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND hold_id = %s ORDER BY sequence DESC",
        [tenant_id, hold_id],
    )


def page(
    database: Database,
    tenant_id: str,
    before_sequence: int | None = None,
    limit: int = 50,
) -> list[Hold]:
    """The tenant's holds, the newest first, from the one before `before_sequence`."""
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND sequence < coalesce(%s, 9223372036854775807)"
        " ORDER BY sequence DESC LIMIT %s",
        [tenant_id, before_sequence, limit],
    )


def open_page(database: Database, tenant_id: str, limit: int = 50) -> list[Hold]:
    """The tenant's open holds, the newest first.

    The wallet's count of them ends the search: behind the oldest open hold there may be a million
    that ended.
    """
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND state = 'OPEN' ORDER BY sequence DESC"
        " LIMIT least(%s, (SELECT open_holds FROM wallets WHERE tenant_id = %s))",
        [tenant_id, limit, tenant_id],
    )


# ── Fold ──


class Folded(NamedTuple):
    """The rows that changed, and what the event at each offset gave back."""

    rows: list[Hold]
    released: dict[int, int]


def load(database: Database, batch: Iterable[Logged]) -> dict[Name, Hold]:
    """The open holds that the batch ends, as far as they were placed before it."""
    ended = {name for item in batch if (name := ended_by(item.event)) is not None}
    if not ended:
        return {}
    found = TABLE.select(
        database,
        "JOIN unnest(%s::text[], %s::text[]) AS ended (tenant, id)"
        " ON tenant_id = tenant AND hold_id = id WHERE state = 'OPEN'",
        [[tenant_id for tenant_id, _ in ended], [hold_id for _, hold_id in ended]],
    )
    return {(hold.tenant_id, hold.hold_id): hold for hold in found}


def fold(batch: Iterable[Logged], open_before: Mapping[Name, Hold]) -> Folded:
    """What the batch makes of holds. Raises `BrokenLog` where it ends one that is not open."""
    changed: dict[tuple[str, int], Hold] = {}
    still_open = dict(open_before)
    released: dict[int, int] = {}
    for offset, event in batch:
        if isinstance(event, HoldPlaced | HoldRefused):
            hold = _answered(event)
            changed[hold.tenant_id, hold.sequence] = hold
            if hold.state is HoldState.OPEN:
                still_open[hold.tenant_id, hold.hold_id] = hold
        elif (name := ended_by(event)) is not None:
            hold = still_open.pop(name, None)
            if hold is None:
                raise BrokenLog(f"offset {offset}: {name[0]} has no open hold {name[1]}")
            changed[hold.tenant_id, hold.sequence] = _ended(hold, event)
            released[offset] = hold.amount_micros or 0
    return Folded(list(changed.values()), released)


def ended_by(event: Event) -> Name | None:
    """The hold that the event ends."""
    match event:
        case CallCharged() | InputHeldForReview() if event.ends_hold:
            assert event.usage.hold_id is not None
            return event.originator_id, event.usage.hold_id
        case HoldVoided() | HoldExpired():
            return event.originator_id, event.hold_id
        case _:
            return None


def _answered(event: HoldPlaced | HoldRefused) -> Hold:
    placed = event if isinstance(event, HoldPlaced) else None
    came_late = placed is not None and placed.means is HoldMeans.USAGE_CAME_FIRST
    state = HoldState.REFUSED if placed is None else HoldState.OPEN
    return Hold(
        tenant_id=event.originator_id,
        sequence=event.originator_version,
        hold_id=event.hold_id,
        project_id=event.project_id,
        tier=event.tier,
        duration_cap_ms=event.duration_cap_ms,
        state=HoldState.CAPTURED if came_late else state,
        means=placed and placed.means,
        refusal=event.refusal if isinstance(event, HoldRefused) else None,
        amount_micros=event.amount_micros,
        recorded_at_ms=event.recorded_at_ms,
        expires_at_ms=placed and placed.expires_at_ms,
        ended_at_ms=event.recorded_at_ms if came_late else None,
    )


def _ended(hold: Hold, event: Event) -> Hold:
    captured = isinstance(event, CallCharged | InputHeldForReview)
    ended = HoldState.EXPIRED if isinstance(event, HoldExpired) else HoldState.VOIDED
    return msgspec.structs.replace(
        hold,
        state=HoldState.CAPTURED if captured else ended,
        ended_at_ms=event.recorded_at_ms,
        usage_event_id=event.usage.event_id if captured else None,
    )
