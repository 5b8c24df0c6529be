"""What usage comes to: charged, counted, corrected, waiting or in review."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ledger.events.envelope import (
    ChatHour,
    Draw,
    ReviewReason,
    WalletEvent,
    drawn_micros,
    lines_micros,
)
from ledger.rates import PricedLine
from ledger.usage import CallOutcome, CallUsage, ChatUsage, CrawlUsage

if TYPE_CHECKING:
    from ledger.wallet.state import WalletState


class UsageEvent(WalletEvent, frozen=True, gc=False):
    """What a usage event came to, which it holds whole.

    `is_applied`: it was charged, counted or withdrawn, and so was what it corrects corrected.
    """

    is_applied: ClassVar[bool] = True

    usage: CallUsage | CrawlUsage | ChatUsage


class Charge:
    """What all charges have: the card's lines, and where the price was drawn from.

    What neither a lot nor credit covered is arrears, unless simulated.
    """

    __slots__ = ()

    event_id: str
    originator_version: int
    recorded_at_ms: int
    is_simulated: bool
    lines: tuple[PricedLine, ...]
    draws: tuple[Draw, ...]
    credit_micros: int

    @property
    def project_id(self) -> str:
        """Whose usage it was."""
        raise NotImplementedError

    @property
    def card(self) -> tuple[str, int]:
        """The id and version of the rate card that priced it."""
        raise NotImplementedError

    @property
    def charged(self) -> CallUsage | CrawlUsage | ChatHour:
        """What was charged."""
        raise NotImplementedError

    @property
    def amount_micros(self) -> int:
        """The full price, whatever of it was covered."""
        return lines_micros(self.lines)

    @property
    def paid_micros(self) -> int:
        """What lots and credit covered."""
        return drawn_micros(self.draws) + self.credit_micros

    @property
    def arrears_micros(self) -> int:
        """What stayed owed."""
        return 0 if self.is_simulated else self.amount_micros - self.paid_micros


class CallCharged(UsageEvent, Charge, frozen=True, gc=False):
    """A completed call and what it cost.

    `ends_hold` tells that the hold the usage names was open and ended with this event.
    """

    usage: CallUsage
    ends_hold: bool
    card_id: str
    card_version: int
    outcome: CallOutcome
    lines: tuple[PricedLine, ...]
    is_simulated: bool
    draws: tuple[Draw, ...]
    credit_micros: int

    @property
    def project_id(self) -> str:
        return self.usage.project_id

    @property
    def card(self) -> tuple[str, int]:
        return self.card_id, self.card_version

    @property
    def charged(self) -> CallUsage:
        return self.usage

    def mutate(self, wallet: WalletState) -> None:
        usage, ends_hold = self.usage, self.ends_hold
        # A project's later usage tells nothing new: that is nearly all there is.
        if (
            ends_hold
            or usage.corrects is not None
            or usage.project_id not in wallet.projects_with_usage
        ):
            wallet.note_usage(usage, ends_hold=ends_hold)
        if not self.is_simulated:
            wallet.pay(self, usage.project_id)


class CrawlCharged(UsageEvent, Charge, frozen=True, gc=False):
    """A finished run of the crawler and what it cost."""

    usage: CrawlUsage
    card_id: str
    card_version: int
    lines: tuple[PricedLine, ...]
    is_simulated: bool
    draws: tuple[Draw, ...]
    credit_micros: int

    @property
    def project_id(self) -> str:
        return self.usage.project_id

    @property
    def card(self) -> tuple[str, int]:
        return self.card_id, self.card_version

    @property
    def charged(self) -> CrawlUsage:
        return self.usage

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=False)
        if not self.is_simulated:
            wallet.pay(self, self.usage.project_id)


class ChatCounted(UsageEvent, frozen=True, gc=False):
    """Tokens of a chat, to be charged when their hour closes.

    `held_micros` is by how much more is held for the hour since: less where a correction lowered
    what it will cost. `price_micros` is what all of the hour's tokens come to with this.
    """

    usage: ChatUsage
    hour: ChatHour
    held_micros: int
    price_micros: int = 0

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=False)
        tokens = self.usage.input_tokens, self.usage.output_tokens
        wallet.add_tokens(self.hour, *tokens, self.held_micros, self.price_micros)


class ChatUncounted(WalletEvent, frozen=True, gc=False):
    """Tokens that a correction took out of an hour not closed yet; amounts as of a count."""

    answers: ClassVar[bool] = False

    hour: ChatHour
    counted_event_id: str
    input_tokens: int
    output_tokens: int
    held_micros: int
    price_micros: int = 0

    def mutate(self, wallet: WalletState) -> None:
        tokens = -self.input_tokens, -self.output_tokens
        wallet.add_tokens(self.hour, *tokens, self.held_micros, self.price_micros)


class ChatCharged(WalletEvent, Charge, frozen=True, gc=False):
    """An hour of a project's chats and what it cost, decided when it closed.

    After a correction it is made again, with other tokens.
    """

    answers: ClassVar[bool] = False

    hour: ChatHour
    lines: tuple[PricedLine, ...]
    draws: tuple[Draw, ...]
    credit_micros: int

    @property
    def project_id(self) -> str:
        return self.hour.project_id

    @property
    def is_simulated(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.hour.is_simulated

    @property
    def card(self) -> tuple[str, int]:
        return self.hour.card_id, self.hour.card_version

    @property
    def charged(self) -> ChatHour:
        return self.hour

    @property
    def tokens(self) -> tuple[int, int]:
        """Input and output tokens."""
        into, out = self.lines
        return into.quantity, out.quantity

    def mutate(self, wallet: WalletState) -> None:
        wallet.close_chat(self.hour)
        if not self.hour.is_simulated:
            wallet.pay(self, self.hour.project_id)


class ChargeReversed(WalletEvent, frozen=True, gc=False):
    """A charge that a correction of its usage undid, whole: what was drawn is back where it was.

    `draws`, `credit_micros` and `arrears_micros` are what it gives back and clears; what was
    written off stays so. The new charge, if any, follows.
    """

    answers: ClassVar[bool] = False

    charge_event_id: str
    charged_at_ms: int
    charged: CallUsage | CrawlUsage | ChatHour
    card_id: str
    card_version: int
    lines: tuple[PricedLine, ...]
    is_simulated: bool
    draws: tuple[Draw, ...]
    credit_micros: int
    arrears_micros: int

    @property
    def price_micros(self) -> int:
        """What the charge had cost."""
        return lines_micros(self.lines)

    @property
    def amount_micros(self) -> int:
        """By how much the balance less arrears rises."""
        return drawn_micros(self.draws) + self.credit_micros + self.arrears_micros

    def mutate(self, wallet: WalletState) -> None:
        wallet.reverse(self)


class UsageWithdrawn(UsageEvent, frozen=True, gc=False):
    """Usage that upstream took back: what it corrects did not happen.

    `ends_hold`: as of a charge.
    """

    ends_hold: bool = False

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=self.ends_hold)


class CorrectionWaits(UsageEvent, frozen=True, gc=False):
    """A correction of usage that was not seen yet; `ends_hold` as of a charge."""

    is_applied: ClassVar[bool] = False

    ends_hold: bool
    waits_until_ms: int

    @property
    def corrected(self) -> tuple[str, str]:
        """The kind and the event id of what it corrects."""
        assert self.usage.corrects is not None
        return type(self.usage).__name__, self.usage.corrects

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=self.ends_hold)
        wallet.begin_waiting(self)


class InputHeldForReview(UsageEvent, frozen=True, gc=False):
    """Usage not to be charged by rule; an operator decides. A call is over all the same.

    `ends_hold`: as of a charge.
    """

    is_applied: ClassVar[bool] = False

    ends_hold: bool
    reason: ReviewReason

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=self.ends_hold)
        wallet.begin_review(self)


EndsHold = CallCharged | UsageWithdrawn | CorrectionWaits | InputHeldForReview
"""What may end the hold that its usage names: `ends_hold` tells."""


class ReviewDecided(WalletEvent, frozen=True, gc=False):
    """An operator decided about usage that was held for review; if accepted, its charge follows."""

    review_id: str
    is_accepted: bool
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.end_review(self.review_id)
