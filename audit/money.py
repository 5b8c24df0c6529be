"""Whether a wallet's events make sense as money: prices, reach, and that nothing is lost."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.events import (
    ArrearsCollected,
    ArrearsPortion,
    ArrearsWrittenOff,
    BalanceAdjusted,
    CallCharged,
    ChargeReversed,
    ChatCharged,
    ChatCounted,
    ChatHour,
    ChatUncounted,
    CorrectionWaits,
    CrawlCharged,
    CreditGranted,
    Draw,
    EndsHold,
    HoldMeans,
    HoldPlaced,
    InputHeldForReview,
    OperationUndone,
    ReviewDecided,
    TopUpSettled,
    UsageWithdrawn,
    WalletEvent,
    drawn_micros,
    portions_micros,
)
from ledger.rates import CardBook, Price, RateCard
from ledger.usage import CallUsage, call_outcome
from ledger.wallet import Wallet
from ledger.wallet.reach import NOTHING_COUNTED, NOTHING_RESTORED, Restored, restored_by

AnyCharge = CallCharged | CrawlCharged | ChatCharged

TOLD_FROM: Final = 3
"""From that version on chats tell their hour's price, and withdrawals what hold they end."""


class Doubt(NamedTuple):
    """What should have been, and what was."""

    expected: str
    found: str


