"""The `movements` table: the history of every balance, with the balance after each movement."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple, cast, get_args

import msgspec
from psycopg import sql

from ledger import events as done
from ledger.events import Event
from ledger.rates import PricedLine
from ledger.usage import CallOutcome, CallUsage, CrawlUsage, Tier, call_outcome
from projections.database import Database
from projections.logged import Batch, Place
from projections.rows import Stage, Table, listed


class MovementKind(StrEnum):
    """What moved the balance."""

    TOP_UP = "TOP_UP"
    GRANT = "GRANT"
    ADJUSTMENT = "ADJUSTMENT"
    CALL = "CALL"
    CRAWL = "CRAWL"
    CHAT = "CHAT"
    REVERSAL = "REVERSAL"
    ARREARS_COLLECTED = "ARREARS_COLLECTED"
    WRITE_OFF = "WRITE_OFF"
    UNDO = "UNDO"


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
    corrects: str | None = None
    crawl_id: str | None = None
    hour_started_at_ms: int | None = None
    undone_event_id: str | None = None
    undone_type: str | None = None
    paid_micros: int = 0
    unpaid_micros: int = 0
    credit_micros: int = 0


class Movement(_Line, frozen=True, gc=False, array_like=True):
    """One line of a tenant's history, in micro-dollars and UTC milliseconds.

    `movement_micros` is what the balance changed by, 0 for a simulated charge. `amount_micros` is
    what the line is about: of a charge its full price, of a reversal that of the charge it undid.
    By `arrears_micros` more is owed since. The movement is one of what is left of payments
    (`paid_micros`) and of other funds (`unpaid_micros`), less the credit used (`credit_micros`).
    `charge_event_id` names the charge that a reversal, collected arrears or a write-off is about,
    `corrects` the usage that a new charge replaces.
    """

    lines: tuple[PricedLine, ...] | None = None

    @property
    def position(self) -> Position:
        """Its place in the tenant's history."""
        return Position(self.recorded_at_ms, self.sequence, self.line)


class Staged(_Line, frozen=True, gc=False, array_like=True):
    """A movement on its way: `price` counts, from 1, the different priced lines of its batch."""

    price: int | None = None


PricedUsage = done.CrawlCharged | done.ChatCharged | done.ChargeReversed
"""What has a price; charges of calls, of which there are most, apart."""

Unpriced = (
    done.ArrearsCollected
    | done.ArrearsWrittenOff
    | done.TopUpSettled
    | done.CreditGranted
    | done.BalanceAdjusted
    | done.OperationUndone
)
"""What else stands in a history."""

PRICED: Final = frozenset(get_args(PricedUsage))
UNPRICED: Final = frozenset(get_args(Unpriced))

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
        elif type(event) in PRICED:
            priced = cast(PricedUsage, event)
            price = prices.setdefault(priced.lines, len(prices) + 1)
            row = _priced(place, offset, priced, balances.get(event.originator_id, 0), price)
            rows.append(row)
        elif type(event) in UNPRICED:
            unpriced = cast(Unpriced, event)
            lines = _lines(place, offset, unpriced, balances.get(event.originator_id, 0))
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


def _lines(place: Place, offset: int, event: Unpriced, balance_micros: int) -> list[Staged]:
    paid_micros, credit_micros, arrears_micros = 0, 0, 0
    payment_id: str | None = None
    undone: tuple[str | None, str | None] = None, None
    match event:
        case done.ArrearsCollected() | done.ArrearsWrittenOff():
            return list(_portions(place, offset, event, balance_micros))
        case done.TopUpSettled():
            kind, payment_id = MovementKind.TOP_UP, event.payment_id
            paid_micros = event.amount_micros
        case done.CreditGranted():
            kind = MovementKind.GRANT
        case done.BalanceAdjusted():
            kind, credit_micros = MovementKind.ADJUSTMENT, event.credit_micros
            paid_micros = -done.drawn_from_payments_micros(event.draws)
        case done.OperationUndone():
            kind, credit_micros = MovementKind.UNDO, -event.credit_micros
            undone = event.undone_event_id, event.undone_type
            paid_micros = done.drawn_from_payments_micros(event.returned)
            arrears_micros = done.portions_micros(event.portions)
    movement = Staged(
        *_envelope(place, offset, event),
        kind,
        event.amount_micros,
        balance_micros + event.amount_micros,
        event.amount_micros,
        arrears_micros=arrears_micros,
        reason=event.reason,
        payment_id=payment_id,
        undone_event_id=undone[0],
        undone_type=undone[1],
        paid_micros=paid_micros,
        unpaid_micros=event.amount_micros - paid_micros + credit_micros,
        credit_micros=credit_micros,
    )
    return [movement]


