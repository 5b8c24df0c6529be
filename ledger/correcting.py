"""Corrections of usage: each is applied to what its original came to, read back from the log.

One whose original was not seen yet, or was not decided yet, waits for it (PRODUCT decision 12).
"""

from typing import Final

from ledger.batch import Recall
from ledger.events import (
    ArrearsCollected,
    CallCharged,
    ChatCharged,
    ChatCounted,
    ChatHour,
    CorrectionWaits,
    CrawlCharged,
    Event,
    InputHeldForReview,
    ReviewReason,
    UsageEvent,
    WalletEvent,
)
from ledger.memory import Trace, unpack
from ledger.partition import Overlay
from ledger.usage import AnyUsage, ChatUsage
from ledger.wallet import Cause, Wallet
from ledger.wallet.parts import usage_name

CORRECTIONS_PER_INPUT_MAX: Final = 3
"""Corrections that waited for one another; those beyond follow with the next tick."""


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
        note = self.overlay.note
        for event in self.events[self._noted :]:
            note(event)
        self._noted = len(self.events)

    def correct(self, wallet: Wallet, usage: AnyUsage, cause: Cause) -> None:
        """Apply a correction, let it wait for its original, or leave it to an operator."""
        assert usage.corrects is not None
        trace = self._trace(usage, usage.corrects)
        waits_already = (type(usage).__name__, usage.corrects) in wallet.waiting
        if waits_already or (trace is not None and trace.is_corrected):
            wallet.hold_for_review(usage, ReviewReason.CORRECTED_BEFORE, cause)
            return
        original = None if trace is None else self._outcome(trace, usage.corrects)
        if original is None or _is_undecided(wallet, original):
            waits_until_ms = self.overlay.now_ms + self._waits_ms
            wallet.keep_waiting(usage, waits_until_ms, cause)
        else:
            self._correct_original(wallet, usage, original, cause)

    def apply_waiting(self, wallet: Wallet, usage: AnyUsage, cause: Cause) -> None:
        """Apply the correction that waited for this usage, and the one that waited for that.

        As many as one input may bring; a tick goes on with the rest.
        """
        for _ in range(CORRECTIONS_PER_INPUT_MAX):
            waiting = wallet.waiting.get(usage_name(usage))
            if waiting is None or not self._apply(wallet, waiting, cause):
                return
            usage = waiting.usage

    def end_waiting(
        self, wallet: Wallet, waiting: CorrectionWaits, cause: Cause, *, is_over: bool
    ) -> None:
        """Apply a correction whose time has come, and what waits for it.

        If what it corrects does not stand, it waits on, or goes to review once its time `is_over`.
        """
        if self._apply(wallet, waiting, cause):
            self.apply_waiting(wallet, waiting.usage, cause)
        elif is_over:
            self._as_of(waiting, cause)
            wallet.hold_for_review(waiting.usage, ReviewReason.ORIGINAL_UNKNOWN, cause)

    def give_up_waiting(self, wallet: Wallet, usage: AnyUsage, cause: Cause) -> None:
        """Leave the correction that waited for this usage to an operator: it was never charged."""
        waiting = wallet.waiting.get(usage_name(usage))
        if waiting is not None:
            self._as_of(waiting, cause)
            wallet.hold_for_review(waiting.usage, ReviewReason.CORRECTION, cause)

    # ── Inner parts ──

    def _apply(self, wallet: Wallet, waiting: CorrectionWaits, cause: Cause) -> bool:
        """Apply a correction that waited, if what it corrects was applied."""
        usage = waiting.usage
        assert usage.corrects is not None
        trace = self._trace(usage, usage.corrects)
        if trace is None or trace.is_corrected:
            return False
        original = self._outcome(trace, usage.corrects)
        if not original.is_applied:
            return False
        self._as_of(waiting, cause)
        self._correct_original(wallet, usage, original, cause)
        self.note()
        return True

    def _trace(self, usage: AnyUsage, event_id: str) -> Trace | None:
        """What is remembered of usage of the same kind and tenant."""
        packed = self.overlay.usage_trace(type(usage), usage.tenant_id, event_id)
        return None if packed is None else unpack(packed)

    def _outcome(self, trace: Trace, event_id: str) -> UsageEvent:
        """What that usage came to."""
        event = self._event_at(trace.place)
        assert isinstance(event, UsageEvent)
        assert event.usage.event_id == event_id, "places follow the log"
        return event

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
            # It was withdrawn or rejected, or is a correction that went to review.
            wallet.hold_for_review(usage, ReviewReason.CORRECTION, cause)

    def _chat_charge(self, tenant_id: str, hour: ChatHour) -> ChatCharged:
        charge = self._event_at(self.overlay.chat_charge(tenant_id, hour))
        assert isinstance(charge, ChatCharged)
        return charge

    def _collected(self, charge_event_id: str) -> list[ArrearsCollected]:
        events = [self._event_at(place) for place in self.overlay.collections(charge_event_id)]
        return [event for event in events if isinstance(event, ArrearsCollected)]

    def _event_at(self, place: int) -> Event:
        """What stands at that place in the log, or will: from the batch, or read back."""
        index = place - self.overlay.place + self._noted
        return self._recall(place) if index < 0 else self.events[index]

    def _as_of(self, event: WalletEvent, cause: Cause) -> None:
        """What follows is that earlier event's doing."""
        cause.input_id, cause.input_hash = event.input_id, event.input_hash
        cause.actor, cause.occurred_at_ms = event.actor, event.occurred_at_ms


def _is_undecided(wallet: Wallet, original: UsageEvent) -> bool:
    """Whether it may be charged yet: by an operator, or by what it waits for itself.

    A correction in review is never charged by itself.
    """
    if isinstance(original, InputHeldForReview):
        return original.usage.corrects is None and original.event_id in wallet.reviews
    if isinstance(original, CorrectionWaits):
        waiting = wallet.waiting.get(original.corrected)
        return waiting is not None and waiting.event_id == original.event_id
    return False
