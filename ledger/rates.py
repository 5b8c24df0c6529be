"""Rate cards: named lines with prices, versioned, and how a call is priced by one."""

from typing import Final

import msgspec

from ledger.money import MICROS_PER_CENT
from ledger.usage import (
    INCLUDED_MS,
    CallOutcome,
    CallUsage,
    Tier,
    call_outcome,
    overage_minutes,
)

DEFAULT_CARD_ID: Final = "default"
PER_CALL: Final = "call"
PER_OVERAGE_MINUTE: Final = "started minute"


class RateLine(msgspec.Struct, frozen=True):
    """One price on a card. `is_example` marks a price the operator has yet to set."""

    line: str
    unit: str
    price_micros: int
    is_example: bool = False


class PricedLine(msgspec.Struct, frozen=True, gc=False):
    """One line of a charge: what priced it, how many units, and the amount in micro-dollars."""

    line: str
    quantity: int
    amount_micros: int


class CallPrice(msgspec.Struct, frozen=True):
    """What a call costs by a version of a card; shared between calls that cost the same."""

    card_id: str
    card_version: int
    outcome: CallOutcome
    lines: tuple[PricedLine, ...]
    amount_micros: int


class RateCard:
    """A version of a card, in force for what begins at `effective_from_ms` (UTC) or later."""

    def __init__(
        self, card_id: str, version: int, effective_from_ms: int, lines: tuple[RateLine, ...]
    ) -> None:
        self.card_id = card_id
        self.version = version
        self.effective_from_ms = effective_from_ms
        self.lines = lines
        self._price_micros = {line.line: line.price_micros for line in lines}
        self._call_prices: dict[tuple[Tier, CallOutcome, int], CallPrice | None] = {}

    def price_call(self, usage: CallUsage) -> CallPrice | None:
        """The price of a completed call; None if the card lacks a line it needs."""
        duration_ms = usage.duration_ms
        # Most calls are short.
        is_longer = duration_ms > INCLUDED_MS
        overage = overage_minutes(duration_ms, usage.duration_cap_ms) if is_longer else 0
        key = (usage.tier, call_outcome(usage), overage)
        try:
            return self._call_prices[key]
        except KeyError:
            return self._call_prices.setdefault(key, self._price(*key))

    def most_a_call_can_cost_micros(self, tier: Tier, duration_cap_ms: int) -> int | None:
        """The worst case a hold sets aside (PRODUCT decision 3); None if a price is missing."""
        overage = overage_minutes(duration_cap_ms, duration_cap_ms)
        prices = [self._price(tier, outcome, overage) for outcome in CallOutcome]
        amounts = [price.amount_micros for price in prices if price is not None]
        return max(amounts) if len(amounts) == len(prices) else None

    def _price(self, tier: Tier, outcome: CallOutcome, overage: int) -> CallPrice | None:
        wanted = [(call_line(tier, outcome), 1)]
        if overage:
            wanted.append((overage_line(tier), overage))
        if any(line not in self._price_micros for line, _ in wanted):
            return None
        lines = tuple(
            PricedLine(line, quantity, quantity * self._price_micros[line])
            for line, quantity in wanted
        )
        amount_micros = sum(line.amount_micros for line in lines)
        return CallPrice(self.card_id, self.version, outcome, lines, amount_micros)


class CardBook:
    """The cards a partition has adopted, the highest version first."""

    def __init__(self, versions: tuple[RateCard, ...] = ()) -> None:
        self._versions = versions

    def with_card(self, card: RateCard) -> "CardBook":
        """A book that holds this card too."""
        versions = sorted([*self._versions, card], key=lambda card: card.version, reverse=True)
        return CardBook(tuple(versions))

    def in_force(self, began_ms: int) -> RateCard | None:
        """The highest version in force at that moment; None before the first adoption."""
        for card in self._versions:
            if card.effective_from_ms <= began_ms:
                return card
        return None


def call_line(tier: Tier, outcome: CallOutcome) -> str:
    """The name of the line that prices a call, as it stands on the card."""
    return f"calls.{tier.lower()}.{outcome.lower()}"


def overage_line(tier: Tier) -> str:
    """The name of the line that prices a started minute beyond 5:00."""
    return f"calls.{tier.lower()}.overage_minute"


def _call_lines(
    tier: Tier, success: int, real: int, spam: int, overage: int, *, example: bool
) -> tuple[RateLine, ...]:
    """A tier's four lines; prices in cents. No tier's overage price is set by the product."""
    cents = {
        CallOutcome.SUCCESS: success,
        CallOutcome.REAL_CONVERSATION: real,
        CallOutcome.SPAM_OR_SILENT: spam,
    }
    return (
        *(
            RateLine(call_line(tier, outcome), PER_CALL, price * MICROS_PER_CENT, example)
            for outcome, price in cents.items()
        ),
        RateLine(
            overage_line(tier), PER_OVERAGE_MINUTE, overage * MICROS_PER_CENT, is_example=True
        ),
    )


DEFAULT_CARD: Final = RateCard(
    card_id=DEFAULT_CARD_ID,
    version=1,
    effective_from_ms=0,
    lines=(
        *_call_lines(Tier.ECONOMY, 60, 40, 5, 8, example=True),
        *_call_lines(Tier.STANDARD, 90, 60, 10, 12, example=False),
        *_call_lines(Tier.PREMIUM, 150, 100, 15, 20, example=True),
    ),
)