def _priced(
    place: Place, offset: int, event: PricedUsage, balance_micros: int, price: int
) -> Staged:
    drawn_micros = done.drawn_micros(event.draws)
    paid_micros = done.drawn_from_payments_micros(event.draws)
    if isinstance(event, done.ChargeReversed):
        kind, sign = MovementKind.REVERSAL, 1
        amount_micros, arrears_micros = event.price_micros, -event.arrears_micros
        card, charge_event_id = (event.card_id, event.card_version), event.charge_event_id
    else:
        is_crawl = isinstance(event, done.CrawlCharged)
        kind, sign = MovementKind.CRAWL if is_crawl else MovementKind.CHAT, -1
        amount_micros, arrears_micros = event.amount_micros, event.arrears_micros
        card, charge_event_id = event.card, None
    movement_micros = sign * (drawn_micros + event.credit_micros)
    about = event.charged
    call = about if isinstance(about, CallUsage) else None
    usage = None if isinstance(about, done.ChatHour) else about
    return Staged(
        *_envelope(place, offset, event),
        kind,
        movement_micros,
        balance_micros + movement_micros,
        amount_micros,
        arrears_micros=arrears_micros,
        is_simulated=event.is_simulated,
        usage_event_id=usage and usage.event_id,
        charge_event_id=charge_event_id,
        project_id=about.project_id,
        call_id=call and call.call_id,
        tier=call and call.tier,
        outcome=call and call_outcome(call),
        card_id=card[0],
        card_version=card[1],
        corrects=usage and usage.corrects,
        crawl_id=about.crawl_id if isinstance(about, CrawlUsage) else None,
        hour_started_at_ms=about.started_at_ms if isinstance(about, done.ChatHour) else None,
        paid_micros=sign * paid_micros,
        unpaid_micros=sign * (drawn_micros - paid_micros),
        credit_micros=-sign * event.credit_micros,
        price=price,
    )


def _charge(
    place: Place, offset: int, event: done.CallCharged, balance_micros: int, price: int
) -> Staged:
    usage, credit_micros = event.usage, event.credit_micros
    drawn_micros = done.drawn_micros(event.draws)
    paid_micros = done.drawn_from_payments_micros(event.draws)
    movement_micros = -drawn_micros - credit_micros
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
        movement_micros,
        balance_micros + movement_micros,
        amount_micros,
        0,
        0 if event.is_simulated else amount_micros + movement_micros,
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
        usage.corrects,
        None,
        None,
        None,
        None,
        -paid_micros,
        paid_micros - drawn_micros,
        credit_micros,
        price,
    )


def _portions(
    place: Place,
    offset: int,
    event: done.ArrearsCollected | done.ArrearsWrittenOff,
    balance_micros: int,
) -> Iterator[Staged]:
    """What was collected is paid from the balance; what was written off is not paid at all."""
    envelope = _envelope(place, offset, event)
    if isinstance(event, done.ArrearsCollected):
        kind, draws, reason = MovementKind.ARREARS_COLLECTED, event.draws, None
    else:
        kind, draws, reason = MovementKind.WRITE_OFF, None, event.reason
    collected_micros = 0
    for line, portion in enumerate(event.portions):
        owed_micros = portion.amount_micros
        paid_micros = credit_micros = movement_micros = 0
        if draws is not None:
            drawn, credit_micros = done.cut_draws(draws, collected_micros, owed_micros)
            paid_micros = -done.drawn_from_payments_micros(drawn)
            movement_micros = -owed_micros
            collected_micros += owed_micros
        balance_micros += movement_micros
        yield Staged(
            *envelope,
            kind,
            movement_micros,
            balance_micros,
            owed_micros,
            line=line,
            arrears_micros=-owed_micros,
            reason=reason,
            charge_event_id=portion.charge_event_id,
            paid_micros=paid_micros,
            unpaid_micros=movement_micros - paid_micros + credit_micros,
            credit_micros=credit_micros,
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