class Account:
    """One wallet, followed event by event, and the sums that its figures must agree with."""

    def __init__(self, tenant_id: str) -> None:
        self.wallet = Wallet.of(tenant_id, 0)
        self.came_in_micros = 0
        """Paid, granted, adjusted, written off."""
        self.charged_micros = 0
        """Less what was reversed."""
        self._accepted = ""
        self._restored: dict[tuple[str, ChatHour | str | None], Restored] = {}
        """By the input that had a charge reversed, and what of: what that leaves to the new one."""
        self.is_followed = True
        """False once an event was missing or made no sense: the figures say nothing any more."""

    def take(self, event: WalletEvent, cards: CardBook, version: int) -> Iterator[Doubt]:
        """Apply the wallet's next event, of that version of its schema; what is wrong with it."""
        tells_less = isinstance(event, ChatCounted | ChatUncounted | UsageWithdrawn)
        if version >= TOLD_FROM or not tells_less:
            yield from self._before(event, cards)
        before = self.wallet.reach
        try:
            self.wallet.apply(event)
        except (AssertionError, KeyError) as error:
            self.is_followed = False
            yield Doubt("an event that fits the wallet", f"{type(event).__name__}: {error!r}")
            return
        if isinstance(event, ChargeReversed):
            left = restored_by(event, before, self.wallet.reach)
            charged = event.charged
            of = charged if isinstance(charged, ChatHour) else charged.event_id
            self._restored = {(event.event_id.rpartition(":")[0], of): left}
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
            case CallCharged() | CrawlCharged() | ChatCharged():
                yield from self._fit_draws(event.draws)
                yield from self._fit_price(event, cards)
                yield from self._fit_reach(event)
            case ArrearsCollected():
                yield from self._fit_draws(event.draws)
                yield from self._fit_portions(event.portions)
                yield from _equal(
                    "drawn to collect arrears",
                    portions_micros(event.portions),
                    drawn_micros(event.draws) + event.credit_micros,
                )
            case ArrearsWrittenOff():
                yield from self._fit_portions(event.portions)
            case BalanceAdjusted():
                yield from self._fit_draws(event.draws)
                yield from _equal(
                    "drawn for the adjustment",
                    max(0, -event.amount_micros),
                    drawn_micros(event.draws) + event.credit_micros,
                )
            case ChatCounted() | ChatUncounted():
                yield from self._fit_hour_price(event, cards)
            case InputHeldForReview() | CorrectionWaits() | UsageWithdrawn():
                yield from self._fit_hold(event)
            case ChargeReversed():
                yield from self._fit_reversal(event)
            case OperationUndone():
                yield from self._fit_draws(event.taken)
            case ReviewDecided():
                self._accepted = event.event_id.rpartition(":")[0] if event.is_accepted else ""
            case _:
                pass

    def _fit_draws(self, draws: tuple[Draw, ...]) -> Iterator[Doubt]:
        for draw in draws:
            left_micros = self.wallet.unspent.get(draw.lot_id, 0)
            if not 0 < draw.amount_micros <= left_micros:
                yield Doubt(
                    f"at most {left_micros} from lot {draw.lot_id}", str(draw.amount_micros)
                )

    def _fit_portions(self, portions: tuple[ArrearsPortion, ...]) -> Iterator[Doubt]:
        for portion in portions:
            owed_micros = self.wallet.arrears.get(portion.charge_event_id, 0)
            if not 0 < portion.amount_micros <= owed_micros:
                yield Doubt(
                    f"at most {owed_micros} owed for {portion.charge_event_id}",
                    str(portion.amount_micros),
                )

    def _fit_price(self, event: AnyCharge, cards: CardBook) -> Iterator[Doubt]:
        """What the card that it names makes of the facts; and that the card was in force."""
        card = cards.version(*event.card)
        price = card and self._price(event, card)
        if card is None or price is None:
            yield Doubt("a card that prices it", f"{event.card[0]} {event.card[1]}")
            return
        yield from _equal("lines", price.lines, event.lines)
        if isinstance(event, CallCharged):
            yield from _equal("outcome", call_outcome(event.usage), event.outcome)
        if isinstance(event, ChatCharged) or not self._is_at_first(event):
            return
        in_force = self.wallet.card_in_force(event.usage.started_at, cards)
        named = in_force and (in_force.card_id, in_force.version)
        yield from _equal("card", named, event.card)

    def _price(self, event: AnyCharge, card: RateCard) -> Price | None:
        if not isinstance(event, ChatCharged):
            return card.price(event.usage)
        chat = self.wallet.chats.get(event.hour)
        return chat and card.price_chat(chat.input_tokens, chat.output_tokens)

    def _fit_hour_price(
        self, event: ChatCounted | ChatUncounted, cards: CardBook
    ) -> Iterator[Doubt]:
        """What an open hour's tokens come to."""
        hour, chat = event.hour, self.wallet.chats.get(event.hour, NOTHING_COUNTED)
        card = cards.version(hour.card_id, hour.card_version)
        sign, of = (1, event.usage) if isinstance(event, ChatCounted) else (-1, event)
        into, out = (
            chat.input_tokens + sign * of.input_tokens,
            chat.output_tokens + sign * of.output_tokens,
        )
        price = card and card.price_chat(into, out)
        if price is not None:
            yield from _equal("price of the hour", price.amount_micros, event.price_micros)

    def _fit_hold(self, event: EndsHold) -> Iterator[Doubt]:
        """Usage ends the hold that it names, if that is open."""
        hold_id = event.usage.hold_id if isinstance(event.usage, CallUsage) else None
        yield from _equal("ends its hold", hold_id in self.wallet.holds, event.ends_hold)

    def _is_at_first(self, event: CallCharged | CrawlCharged) -> bool:
        """Neither a correction, which keeps mode and card, nor accepted at an operator's price."""
        stem = event.event_id.rpartition(":")[0]
        return event.usage.corrects is None and stem != self._accepted

    def _fit_reach(self, event: AnyCharge) -> Iterator[Doubt]:
        """A charge takes what its hold and the available balance cover, all of that, no more."""
        wallet, own_hold_micros, chat = self.wallet, 0, NOTHING_COUNTED
        if isinstance(event, ChatCharged):
            chat = wallet.chats.get(event.hour, NOTHING_COUNTED)
            own_hold_micros = chat.held_micros
        elif event.usage.corrects is None:
            is_live = wallet.is_live(event.usage.project_id, event.usage.started_at)
            yield from _equal("simulated", not is_live, event.is_simulated)
        if isinstance(event, CallCharged):
            hold_id = event.usage.hold_id
            hold = None if hold_id is None else wallet.holds.get(hold_id)
            yield from self._fit_hold(event)
            own_hold_micros = 0 if hold is None else hold.amount_micros
        restored = NOTHING_RESTORED
        if isinstance(event, ChatCharged) or event.usage.corrects is not None:
            stem = event.event_id.rpartition(":")[0]
            of = event.hour if isinstance(event, ChatCharged) else event.usage.corrects
            restored = self._restored.pop((stem, of), NOTHING_RESTORED)
        reach_micros = own_hold_micros + wallet.reach_micros(chat, restored)
        wanted_micros = max(0, event.amount_micros - restored.given_up_micros)
        expected_micros = 0 if event.is_simulated else min(wanted_micros, reach_micros)
        yield from _equal("paid", expected_micros, event.paid_micros)

    def _fit_reversal(self, event: ChargeReversed) -> Iterator[Doubt]:
        """It clears what is owed of the charge, and gives back no more than was paid of it."""
        wallet = self.wallet
        owed_micros = wallet.arrears.get(event.charge_event_id, 0)
        yield from _equal("owed of the charge", owed_micros, event.arrears_micros)
        if event.amount_micros > (0 if event.is_simulated else event.price_micros):
            yield Doubt(f"at most {event.price_micros} given back", str(event.amount_micros))
        for draw in event.draws:
            lot = wallet.lots.get(draw.lot_id)
            room_micros = 0 if lot is None else lot.amount_micros
            if draw.amount_micros + wallet.unspent.get(draw.lot_id, 0) > room_micros:
                yield Doubt(f"at most {room_micros} in lot {draw.lot_id}", str(draw.amount_micros))

    def _sum_up(self, event: WalletEvent) -> None:
        match event:
            case TopUpSettled() | CreditGranted() | BalanceAdjusted() | ArrearsWrittenOff():
                self.came_in_micros += event.amount_micros
            case OperationUndone():
                self.came_in_micros += event.amount_micros - portions_micros(event.portions)
            case CallCharged() | CrawlCharged() | ChatCharged() if not event.is_simulated:
                self.charged_micros += event.amount_micros
            case ChargeReversed():
                self.charged_micros -= event.amount_micros
            case _:
                pass

    def _after(self, event: WalletEvent) -> Iterator[Doubt]:
        wallet = self.wallet
        yield from _equal(
            "balance less arrears", self.came_in_micros - self.charged_micros, wallet.net_micros
        )
        figures = (wallet.funds_micros, wallet.held_micros, wallet.arrears_micros)
        if min(figures) < 0 or wallet.credit_used_micros < 0:
            yield Doubt("funds, held, arrears and credit used not below 0", repr(figures))
        sets_aside = isinstance(event, HoldPlaced) and event.means is HoldMeans.SET_ASIDE
        if sets_aside and wallet.available_micros < 0:
            yield Doubt("a hold within what is available", f"{wallet.available_micros} left")


def _equal(what: str, expected: object, found: object) -> Iterator[Doubt]:
    if expected != found:
        yield Doubt(f"{what}: {expected}", str(found))
