"""The `movements` table: the history of every balance, with the balance after each movement."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple, cast, get_args

import msgspec
from psycopg import sql

from ledger import events as done
from ledger.events import Event
from ledger.rates import PricedLine
from ledger.usage import CallOutcome, Tier
from projections.database import Database
from projections.logged import Batch, Place
from projections.rows import Stage, Table, listed


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


class _Line(msgspec.Struct, frozen=True, gc=False, array_like=True):
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


class Movement(_Line, frozen=True, gc=False, array_like=True):
    """One line of a tenant's history, in micro-dollars and UTC milliseconds.

    `movement_micros` is what the balance changed by, 0 for a simulated charge. `amount_micros` is
    what the line is about: of a charge its full price, of which `arrears_micros` stayed owed.
    """

    lines: tuple[PricedLine, ...] | None = None

    @property
    def position(self) -> Position:
        """Its place in the tenant's history."""
        return Position(self.recorded_at_ms, self.sequence, self.line)


class Staged(_Line, frozen=True, gc=False, array_like=True):
    """A movement on its way: `price` counts, from 1, the different priced lines of its batch."""

    price: int | None = None


Other = done.ArrearsCollected | done.TopUpSettled | done.CreditGranted | done.BalanceAdjusted
"""What moves a balance, but for charges."""

OTHERS: Final = frozenset(get_args(Other))

TABLE: Final = Table("movements", Movement)
STAGE: Final = Stage(
    "staged_movements",
    Staged,
    sql.SQL("SELECT {}, NULL::integer AS price FROM movements").format(
        listed(_Line.__struct_fields__)
    ),
    sql.SQL(
        "INSERT INTO movements ({columns}, lines)"
        " SELECT {columns}, (%s::jsonb[])[price] FROM staged_movements"
    ).format(columns=listed(_Line.__struct_fields__)),
)

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


Prices = dict[tuple[PricedLine, ...], int]
"""The different priced lines of a batch, counted from 1."""


def fold(place: Place, batch: Batch, balances: dict[str, int], prices: Prices) -> list[Staged]:
    """The lines of history, as `balances` and `prices` move on.

    A tenant without a balance starts from nothing.
    """
    rows: list[Staged] = []
    for offset, event in batch:
        if type(event) is done.CallCharged:
            price = prices.setdefault(event.lines, len(prices) + 1)
            row = _charge(place, offset, event, balances.get(event.originator_id, 0), price)
            rows.append(row)
        elif type(event) in OTHERS:
            other = cast(Other, event)
            lines = _lines(place, offset, other, balances.get(event.originator_id, 0))
            rows += lines
            row = lines[-1]
        else:
            continue
        balances[row.tenant_id] = row.balance_after_micros
    return rows


def write(database: Database, count: int, parts: Iterable[bytes], prices: Prices) -> None:
    """Add so many rows, encoded by `csv`; a price that many share is sent once."""
    texts = [msgspec.json.encode(lines).decode() for lines in prices]
    STAGE.write(database, count, parts, [texts])


def _lines(place: Place, offset: int, event: Other, balance_micros: int) -> list[Staged]:
    match event:
        case done.ArrearsCollected():
            return list(_portions(place, offset, event, balance_micros))
        case done.TopUpSettled():
            kind, payment_id = MovementKind.TOP_UP, event.payment_id
        case done.CreditGranted():
            kind, payment_id = MovementKind.GRANT, None
        case done.BalanceAdjusted():
            kind, payment_id = MovementKind.ADJUSTMENT, None
    movement = Staged(
        *_envelope(place, offset, event),
        kind,
        event.amount_micros,
        balance_micros + event.amount_micros,
        event.amount_micros,
        reason=event.reason,
        payment_id=payment_id,
    )
    return [movement]


def _charge(
    place: Place, offset: int, event: done.CallCharged, balance_micros: int, price: int
) -> Staged:
    usage = event.usage
    paid_micros = event.paid_micros
    amount_micros = event.amount_micros
    # By position: most rows are made here.
    return Staged(
        place.generation,
        place.partition,
        offset,
        event.originator_id,
        event.originator_version,
        event.event_id,
        event.occurred_at_ms,
        event.recorded_at_ms,
        event.actor,
        MovementKind.CALL,
        -paid_micros,
        balance_micros - paid_micros,
        amount_micros,
        0,
        0 if event.is_simulated else amount_micros - paid_micros,
        event.is_simulated,
        None,
        None,
        usage.event_id,
        None,
        usage.project_id,
        usage.call_id,
        usage.tier,
        event.outcome,
        event.card_id,
        event.card_version,
        price,
    )


def _portions(
    place: Place, offset: int, event: done.ArrearsCollected, balance_micros: int
) -> Iterator[Staged]:
    envelope = _envelope(place, offset, event)
    for line, portion in enumerate(event.portions):
        balance_micros -= portion.amount_micros
        yield Staged(
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
