"""Rate cards: named lines with prices, versioned, and how a call is priced by one."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.money import MICROS_PER_CENT, MICROS_PER_USD, round_half_even
from ledger.usage import (
    FREE_PAGES_MAX,
    INCLUDED_MS,
    TIME_MS_MAX,
    Activity,
    AnyUsage,
    CallOutcome,
    CallUsage,
    CrawlUsage,
    Tier,
    call_outcome,
    is_id,
    overage_minutes,
)

DEFAULT_CARD_ID: Final = "default"
PER_CALL: Final = "call"
PER_OVERAGE_MINUTE: Final = "started minute"
PER_CRAWLER_HOUR: Final = "crawler-hour"
PER_MILLION_TOKENS: Final = "million tokens"
CRAWLER_LINE: Final = "crawls.hour"
INPUT_TOKENS_LINE: Final = "chat.input_tokens"
OUTPUT_TOKENS_LINE: Final = "chat.output_tokens"
MS_PER_HOUR: Final = 3_600_000
TOKENS_PER_UNIT: Final = 1_000_000


class RateLine(msgspec.Struct, frozen=True):
    """One price on a card. `is_example` marks a price the operator has yet to set."""

    line: str
    unit: str
    price_micros: int
    is_example: bool = False


class PublishedCard(msgspec.Struct, frozen=True):
    """A version of a card as it stands on `rate.cards`."""

    card_id: str
    card_version: int
    effective_from_ms: int
    lines: tuple[RateLine, ...]
    actor: str
    reason: str

    @property
    def name(self) -> tuple[str, int]:
        """The card's id and version."""
        return self.card_id, self.card_version


class PricedLine(msgspec.Struct, frozen=True, gc=False):
    """One line of a charge: what priced it, how much of it, and the amount in micro-dollars.

    `quantity` counts calls, started minutes, milliseconds of crawling, or tokens.
    """

    line: str
    quantity: int
    amount_micros: int


class Price(msgspec.Struct, frozen=True):
    """What something costs by a version of a card."""

    card_id: str
    card_version: int
    lines: tuple[PricedLine, ...]
    amount_micros: int


class CallPrice(Price, frozen=True):
    """What a call costs; shared between calls that cost the same."""

    outcome: CallOutcome


PRICE_MICROS_MAX: Final = 10**12
LINES_MAX: Final = 500


def fault_in_card(
    card_id: str, version: int, effective_from_ms: int, lines: Sequence[RateLine]
) -> str | None:
    """What keeps a published card from being adopted, as a sentence; None if nothing does."""
    names = [line.line for line in lines]
    if not is_id(card_id) or version < 1:
        return "card_id must be 1 to 64 printable characters, card_version at least 1"
    if not 0 <= effective_from_ms <= TIME_MS_MAX or effective_from_ms % MS_PER_HOUR:
        return "effective_from_ms must be a full hour (UTC)"
    if not 0 < len(names) <= LINES_MAX or len(set(names)) < len(names):
        return f"a card has 1 to {LINES_MAX} lines, each once"
    broken = [line.line for line in lines if not _is_sound(line)]
    return f"lines out of range: {', '.join(broken)}"[:200] if broken else None


def _is_sound(line: RateLine) -> bool:
    return is_id(line.line) and is_id(line.unit) and 0 <= line.price_micros <= PRICE_MICROS_MAX


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

    def price(self, usage: AnyUsage) -> Price | None:
        """The price of usage by itself; None if the card lacks a line it needs."""
        if isinstance(usage, CallUsage):
            return self.price_call(usage)
        if isinstance(usage, CrawlUsage):
            return self.price_crawl(usage)
        return self.price_chat(usage.input_tokens, usage.output_tokens)

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

    def price_crawl(self, usage: CrawlUsage) -> Price | None:
        """The price of a run: nothing up to 100 pages, else its whole time to the millisecond."""
        price_micros = self._price_micros.get(CRAWLER_LINE)
        if price_micros is None:
            return None
        charged_ms = usage.duration_ms if usage.pages_fetched > FREE_PAGES_MAX else 0
        amount_micros = round_half_even(charged_ms * price_micros, MS_PER_HOUR)
        line = PricedLine(CRAWLER_LINE, charged_ms, amount_micros)
        return Price(self.card_id, self.version, (line,), amount_micros)

    def price_chat(self, input_tokens: int, output_tokens: int) -> Price | None:
        """The price of tokens, rounded once; what the lines' parts lack is the output's."""
        input_micros = self._price_micros.get(INPUT_TOKENS_LINE)
        output_micros = self._price_micros.get(OUTPUT_TOKENS_LINE)
        if input_micros is None or output_micros is None:
            return None
        exact = input_tokens * input_micros, output_tokens * output_micros
        amount_micros = round_half_even(sum(exact), TOKENS_PER_UNIT)
        of_input_micros = exact[0] // TOKENS_PER_UNIT
        lines = (
            PricedLine(INPUT_TOKENS_LINE, input_tokens, of_input_micros),
            PricedLine(OUTPUT_TOKENS_LINE, output_tokens, amount_micros - of_input_micros),
        )
        return Price(self.card_id, self.version, lines, amount_micros)

    def prices(self, activity: Activity) -> bool:
        """Whether it has every line that such an activity needs."""
        is_crawl = activity is Activity.CRAWL
        needed = (CRAWLER_LINE,) if is_crawl else (INPUT_TOKENS_LINE, OUTPUT_TOKENS_LINE)
        return all(line in self._price_micros for line in needed)

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
        return CallPrice(self.card_id, self.version, lines, amount_micros, outcome)


class CardBook:
    """The cards a partition has adopted: of each id the highest version first."""

    def __init__(self, versions: Sequence[RateCard] = ()) -> None:
        self._versions = versions
        self._cards: dict[str, list[RateCard]] = {}
        for card in sorted(versions, key=lambda card: card.version, reverse=True):
            self._cards.setdefault(card.card_id, []).append(card)

    @property
    def versions_count(self) -> int:
        """How many versions were adopted, of all cards."""
        return len(self._versions)

    def with_card(self, card: RateCard) -> "CardBook":
        """A book that holds this card too."""
        return CardBook((*self._versions, card))

    def in_force(self, began_ms: int, card_id: str = DEFAULT_CARD_ID) -> RateCard | None:
        """The highest version in force at that moment; None if there is none yet."""
        for card in self._cards.get(card_id, ()):
            if card.effective_from_ms <= began_ms:
                return card
        return None

    def newest(self, card_id: str) -> RateCard | None:
        """The highest version, in force or not; None of a card that nobody published."""
        versions = self._cards.get(card_id)
        return versions[0] if versions else None

    def version(self, card_id: str, version: int) -> RateCard | None:
        """That version; None if it was not adopted."""
        of_id = self._cards.get(card_id, ())
        return next((card for card in of_id if card.version == version), None)


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
        RateLine(CRAWLER_LINE, PER_CRAWLER_HOUR, MICROS_PER_USD),
        RateLine(INPUT_TOKENS_LINE, PER_MILLION_TOKENS, 50 * MICROS_PER_CENT),
        RateLine(OUTPUT_TOKENS_LINE, PER_MILLION_TOKENS, 150 * MICROS_PER_CENT),
    ),
)
