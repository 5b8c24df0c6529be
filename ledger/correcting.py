"""Corrections of usage: each is applied to what its original came to, read back from the log.

One whose original was not seen yet waits for it (PRODUCT decision 12).
"""

from typing import Final

from ledger.batch import Recall
from ledger.events import (
    ArrearsCollected,
    CallCharged,
    ChatCharged,
    ChatCounted,
    ChatHour,
    CrawlCharged,
    Event,
    ReviewReason,
    UsageEvent,
    WalletEvent,
)
from ledger.memory import unpack
from ledger.partition import Overlay
from ledger.usage import AnyUsage, ChatUsage
from ledger.wallet import Cause, Wallet

CORRECTIONS_PER_INPUT_MAX: Final = 3
"""Corrections that waited for one another; those beyond wait on."""


class Correcting:
    """The events of a batch so far, and how corrections add to them."""

    def __init__(self, overlay: Overlay, waits_ms: int, recall: Recall) -> None:
        """A correction waits so long for its original."""
        self.overlay = overlay
        self.events: list[Event] = []
        self._noted = 0
        self._waits_ms = waits_ms
        self._recall = recall

    def note(self) -> None:
        """Tell the overlay the events decided since the last time."""
        events, note = self.events, self.overlay.note
        for event in events[self._noted :]:
            note(event)
        self._noted = len(events)

    def correct(self, wallet: Wallet, usage: AnyUsage, cause: Cause) -> None:
        """Apply a correction, let it wait for its original, or leave it to an operator."""
        assert usage.corrects is not None
        key = (type(usage), usage.tenant_id)
        packed = self.overlay.usage_trace(key, usage.corrects)
        if packed is None and (type(usage).__name__, usage.corrects) in wallet.waiting:
            wallet.hold_for_review(usage, ReviewReason.CORRECTED_BEFORE, cause)
        elif packed is None:
            waits_until_ms = self.overlay.now_ms + self._waits_ms
            wallet.keep_waiting(usage, waits_until_ms, cause)
        elif unpack(packed).is_corrected:
            wallet.hold_for_review(usage, ReviewReason.CORRECTED_BEFORE, cause)
        else:
            original = self._event_at(unpack(packed).place)
            assert isinstance(original, UsageEvent)
            assert original.usage.event_id == usage.corrects, "places follow the log"
            self._correct_original(wallet, usage, original, cause)

    def _correct_original(
        self, wallet: Wallet, usage: AnyUsage, original: UsageEvent, cause: Cause
    ) -> None:
        cards = self.overlay.cards
        if isinstance(original, CallCharged | CrawlCharged) and not isinstance(usage, ChatUsage):
            card = cards.version(*original.card)
            price = card and card.price(usage)
            collected = self._collected(original.event_id)
            if usage.withdrawn:
                wallet.withdraw_charge(usage, original, collected, cause)
            elif price is None:
                wallet.hold_for_review(usage, ReviewReason.NO_PRICE, cause)
            else:
                wallet.correct_charge(usage, original, collected, price, cause)
        elif isinstance(original, ChatCounted) and isinstance(usage, ChatUsage):
            hour = original.hour
            card = cards.version(hour.card_id, hour.card_version)
            assert card is not None, "a card that priced something is never forgotten"
            charge = None if hour in wallet.chats else self._chat_charge(wallet.id, hour)
            collected = [] if charge is None else self._collected(charge.event_id)
            wallet.correct_chat(usage, original, charge, collected, card, cause)
        else:
            # It is in review itself, waits itself, or was withdrawn.
            wallet.hold_for_review(usage, ReviewReason.CORRECTION, cause)

    def _chat_charge(self, tenant_id: str, hour: ChatHour) -> ChatCharged:
        charge = self._event_at(self.overlay.chat_charge(tenant_id, hour))
        assert isinstance(charge, ChatCharged)
        return charge

    def _collected(self, charge_event_id: str) -> list[ArrearsCollected]:
        events = [self._event_at(place) for place in self.overlay.collections(charge_event_id)]
        return [event for event in events if isinstance(event, ArrearsCollected)]

    def apply_waiting(self, wallet: Wallet, usage: AnyUsage, cause: Cause) -> None:
        """Apply the correction that waited for this usage, and the one that waited for that."""
        for _ in range(CORRECTIONS_PER_INPUT_MAX):
            waiting = wallet.waiting.get((type(usage).__name__, usage.event_id))
            original = next(
                (
                    event
                    for event in reversed(self.events)
                    if isinstance(event, UsageEvent) and event.usage is usage
                ),
                None,
            )
            if waiting is None or original is None or not original.is_applied:
                return
            usage = waiting.usage
            self.as_of(waiting, cause)
            self._correct_original(wallet, usage, original, cause)
            self.note()

    def _event_at(self, place: int) -> Event:
        """What stands at that place in the log, or will: from the batch, or read back."""
        index = place - self.overlay.place + self._noted
        return self._recall(place) if index < 0 else self.events[index]

    def as_of(self, event: WalletEvent, cause: Cause) -> None:
        """What follows is that earlier event's doing."""
        cause.input_id, cause.input_hash = event.input_id, event.input_hash
        cause.actor, cause.occurred_at_ms = event.actor, event.occurred_at_ms
