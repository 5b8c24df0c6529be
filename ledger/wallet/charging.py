"""Usage is owed, never refused: charged, counted until its hour closes, corrected, collected."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ledger import events as done
from ledger.events import (
    ArrearsCollected,
    ArrearsPortion,
    CallCharged,
    ChatCharged,
    ChatCounted,
    ChatHour,
    CrawlCharged,
    Draw,
    ReviewReason,
)
from ledger.rates import CallPrice, Price, RateCard
from ledger.refusals import Refusal
from ledger.usage import CHAT_HOUR_MS, AnyUsage, CallUsage, ChatUsage, CrawlUsage, began_at
from ledger.wallet.reach import NOTHING_COUNTED, NOTHING_RESTORED, Restored, restored_by
from ledger.wallet.state import Cause, WalletState

CHAT_GRACE_MS: Final = 5 * 60_000


def closes_at(began_ms: int, now_ms: int) -> int:
    """When tokens are charged: at their hour's close, or at the next one if that is past."""
    hours_over = (now_ms - CHAT_GRACE_MS) // CHAT_HOUR_MS + 1
    return max(began_ms + CHAT_HOUR_MS, hours_over * CHAT_HOUR_MS) + CHAT_GRACE_MS


class Charging(WalletState):
    """What usage costs, and what of it is covered (PRODUCT decision 4)."""

    def charge(self, usage: AnyUsage, card: RateCard, cause: Cause) -> None:
        """Charge usage, or count it, in the mode its project was in; the card has its price."""
        if isinstance(usage, ChatUsage):
            is_simulated = not self.is_live(usage.project_id, usage.occurred_at)
            self.count_chat(usage, card, cause, is_simulated=is_simulated)
            return
        is_simulated = not self.is_live(usage.project_id, usage.started_at)
        price = card.price(usage)
        assert price is not None, "usage without a price is held for review"
        self._charge(usage, price, cause, is_simulated=is_simulated)

    def charge_call(
        self,
        usage: CallUsage,
        price: CallPrice,
        cause: Cause,
        *,
        is_simulated: bool,
        restored: Restored | None = None,
    ) -> None:
        """Charge a completed call at full price.

        Drawn from its own hold and what is available, never from another hold; the rest is arrears.
        """
        ends_hold = usage.hold_id in self.holds
        draws: tuple[Draw, ...] = ()
        credit_micros = 0
        if not is_simulated:
            own_hold = self.holds[usage.hold_id] if usage.hold_id and ends_hold else None
            own_hold_micros = own_hold.amount_micros if own_hold else 0
            if restored is None:
                draws, credit_micros = self.draw_within_reach(price.amount_micros, own_hold_micros)
            else:
                reach_micros = own_hold_micros + self.reach_micros(restored=restored)
                drawn = self.draw_again(price.amount_micros, reach_micros, restored)
                draws, credit_micros = drawn
        # Most events are charges: their envelope is written out, which is faster than a tuple.
        index = cause.next_index
        cause.next_index = index + 1
        self.record(
            done.CallCharged(
                self._id,
                self._version + 1,
                f"{cause.event_id_stem}:{index}",
                cause.occurred_at_ms,
                cause.recorded_at_ms,
                cause.input_id,
                cause.input_hash,
                cause.actor,
                usage,
                ends_hold,
                price.card_id,
                price.card_version,
                price.outcome,
                price.lines,
                is_simulated,
                draws,
                credit_micros,
            ),
            cause,
        )

    def charge_crawl(
        self,
        usage: CrawlUsage,
        price: Price,
        cause: Cause,
        *,
        is_simulated: bool,
        restored: Restored = NOTHING_RESTORED,
    ) -> None:
        """Charge a run of the crawler at full price; what is not available is arrears."""
        draws: tuple[Draw, ...] = ()
        credit_micros = 0
        if not is_simulated:
            reach_micros = self.reach_micros(restored=restored)
            draws, credit_micros = self.draw_again(price.amount_micros, reach_micros, restored)
        priced = (price.card_id, price.card_version, price.lines)
        charged = (usage, *priced, is_simulated, draws, credit_micros)
        self.record(done.CrawlCharged(*self.envelope(cause), *charged), cause)

    def count_chat(
        self, usage: ChatUsage, card: RateCard, cause: Cause, *, is_simulated: bool
    ) -> None:
        """Count tokens until their hour closes; live ones are held as far as money is available."""
        began_ms = began_at(usage)
        closes_at_ms = closes_at(began_ms, cause.recorded_at_ms)
        priced_by = (card.card_id, card.version)
        hour = ChatHour(usage.project_id, began_ms, is_simulated, *priced_by, closes_at_ms)
        self._count(usage, hour, card, cause)

    def charge_chat(
        self, hour: ChatHour, card: RateCard, cause: Cause, restored: Restored = NOTHING_RESTORED
    ) -> None:
        """Charge the tokens that were counted for an hour."""
        chat = self.chats[hour]
        price = card.price_chat(chat.input_tokens, chat.output_tokens)
        assert price is not None, "tokens without a price are held for review"
        draws: tuple[Draw, ...] = ()
        credit_micros = 0
        if not hour.is_simulated:
            reach_micros = chat.held_micros + self.reach_micros(chat, restored)
            draws, credit_micros = self.draw_again(price.amount_micros, reach_micros, restored)
        charged = (hour, price.lines, draws, credit_micros)
        self.record(done.ChatCharged(*self.envelope(cause), *charged), cause)

    # ── Corrections (PRODUCT decision 12) ──

    def correct_charge(
        self,
        usage: CallUsage | CrawlUsage,
        charge: CallCharged | CrawlCharged,
        collected: Sequence[ArrearsCollected],
        price: Price,
        cause: Cause,
    ) -> None:
        """Reverse a charge and make the new one, in the original's mode.

        `collected` are the events that collected arrears of that charge, in their order.
        """
        given_up = self._given_up(charge.event_id)
        restored = self._reverse(charge, collected, cause)
        if isinstance(usage, CrawlUsage):
            self.charge_crawl(
                usage, price, cause, is_simulated=charge.is_simulated, restored=restored
            )
        else:
            assert isinstance(price, CallPrice)
            self.charge_call(
                usage, price, cause, is_simulated=charge.is_simulated, restored=restored
            )
        self._give_up_again(given_up, restored, cause)

    def withdraw_charge(
        self,
        usage: CallUsage | CrawlUsage,
        charge: CallCharged | CrawlCharged,
        collected: Sequence[ArrearsCollected],
        cause: Cause,
    ) -> None:
        """Reverse a charge of what did not happen."""
        self._withdraw(usage, cause)
        self._reverse(charge, collected, cause)

    def correct_chat(
        self,
        usage: ChatUsage,
        counted: ChatCounted,
        charge: ChatCharged | None,
        collected: Sequence[ArrearsCollected],
        card: RateCard,
        cause: Cause,
    ) -> None:
        """Change the sum of an hour: one that was charged is reversed and charged again.

        `charge` is the last one of the hour, if it was charged; `collected` as of a charge.
        """
        hour, restored = counted.hour, None
        given_up = None if charge is None else self._given_up(charge.event_id)
        if charge is not None:
            restored = self._reverse(charge, collected, cause)
        self._uncount(counted, card, cause)
        if usage.withdrawn:
            self._withdraw(usage, cause)
        elif (usage.project_id, began_at(usage)) == (hour.project_id, hour.started_at_ms):
            self._count(usage, hour, card, cause)
        else:
            self.count_chat(usage, card, cause, is_simulated=hour.is_simulated)
        if restored is not None:
            self.charge_chat(hour, card, cause, restored)
            self._give_up_again(given_up, restored, cause)

    # ── Usage that is not charged ──

    def hold_for_review(self, usage: AnyUsage, reason: ReviewReason, cause: Cause) -> None:
        """Set usage aside for an operator instead of guessing a price or a time."""
        held = (usage, self._ends_hold(usage), reason)
        self.record(done.InputHeldForReview(*self.envelope(cause), *held), cause)

    def keep_waiting(self, usage: AnyUsage, waits_until_ms: int, cause: Cause) -> None:
        """Keep a correction of usage that was not seen yet."""
        kept = (usage, self._ends_hold(usage), waits_until_ms)
        self.record(done.CorrectionWaits(*self.envelope(cause), *kept), cause)

    def refuse_usage(self, usage: AnyUsage, refusal: Refusal, cause: Cause) -> None:
        """Record usage that contradicts what its id stood for before."""
        refused = (type(usage).__name__, refusal, "")
        self.record(done.InputRefused(*self.envelope(cause), *refused), cause)

    # ── Arrears ──

    @property
    def can_collect_arrears(self) -> bool:
        """Whether something is owed and something available: never for longer than it takes."""
        return self.arrears_micros > 0 and self.available_micros > 0

    def collect_arrears(self, cause: Cause) -> int:
        """Collect what is owed, oldest first (PRODUCT decision 4); from how many charges.

        More than one event holds are left for the next call.
        """
        portions = self.oldest_arrears(self.available_micros)
        draws, credit_micros = self.draw(done.portions_micros(portions))
        collected = (portions, draws, credit_micros)
        self.record(done.ArrearsCollected(*self.envelope(cause), *collected), cause)
        return len(portions)

    # ── Inner parts ──

    def _given_up(self, charge_event_id: str) -> done.ArrearsWrittenOff | None:
        """The last event that wrote off a part of a charge, if any stands."""
        if charge_event_id not in self.given_up_since:
            return None
        for event in reversed(self.undoable.values()):
            if done.given_up_micros(event, charge_event_id):
                assert isinstance(event, done.ArrearsWrittenOff)
                return event
        return None

    def _give_up_again(
        self, given_up: done.ArrearsWrittenOff | None, restored: Restored, cause: Cause
    ) -> None:
        """What was written off of a charge is written off of the one made instead, at most it all.

        By one event, for an input may cause no more than so many, in the name of the operator who
        did it last: the answers to all their commands stand.
        """
        charge = cause.events[-1]
        assert isinstance(charge, CallCharged | CrawlCharged | ChatCharged)
        amount_micros = min(restored.given_up_micros, charge.arrears_micros)
        if given_up is None or amount_micros == 0:
            return
        own = msgspec.structs.replace(cause)
        own.input_id, own.input_hash = given_up.input_id, given_up.input_hash
        own.actor = given_up.actor
        written_off = ((ArrearsPortion(charge.event_id, amount_micros),), given_up.reason)
        self.record(done.ArrearsWrittenOff(*self.envelope(own), *written_off), own)
        cause.next_index = own.next_index

    def _charge(
        self, usage: CallUsage | CrawlUsage, price: Price, cause: Cause, *, is_simulated: bool
    ) -> None:
        if isinstance(usage, CrawlUsage):
            self.charge_crawl(usage, price, cause, is_simulated=is_simulated)
        else:
            assert isinstance(price, CallPrice)
            self.charge_call(usage, price, cause, is_simulated=is_simulated)

    def _withdraw(self, usage: AnyUsage, cause: Cause) -> None:
        withdrawn = (usage, self._ends_hold(usage))
        self.record(done.UsageWithdrawn(*self.envelope(cause), *withdrawn), cause)

    def _ends_hold(self, usage: AnyUsage) -> bool:
        return isinstance(usage, CallUsage) and usage.hold_id in self.holds

    def _count(self, usage: ChatUsage, hour: ChatHour, card: RateCard, cause: Cause) -> None:
        tokens = usage.input_tokens, usage.output_tokens
        counted = (usage, hour, *self._hold_and_price_micros(hour, *tokens, card))
        self.record(done.ChatCounted(*self.envelope(cause), *counted), cause)

    def _uncount(self, counted: ChatCounted, card: RateCard, cause: Cause) -> None:
        hour, tokens = counted.hour, (counted.usage.input_tokens, counted.usage.output_tokens)
        amounts = self._hold_and_price_micros(hour, -tokens[0], -tokens[1], card)
        uncounted = (hour, counted.event_id, *tokens, *amounts)
        self.record(done.ChatUncounted(*self.envelope(cause), *uncounted), cause)

    def _hold_and_price_micros(
        self, hour: ChatHour, into: int, out: int, card: RateCard
    ) -> tuple[int, int]:
        """By how much the hold for an hour grows with more tokens, or shrinks; and its price."""
        chat = self.chats.get(hour, NOTHING_COUNTED)
        price = card.price_chat(chat.input_tokens + into, chat.output_tokens + out)
        assert price is not None, "tokens without a price are held for review"
        price_micros = price.amount_micros
        if hour.is_simulated:
            return 0, price_micros
        return min(price_micros - chat.held_micros, self.reach_micros(chat)), price_micros

    def _reverse(
        self,
        charge: CallCharged | CrawlCharged | ChatCharged,
        collected: Sequence[ArrearsCollected],
        cause: Cause,
    ) -> Restored:
        """Give back in the opposite order of drawing; what is still owed of it is cleared first."""
        before = self.reach
        draws, credit_micros = charge.draws, charge.credit_micros
        for event in collected:
            later_draws, later_credit_micros = event.paid_for(charge.event_id)
            draws += later_draws
            credit_micros += later_credit_micros
        reversed_ = (
            charge.event_id,
            charge.recorded_at_ms,
            charge.charged,
            *charge.card,
            charge.lines,
            charge.is_simulated,
            draws[::-1],
            credit_micros,
            self.arrears.get(charge.event_id, 0),
        )
        event = done.ChargeReversed(*self.envelope(cause), *reversed_)
        self.record(event, cause)
        return restored_by(event, before, self.reach)
