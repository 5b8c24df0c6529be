"""What all events share: the envelope, and the words and portions that several kinds use."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from ledger.rates import PricedLine
from ledger.usage import Word

if TYPE_CHECKING:
    from ledger.wallet.state import WalletState


PAYMENT_LOTS: Final = "payment/"


class ProjectMode(Word):
    """In sandbox charges are computed and move nothing."""

    SANDBOX = "SANDBOX"
    LIVE = "LIVE"


class LotKind(Word):
    """Where a lot came from; only payments were paid, so only they can be refunded."""

    PAYMENT = "PAYMENT"
    GRANT = "GRANT"
    ADJUSTMENT = "ADJUSTMENT"


class HoldMeans(Word):
    """What an allowed hold amounts to."""

    SET_ASIDE = "SET_ASIDE"
    SANDBOX = "SANDBOX"
    USAGE_CAME_FIRST = "USAGE_CAME_FIRST"


class ReviewReason(Word):
    """Why usage waits for an operator instead of being charged."""

    NO_PRICE = "NO_PRICE"
    TOO_OLD = "TOO_OLD"
    IN_THE_FUTURE = "IN_THE_FUTURE"
    CORRECTION = "CORRECTION"
    CORRECTED_BEFORE = "CORRECTED_BEFORE"
    ORIGINAL_UNKNOWN = "ORIGINAL_UNKNOWN"


class Draw(msgspec.Struct, frozen=True, gc=False):
    """What was taken from one lot."""

    lot_id: str
    amount_micros: int


class ArrearsPortion(msgspec.Struct, frozen=True, gc=False):
    """What was collected of one charge's arrears, named by the charge's own event."""

    charge_event_id: str
    amount_micros: int


def lines_micros(lines: tuple[PricedLine, ...]) -> int:
    """What a price comes to."""
    # One line is the rule, and every replay comes here.
    if len(lines) == 1:
        return lines[0].amount_micros
    total_micros = 0
    for line in lines:
        total_micros += line.amount_micros
    return total_micros


def drawn_micros(draws: tuple[Draw, ...]) -> int:
    """What draws come to."""
    total_micros = 0
    for draw in draws:
        total_micros += draw.amount_micros
    return total_micros


def portions_micros(portions: tuple[ArrearsPortion, ...]) -> int:
    """What portions of arrears come to."""
    return sum(portion.amount_micros for portion in portions)


def cut_draws(
    draws: tuple[Draw, ...], skipped_micros: int, amount_micros: int
) -> tuple[tuple[Draw, ...], int]:
    """The draws that make up an amount after skipping another; and what credit had to add."""
    cut: list[Draw] = []
    for draw in draws:
        skipped_here_micros = min(draw.amount_micros, skipped_micros)
        skipped_micros -= skipped_here_micros
        part_micros = min(draw.amount_micros - skipped_here_micros, amount_micros)
        if part_micros:
            cut.append(Draw(draw.lot_id, part_micros))
            amount_micros -= part_micros
    return tuple(cut), amount_micros


def payment_lot(payment_id: str) -> str:
    """The name of a payment's lot; no event id looks like it."""
    return f"{PAYMENT_LOTS}{payment_id}"


def drawn_from_payments_micros(draws: tuple[Draw, ...]) -> int:
    """What of the draws came from payments; the rest was never paid."""
    return sum(draw.amount_micros for draw in draws if draw.lot_id.startswith(PAYMENT_LOTS))


class ChatHour(msgspec.Struct, frozen=True, order=True, gc=False):
    """The tokens of a project that are charged together: of one UTC hour, one mode, one card.

    Tokens that come after their hour was charged are charged at a later close: `closes_at_ms`
    tells the two apart.
    """

    project_id: str
    started_at_ms: int
    is_simulated: bool
    card_id: str
    card_version: int
    closes_at_ms: int


class Event(msgspec.Struct, frozen=True, gc=False):
    """The envelope. With `prev` (the hash of the value before it, added by the codec) it chains.

    `event_id` is derived from the position of the input that caused the event and an index;
    `originator_id` is the tenant (empty for the partition's own events), `originator_version` the
    event's place in the tenant's sequence, from 1; `input_hash` the first 16 bytes of the SHA-256
    of the input's content.
    """

    originator_id: str
    originator_version: int
    event_id: str
    occurred_at_ms: int
    recorded_at_ms: int
    input_id: str
    input_hash: bytes
    actor: str


class WalletEvent(Event, frozen=True, gc=False):
    """An event of one wallet. `answers`: it is the outcome of the input that caused it."""

    answers: ClassVar[bool] = True

    def mutate(self, wallet: WalletState) -> None:
        """Apply the event's facts to the wallet."""
        raise NotImplementedError
