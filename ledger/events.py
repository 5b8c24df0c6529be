"""Everything that can happen to a wallet or a partition: the values of `wallet.events`.

A wallet event's `mutate` only assigns: the rules were applied when it was decided, and must not
run again on replay. Amounts are micro-dollars, times UTC milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from ledger.rates import PricedLine, RateLine
from ledger.refusals import Refusal
from ledger.usage import CallOutcome, CallUsage, Tier, Word

if TYPE_CHECKING:
    from ledger.wallet import Wallet


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


class Draw(msgspec.Struct, frozen=True, gc=False):
    """What was taken from one lot."""

    lot_id: str
    amount_micros: int


class ArrearsPortion(msgspec.Struct, frozen=True, gc=False):
    """What was collected of one charge's arrears, named by the charge's own event."""

    charge_event_id: str
    amount_micros: int


class InputPosition(msgspec.Struct, frozen=True):
    """The next offset to read of one input topic; the topic by its logical name and broker id."""

    topic: str
    topic_id: str
    next_offset: int


class Draining(msgspec.Struct, frozen=True):
    """A tick whose due expiries did not all fit the batch; the next batch goes on with it."""

    event_id_stem: str
    input_id: str
    input_hash: bytes
    actor: str
    next_index: int
    due_before_ms: int


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

    def mutate(self, wallet: Wallet) -> None:
        """Apply the event's facts to the wallet."""
        raise NotImplementedError


class WalletOpened(WalletEvent, frozen=True, gc=False):
    """The tenant is known from now on."""

    answers: ClassVar[bool] = False

    def mutate(self, wallet: Wallet) -> None:
        wallet.is_open = True


class ProjectOpened(WalletEvent, frozen=True, gc=False):
    """A project is known: in sandbox, or live from `live_from_ms`.

    `seen_in_passing` marks one that nobody opened: it came with usage or a hold.
    """

    project_id: str
    live_from_ms: int | None
    seen_in_passing: bool
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        switches = () if self.live_from_ms is None else ((self.live_from_ms, ProjectMode.LIVE),)
        wallet.projects = {**wallet.projects, self.project_id: switches}


class ProjectModeChanged(WalletEvent, frozen=True, gc=False):
    """What begins from `from_ms` on belongs to the new mode; what began before does not."""

    project_id: str
    mode: ProjectMode
    from_ms: int
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        switches = (*wallet.projects[self.project_id], (self.from_ms, self.mode))
        wallet.projects = {**wallet.projects, self.project_id: switches}


class TermsSet(WalletEvent, frozen=True, gc=False):
    """Prepaid (limit 0) or postpay with a credit limit, from now on."""

    is_postpay: bool
    credit_limit_micros: int
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        wallet.is_postpay = self.is_postpay
        wallet.credit_limit_micros = self.credit_limit_micros


def payment_lot(payment_id: str) -> str:
    """The name of a payment's lot; no event id looks like it."""
    return f"payment/{payment_id}"


class TopUpSettled(WalletEvent, frozen=True, gc=False):
    """A payment became a lot."""

    payment_id: str
    amount_micros: int
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        wallet.add_lot(payment_lot(self.payment_id), LotKind.PAYMENT, self.amount_micros)


class CreditGranted(WalletEvent, frozen=True, gc=False):
    """Unpaid credit became a lot, named by the event."""

    amount_micros: int
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        wallet.add_lot(self.event_id, LotKind.GRANT, self.amount_micros)


class BalanceAdjusted(WalletEvent, frozen=True, gc=False):
    """The balance was corrected: up by a lot named by the event, or down by what was drawn."""

    amount_micros: int
    draws: tuple[Draw, ...]
    credit_micros: int
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        if self.amount_micros > 0:
            wallet.add_lot(self.event_id, LotKind.ADJUSTMENT, self.amount_micros)
        wallet.take(self.draws, self.credit_micros)


class HoldPlaced(WalletEvent, frozen=True, gc=False):
    """A call may start; `means` tells whether anything is set aside for it."""

    hold_id: str
    project_id: str
    tier: Tier
    duration_cap_ms: int
    amount_micros: int
    expires_at_ms: int
    means: HoldMeans

    def mutate(self, wallet: Wallet) -> None:
        if self.means is not HoldMeans.USAGE_CAME_FIRST:
            wallet.begin_hold(self.hold_id, self.amount_micros)


