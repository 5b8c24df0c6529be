"""Whether a wallet's events make sense as money: prices, reach, and that nothing is lost."""

from collections.abc import Iterator
from typing import NamedTuple

from ledger.events import (
    ArrearsCollected,
    BalanceAdjusted,
    CallCharged,
    CreditGranted,
    Draw,
    HoldMeans,
    HoldPlaced,
    TopUpSettled,
    WalletEvent,
)
from ledger.rates import CardBook
from ledger.wallet import Wallet


class Doubt(NamedTuple):
    """What should have been, and what was."""

    expected: str
    found: str


class Account:
    """One wallet, followed event by event, and the sums that its figures must agree with."""

    def __init__(self, tenant_id: str) -> None:
        self.wallet = Wallet.of(tenant_id, 0)
        self.came_in_micros = 0
        self.charged_micros = 0
        self.is_followed = True
        """False once an event was missing or made no sense: the figures say nothing any more."""

    def take(self, event: WalletEvent, cards: CardBook) -> Iterator[Doubt]:
        """Apply the wallet's next event; what is wrong with it."""
        yield from self._before(event, cards)
        try:
            self.wallet.apply(event)
        except (AssertionError, KeyError) as error:
            self.is_followed = False
            yield Doubt("an event that fits the wallet", f"{type(event).__name__}: {error!r}")
            return
        self._sum_up(event)
        yield from self._after(event)

    def at_rest(self) -> Iterator[Doubt]:
        """What is wrong between inputs: arrears may stay only while nothing is available."""
        wallet = self.wallet
        if self.is_followed and wallet.arrears_micros > 0 and wallet.available_micros > 0:
            yield Doubt(
                f"arrears of {wallet.arrears_micros} to be collected",
                f"{wallet.available_micros} still available",
            )

    def _before(self, event: WalletEvent, cards: CardBook) -> Iterator[Doubt]:
        match event:
            case CallCharged():
                yield from self._fit_draws(event.draws)
                yield from self._fit_price(event, cards)
                yield from self._fit_reach(event)
            case ArrearsCollected():
                yield from self._fit_draws(event.draws)
                yield from _equal(
                    "drawn to collect arrears",
                    sum(portion.amount_micros for portion in event.portions),
                    _drawn(event.draws, event.credit_micros),
                )
            case BalanceAdjusted():
                yield from self._fit_draws(event.draws)
                yield from _equal(
                    "drawn for the adjustment",
                    max(0, -event.amount_micros),
                    _drawn(event.draws, event.credit_micros),
                )
            case _:
                pass

    def _fit_draws(self, draws: tuple[Draw, ...]) -> Iterator[Doubt]:
        for draw in draws:
            left_micros = self.wallet.unspent.get(draw.lot_id, 0)
            if not 0 < draw.amount_micros <= left_micros:
                yield Doubt(
                    f"at most {left_micros} from lot {draw.lot_id}", str(draw.amount_micros)
                )

    def _fit_price(self, event: CallCharged, cards: CardBook) -> Iterator[Doubt]:
        usage = event.usage
        card = cards.in_force(usage.started_at)
        price = card and card.price_call(usage)
        if card is None or price is None:
            yield Doubt("a card that prices the call", "none adopted")
            return
        yield from _equal(
            "card", f"{card.card_id} {card.version}", f"{event.card_id} {event.card_version}"
        )
        yield from _equal("outcome", price.outcome, event.outcome)
        yield from _equal("lines", price.lines, event.lines)

    def _fit_reach(self, event: CallCharged) -> Iterator[Doubt]:
        """A charge takes what its hold and the available balance cover, all of that, no more."""
        usage, wallet = event.usage, self.wallet
        is_simulated = not wallet.is_live(usage.project_id, usage.started_at)
        yield from _equal("simulated", is_simulated, event.is_simulated)
        own_hold_micros = wallet.holds.get(usage.hold_id) if usage.hold_id is not None else None
        yield from _equal("captures its hold", own_hold_micros is not None, event.ends_hold)
        reach_micros = (own_hold_micros or 0) + max(0, wallet.available_micros)
        expected_micros = 0 if is_simulated else min(event.amount_micros, reach_micros)
        yield from _equal("paid", expected_micros, event.paid_micros)

    def _sum_up(self, event: WalletEvent) -> None:
        match event:
            case TopUpSettled() | CreditGranted() | BalanceAdjusted():
                self.came_in_micros += event.amount_micros
            case CallCharged() if not event.is_simulated:
                self.charged_micros += event.amount_micros
            case _:
                pass

    def _after(self, event: WalletEvent) -> Iterator[Doubt]:
        wallet = self.wallet
        yield from _equal(
            "balance less arrears",
            self.came_in_micros - self.charged_micros,
            wallet.balance_micros - wallet.arrears_micros,
        )
        figures = (wallet.funds_micros, wallet.held_micros, wallet.arrears_micros)
        if min(figures) < 0 or wallet.credit_used_micros < 0:
            yield Doubt("funds, held, arrears and credit used not below 0", repr(figures))
        sets_aside = isinstance(event, HoldPlaced) and event.means is HoldMeans.SET_ASIDE
        if sets_aside and wallet.available_micros < 0:
            yield Doubt("a hold within what is available", f"{wallet.available_micros} left")


def _drawn(draws: tuple[Draw, ...], credit_micros: int) -> int:
    return sum(draw.amount_micros for draw in draws) + credit_micros


def _equal(what: str, expected: object, found: object) -> Iterator[Doubt]:
    if expected != found:
        yield Doubt(f"{what}: {expected}", str(found))
