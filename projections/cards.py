"""The `adopted_cards` table: which partition prices with which version of a rate card."""

from typing import Final

import msgspec

from ledger.events import CardAdopted
from projections.database import Database
from projections.logged import Batch, Place
from projections.rows import Table, adding


class AdoptedCard(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A partition adopted a version, to price what begins at `effective_from_ms` or later."""

    generation: str
    partition: int
    card_id: str
    card_version: int
    effective_from_ms: int
    recorded_at_ms: int

    @property
    def name(self) -> tuple[str, int]:
        """The card's id and version."""
        return self.card_id, self.card_version


TABLE: Final = Table("adopted_cards", AdoptedCard)
STAGE: Final = adding(TABLE)


# ── Queries ──


def every(database: Database) -> list[AdoptedCard]:
    """All adoptions, by card, version and partition."""
    return TABLE.select(database, "ORDER BY card_id, card_version, partition", [])


def adopted(database: Database, card_id: str, card_version: int) -> list[AdoptedCard]:
    """The adoptions of one version."""
    return TABLE.select(
        database,
        "WHERE card_id = %s AND card_version = %s ORDER BY partition",
        [card_id, card_version],
    )


# ── Fold ──


def fold(place: Place, batch: Batch) -> list[AdoptedCard]:
    """The adoptions of a batch."""
    return [
        AdoptedCard(
            *place,
            event.card_id,
            event.card_version,
            event.effective_from_ms,
            event.recorded_at_ms,
        )
        for _, event in batch
        if type(event) is CardAdopted
    ]
