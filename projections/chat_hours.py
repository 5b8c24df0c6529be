"""The `chat_hours` table: the tokens that are charged together, and whether they were yet."""

from typing import Final

import msgspec
from msgspec.structs import astuple

from ledger.events import ChargeReversed, ChatCharged, ChatCounted, ChatHour, ChatUncounted, Event
from projections.database import Database
from projections.keyed import Key, Keyed
from projections.logged import Batch
from projections.rows import Table


class ChatHourRow(msgspec.Struct, gc=False, array_like=True):
    """Tokens of a project's chats in one UTC hour, mode and card, that are charged at one close.

    `held_micros` is what events set aside for them until then, `price_micros` what they come to;
    `charged_at_ms` is None as long as they are not charged.
    """

    tenant_id: str
    project_id: str
    started_at_ms: int
    is_simulated: bool
    card_id: str
    card_version: int
    closes_at_ms: int
    input_tokens: int = 0
    output_tokens: int = 0
    held_micros: int = 0
    charged_at_ms: int | None = None
    price_micros: int = 0

    @property
    def unheld_micros(self) -> int:
        """What they cost beyond what is held: it counts as held as far as there is something."""
        if self.is_simulated or self.charged_at_ms is not None:
            return 0
        return max(0, self.price_micros - self.held_micros)


def _hour_of(event: Event) -> ChatHour | None:
    match event:
        case ChatCounted() | ChatUncounted() | ChatCharged():
            return event.hour
        case ChargeReversed(charged=ChatHour() as hour):
            return hour
        case _:
            return None


def _moved_by(event: Event) -> Key | None:
    hour = _hour_of(event)
    return None if hour is None else (event.originator_id, *astuple(hour))


TABLE: Final = Table("chat_hours", ChatHourRow)
MODEL: Final = Keyed(
    TABLE,
    {
        "tenant_id": "text",
        "project_id": "text",
        "started_at_ms": "bigint",
        "is_simulated": "boolean",
        "card_id": "text",
        "card_version": "integer",
        "closes_at_ms": "bigint",
    },
    _moved_by,
)


# ── Queries ──


def open_hours(database: Database, tenant_id: str) -> list[ChatHourRow]:
    """The tenant's hours that are not charged yet, the oldest first."""
    return TABLE.select(
        database,
        "WHERE tenant_id = %s AND charged_at_ms IS NULL"
        " ORDER BY closes_at_ms, started_at_ms, project_id, is_simulated",
        [tenant_id],
    )


# ── Fold ──


def fold(batch: Batch, hours: dict[Key, ChatHourRow]) -> tuple[dict[int, int], dict[int, int]]:
    """Count, charge and open hours again.

    What the event at each offset gave back of a hold, and by how much more is unheld since.
    """
    released: dict[int, int] = {}
    unheld: dict[int, int] = {}
    for offset, event in batch:
        key = _moved_by(event)
        if key is None:
            continue
        row = hours.get(key)
        if row is None:
            row = hours[key] = ChatHourRow(*key)
        before_micros = row.unheld_micros
        match event:
            case ChatCounted():
                row.input_tokens += event.usage.input_tokens
                row.output_tokens += event.usage.output_tokens
                row.held_micros += event.held_micros
                row.price_micros = event.price_micros
            case ChatUncounted():
                row.input_tokens -= event.input_tokens
                row.output_tokens -= event.output_tokens
                row.held_micros += event.held_micros
                row.price_micros = event.price_micros
            case ChatCharged():
                released[offset], row.held_micros = row.held_micros, 0
                row.charged_at_ms = event.recorded_at_ms
            case _:
                row.charged_at_ms, row.price_micros = None, 0
        unheld[offset] = row.unheld_micros - before_micros
    return released, unheld
