"""The `holds` table: every hold that was asked for, and what became of it."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
from psycopg import sql
from psycopg.types.json import Jsonb

from ledger.errors import BrokenLog
from ledger.events import (
    CallCharged,
    EndsHold,
    Event,
    HoldExpired,
    HoldMeans,
    HoldPlaced,
    HoldRefused,
    HoldVoided,
)
from ledger.refusals import Refusal
from ledger.usage import CallUsage, Tier
from projections.database import Database
from projections.logged import Batch
from projections.rows import Stage, Table, adding, listed

Name = tuple[str, str]
"""A tenant and the id of a hold."""


class HoldState(StrEnum):
    """What became of a hold; one whose usage came first is captured from the start."""

    OPEN = "OPEN"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"


class Hold(msgspec.Struct, gc=False, array_like=True):
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


class Ended(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the end of a hold changes in its row."""

    tenant_id: str
    sequence: int
    state: HoldState
    ended_at_ms: int
    usage_event_id: str | None


TABLE: Final = Table("holds", Hold)
STAGE: Final = adding(TABLE)
ENDED_STAGE: Final = Stage(
    "staged_hold_ends",
    Ended,
    sql.SQL("SELECT {} FROM holds").format(listed(Ended.__struct_fields__)),
    sql.SQL(
        "UPDATE holds SET state = ended.state, ended_at_ms = ended.ended_at_ms,"
        " usage_event_id = ended.usage_event_id FROM staged_hold_ends AS ended"
        " WHERE holds.tenant_id = ended.tenant_id AND holds.sequence = ended.sequence"
    ),
)


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


Open = tuple[int, int]
"""What the end of a hold has to know of it: its sequence, and the amount set aside."""


class Folded(NamedTuple):
    """What a batch makes of holds: new rows, and what changes in those of holds placed before it.

    `placed` has the new holds by name, `ended` the changes.
    """

    answered: list[Hold]
    placed: dict[Name, Hold]
    ended: dict[Name, Ended]


def nothing() -> Folded:
    """To begin with."""
    return Folded([], {}, {})


def concerns(event: Event) -> bool:
    """Whether the event may place, refuse or end a hold."""
    return type(event) is not CallCharged or event.ends_hold


def open_before(database: Database, names: set[Name], uncommitted: Folded) -> dict[Name, Open]:
    """Those holds among `names` that are open, or will be once a batch is written."""
    found: dict[Name, Open] = {}
    asked: list[Name] = []
    for name in names:
        hold = uncommitted.placed.get(name)
        if hold is None:
            if name not in uncommitted.ended:
                asked.append(name)
        elif hold.state is HoldState.OPEN:
            found[name] = hold.sequence, hold.amount_micros or 0
    if asked:
        # As JSON, and as numbers in binary: both cost Python the least. The offset keeps the
        # planner from turning the join round: it thinks that few holds are open.
        rows = database.execute(
            "SELECT number, sequence, amount_micros FROM jsonb_array_elements(%s)"
            " WITH ORDINALITY AS ended (name, number), LATERAL ("
            "SELECT sequence, amount_micros FROM holds WHERE tenant_id = name ->> 0"
            " AND hold_id = name ->> 1 AND state = 'OPEN' OFFSET 0) AS hold",
            [Jsonb(asked, dumps=msgspec.json.encode)],
            binary=True,
        ).fetchall()
        for number, sequence, amount_micros in rows:
            found[asked[number - 1]] = sequence, amount_micros
    return found


def fold(
    batch: Batch, holds: Folded, find: Callable[[set[Name]], Mapping[Name, Open]]
) -> dict[int, int]:
    """Place and end holds; what the event at each offset gave back.

    `find` tells which holds were open before the batch. Raises `BrokenLog` where one ends that
    is not open.
    """
    answered, placed, ended = holds
    released: dict[int, int] = {}
    older: list[tuple[int, Event, Name]] = []
    for offset, event in batch:
        if type(event) is HoldPlaced or type(event) is HoldRefused:
            hold = _answered(event)
            answered.append(hold)
            if hold.state is not HoldState.REFUSED:
                placed[hold.tenant_id, hold.hold_id] = hold
        elif (name := ended_by(event)) is not None:
            hold = placed.get(name)
            if hold is None:
                older.append((offset, event, name))
            elif hold.state is HoldState.OPEN:
                hold.state, hold.ended_at_ms, hold.usage_event_id = _end(event)
                released[offset] = hold.amount_micros or 0
            else:
                raise _not_open(offset, name)
    found = find({name for _, _, name in older})
    for offset, event, name in older:
        if name in ended or name not in found:
            raise _not_open(offset, name)
        sequence, released[offset] = found[name]
        ended[name] = Ended(name[0], sequence, *_end(event))
    return released


def ended_by(event: Event) -> Name | None:
    """The hold that the event ends."""
    if isinstance(event, EndsHold):
        if not event.ends_hold:
            return None
        assert isinstance(event.usage, CallUsage)
        assert event.usage.hold_id is not None
        return event.originator_id, event.usage.hold_id
    if type(event) is HoldVoided or type(event) is HoldExpired:
        return event.originator_id, event.hold_id
    return None


def _answered(event: HoldPlaced | HoldRefused) -> Hold:
    placed = event if isinstance(event, HoldPlaced) else None
    came_late = placed is not None and placed.means is HoldMeans.USAGE_CAME_FIRST
    state = HoldState.REFUSED if placed is None else HoldState.OPEN
    return Hold(
        event.originator_id,
        event.originator_version,
        event.hold_id,
        event.project_id,
        event.tier,
        event.duration_cap_ms,
        HoldState.CAPTURED if came_late else state,
        placed and placed.means,
        event.refusal if isinstance(event, HoldRefused) else None,
        event.amount_micros,
        event.recorded_at_ms,
        placed and placed.expires_at_ms,
        event.recorded_at_ms if came_late else None,
    )


def _not_open(offset: int, name: Name) -> BrokenLog:
    return BrokenLog(f"offset {offset}: {name[0]} has no open hold {name[1]}")


def _end(event: Event) -> tuple[HoldState, int, str | None]:
    """A row's state, when it ended, and the usage that captured it."""
    if isinstance(event, EndsHold):
        return HoldState.CAPTURED, event.recorded_at_ms, event.usage.event_id
    state = HoldState.EXPIRED if isinstance(event, HoldExpired) else HoldState.VOIDED
    return state, event.recorded_at_ms, None