class HoldRefused(WalletEvent, frozen=True, gc=False):
    """A call may not start; the worst case it asked for is None if no card prices it."""

    hold_id: str
    project_id: str
    tier: Tier
    duration_cap_ms: int
    amount_micros: int | None
    refusal: Refusal

    def mutate(self, wallet: Wallet) -> None:
        """Nothing moves."""


class HoldVoided(WalletEvent, frozen=True, gc=False):
    """The hold was given back unused."""

    hold_id: str
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        wallet.end_hold(self.hold_id)


class HoldExpired(WalletEvent, frozen=True, gc=False):
    """The hold's time ran out and no usage named it."""

    answers: ClassVar[bool] = False

    hold_id: str

    def mutate(self, wallet: Wallet) -> None:
        wallet.end_hold(self.hold_id)


class UsageEvent(WalletEvent, frozen=True, gc=False):
    """What a usage event came to, which it holds whole.

    `ends_hold` tells that the hold the usage names was open and ended with this event.
    """

    usage: CallUsage
    ends_hold: bool


class CallCharged(UsageEvent, frozen=True, gc=False):
    """A completed call and what it cost: every fact, the card's lines, and where it was drawn from.

    What neither a lot nor credit covered is arrears, unless simulated.
    """

    card_id: str
    card_version: int
    outcome: CallOutcome
    lines: tuple[PricedLine, ...]
    is_simulated: bool
    draws: tuple[Draw, ...]
    credit_micros: int

    @property
    def amount_micros(self) -> int:
        """The price: the sum of the lines."""
        # One line is the rule, and every replay comes here.
        if len(self.lines) == 1:
            return self.lines[0].amount_micros
        total_micros = 0
        for line in self.lines:
            total_micros += line.amount_micros
        return total_micros

    @property
    def paid_micros(self) -> int:
        """What left the balance at once, from lots and credit."""
        total_micros = self.credit_micros
        for draw in self.draws:
            total_micros += draw.amount_micros
        return total_micros

    @property
    def arrears_micros(self) -> int:
        """What stayed owed."""
        return 0 if self.is_simulated else self.amount_micros - self.paid_micros

    def mutate(self, wallet: Wallet) -> None:
        usage, ends_hold = self.usage, self.ends_hold
        # A project's later usage tells nothing new: that is nearly all there is.
        if ends_hold or usage.project_id not in wallet.projects_with_usage:
            wallet.note_usage(usage, ends_hold=ends_hold)
        if not self.is_simulated:
            paid_micros = wallet.take(self.draws, self.credit_micros)
            arrears_micros = self.amount_micros - paid_micros
            if arrears_micros:
                wallet.owe(self.event_id, arrears_micros)


class ArrearsCollected(WalletEvent, frozen=True, gc=False):
    """What was owed was taken, oldest charge first, as soon as something was available."""

    answers: ClassVar[bool] = False

    portions: tuple[ArrearsPortion, ...]
    draws: tuple[Draw, ...]
    credit_micros: int

    def mutate(self, wallet: Wallet) -> None:
        wallet.take(self.draws, self.credit_micros)
        for portion in self.portions:
            wallet.settle(portion.charge_event_id, portion.amount_micros)


class InputRefused(WalletEvent, frozen=True, gc=False):
    """A command, or a usage event whose id came before with other content, was not applied."""

    input_type: str
    refusal: Refusal
    reason: str

    def mutate(self, wallet: Wallet) -> None:
        """Nothing moves."""


class InputHeldForReview(UsageEvent, frozen=True, gc=False):
    """Usage not to be charged by rule; an operator decides. Its call is over all the same."""

    reason: ReviewReason

    def mutate(self, wallet: Wallet) -> None:
        wallet.note_usage(self.usage, ends_hold=self.ends_hold)


class PartitionEvent(Event, frozen=True, gc=False):
    """An event of a partition rather than of a wallet."""


class CardAdopted(PartitionEvent, frozen=True, gc=False):
    """From here on the partition prices with this card too."""

    card_id: str
    card_version: int
    effective_from_ms: int
    lines: tuple[RateLine, ...]


class BatchCommitted(PartitionEvent, frozen=True, gc=False):
    """The footer of a transaction, and so the position: where every input goes on.

    `partitions` is how many the topics have; `usage_read_to_ms` how far usage had been read (the
    watermark); `batch_hash` the SHA-256 over the SHA-256 of each of the batch's other values, in
    order; the counts are of this batch.
    """

    positions: tuple[InputPosition, ...]
    partitions: int
    usage_read_to_ms: int
    events: int
    dead_letters: int
    repeats: int
    ticks: int
    draining: Draining | None
    batch_hash: bytes
    code_version: str
    configuration_version: str
