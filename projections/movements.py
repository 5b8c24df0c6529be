"""The `movements` table: the history of every balance, with the balance after each movement."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from ledger import events as done
from ledger.events import Event
from ledger.rates import PricedLine
from ledger.usage import CallOutcome, Tier
from projections.database import Database
from projections.logged import Logged, Place
from projections.rows import Table


class MovementKind(StrEnum):
    """What moved the balance."""

    TOP_UP = "TOP_UP"
    GRANT = "GRANT"
    ADJUSTMENT = "ADJUSTMENT"
    CALL = "CALL"
    ARREARS_COLLECTED = "ARREARS_COLLECTED"


class Position(NamedTuple):
    """A movement's place in a tenant's history; a page goes on from the last one shown."""

    recorded_at_ms: int
    sequence: int
    line: int


class Movement(msgspec.Struct, frozen=True, gc=False):
    """One line of a tenant's history, in micro-dollars and UTC milliseconds.

    `movement_micros` is what the balance changed by, 0 for a simulated charge. `amount_micros` is
    what the line is about: of a charge its full price, of which `arrears_micros` stayed owed.
    """

    generation: str
    partition: int
    log_offset: int
    tenant_id: str
    sequence: int
    event_id: str
    occurred_at_ms: int
    recorded_at_ms: int
    actor: str
    kind: MovementKind
    movement_micros: int
    balance_after_micros: int
    amount_micros: int
    line: int = 0
    arrears_micros: int = 0
    is_simulated: bool = False
    reason: str | None = None
    payment_id: str | None = None
    usage_event_id: str | None = None
    charge_event_id: str | None = None
    project_id: str | None = None
    call_id: str | None = None
    tier: Tier | None = None
    outcome: CallOutcome | None = None
    card_id: str | None = None
    card_version: int | None = None
    lines: tuple[PricedLine, ...] | None = None

    @property
    def position(self) -> Position:
        """Its place in the tenant's history."""
        return Position(self.recorded_at_ms, self.sequence, self.line)


Moving = (
    done.CallCharged
    | done.ArrearsCollected
    | done.TopUpSettled
    | done.CreditGranted
    | done.BalanceAdjusted
)
"""What moves a balance, or would have."""

TABLE: Final = Table("movements", Movement)

NEWEST: Final = Position(2**63 - 1, 2**63 - 1, 2**31 - 1)


# ── Queries ──


def page(
    database: Database,
    tenant_id: str,
    before: Position = NEWEST,
    limit: int = 50,
    *,
    project_id: str | None = None,
    from_ms: int = 0,
) -> list[Movement]:
    """The tenant's history, the newest first, from the line before `before`.

    Go on with the last line's `position` until a page is not full. Lines recorded earlier than
    `from_ms` are left out, and, given a project, all that is not of it.
    """
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND (recorded_at_ms, sequence, line) < (%s, %s, %s)"
        " AND recorded_at_ms >= %s AND (%s::text IS NULL OR project_id = %s)"
        " ORDER BY recorded_at_ms DESC, sequence DESC, line DESC LIMIT %s",
        [tenant_id, *before, from_ms, project_id, project_id, limit],
    )


# ── Fold ──


def fold(
    place: Place, batch: Iterable[Logged], balances_before: Mapping[str, int]
) -> list[Movement]:
    """The batch's lines of history; a tenant without a balance before starts from nothing."""
    balances = dict(balances_before)
    rows: list[Movement] = []
    for offset, event in batch:
        if isinstance(event, Moving):
            tenant_id = event.originator_id
            lines = _lines(place, offset, event, balances.get(tenant_id, 0))
            balances[tenant_id] = lines[-1].balance_after_micros
            rows += lines
    return rows


def _lines(place: Place, offset: int, event: Moving, balance_micros: int) -> list[Movement]:
    match event:
        case done.CallCharged():
            return [_charge(place, offset, event, balance_micros)]
        case done.ArrearsCollected():
            return list(_portions(place, offset, event, balance_micros))
        case done.TopUpSettled():
            kind, payment_id = MovementKind.TOP_UP, event.payment_id
        case done.CreditGranted():
            kind, payment_id = MovementKind.GRANT, None
        case done.BalanceAdjusted():
            kind, payment_id = MovementKind.ADJUSTMENT, None
    movement = Movement(
        *_envelope(place, offset, event),
        kind,
        event.amount_micros,
        balance_micros + event.amount_micros,
        event.amount_micros,
        reason=event.reason,
        payment_id=payment_id,
    )
    return [movement]


def _charge(place: Place, offset: int, event: done.CallCharged, balance_micros: int) -> Movement:
    usage = event.usage
    paid_micros = event.paid_micros
    amount_micros = event.amount_micros
    return Movement(
        *_envelope(place, offset, event),
        MovementKind.CALL,
        -paid_micros,
        balance_micros - paid_micros,
        amount_micros,
        arrears_micros=0 if event.is_simulated else amount_micros - paid_micros,
        is_simulated=event.is_simulated,
        usage_event_id=usage.event_id,
        project_id=usage.project_id,
        call_id=usage.call_id,
        tier=usage.tier,
        outcome=event.outcome,
        card_id=event.card_id,
        card_version=event.card_version,
        lines=event.lines,
    )


def _portions(
    place: Place, offset: int, event: done.ArrearsCollected, balance_micros: int
) -> Iterator[Movement]:
    envelope = _envelope(place, offset, event)
    for line, portion in enumerate(event.portions):
        balance_micros -= portion.amount_micros
        yield Movement(
            *envelope,
            MovementKind.ARREARS_COLLECTED,
            -portion.amount_micros,
            balance_micros,
            portion.amount_micros,
            line=line,
            charge_event_id=portion.charge_event_id,
        )


def _envelope(
    place: Place, offset: int, event: Event
) -> tuple[str, int, int, str, int, str, int, int, str]:
    return (
        place.generation,
        place.partition,
        offset,
        event.originator_id,
        event.originator_version,
        event.event_id,
        event.occurred_at_ms,
        event.recorded_at_ms,
        event.actor,
    )
