"""Everything that can happen to a wallet or a partition: the values of `wallet.events`.

A wallet event's `mutate` only assigns: the rules were applied when it was decided, and must not
run again on replay. Amounts are micro-dollars, times UTC milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

import msgspec

from ledger.rates import PricedLine, RateLine
from ledger.refusals import Refusal
from ledger.usage import Activity, CallOutcome, CallUsage, ChatUsage, CrawlUsage, Tier, Word

if TYPE_CHECKING:
    from ledger.wallet.state import WalletState


T = TypeVar("T")


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


def without(kept: dict[str, T], name: str) -> dict[str, T]:
    """A copy that lacks one."""
    return {other: one for other, one in kept.items() if other != name}


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


class ChatHour(msgspec.Struct, frozen=True, gc=False):
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


class WalletOpened(WalletEvent, frozen=True, gc=False):
    """The tenant is known from now on."""

    answers: ClassVar[bool] = False

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_open = True


class ProjectOpened(WalletEvent, frozen=True, gc=False):
    """A project is known: in sandbox, or live from `live_from_ms`.

    `seen_in_passing` marks one that nobody opened: it came with usage or a hold.
    """

    project_id: str
    live_from_ms: int | None
    seen_in_passing: bool
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        switches = () if self.live_from_ms is None else ((self.live_from_ms, ProjectMode.LIVE),)
        wallet.projects = {**wallet.projects, self.project_id: switches}


class ProjectModeChanged(WalletEvent, frozen=True, gc=False):
    """What begins from `from_ms` on belongs to the new mode; what began before does not."""

    project_id: str
    mode: ProjectMode
    from_ms: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        switches = (*wallet.projects[self.project_id], (self.from_ms, self.mode))
        wallet.projects = {**wallet.projects, self.project_id: switches}


class TermsSet(WalletEvent, frozen=True, gc=False):
    """Prepaid (limit 0) or postpay with a credit limit, from now on."""

    is_postpay: bool
    credit_limit_micros: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
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

    def mutate(self, wallet: WalletState) -> None:
        wallet.add_lot(payment_lot(self.payment_id), LotKind.PAYMENT, self.amount_micros)


class CreditGranted(WalletEvent, frozen=True, gc=False):
    """Unpaid credit became a lot, named by the event."""

    amount_micros: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.add_lot(self.event_id, LotKind.GRANT, self.amount_micros)
        wallet.note_undoable(self)


class BalanceAdjusted(WalletEvent, frozen=True, gc=False):
    """The balance was corrected: up by a lot named by the event, or down by what was drawn."""

    amount_micros: int
    draws: tuple[Draw, ...]
    credit_micros: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        if self.amount_micros > 0:
            wallet.add_lot(self.event_id, LotKind.ADJUSTMENT, self.amount_micros)
        wallet.take(self.draws, self.credit_micros)
        wallet.note_undoable(self)


class HoldPlaced(WalletEvent, frozen=True, gc=False):
    """A call may start; `means` tells whether anything is set aside for it."""

    hold_id: str
    project_id: str
    tier: Tier
    duration_cap_ms: int
    amount_micros: int
    expires_at_ms: int
    means: HoldMeans

    def mutate(self, wallet: WalletState) -> None:
        if self.means is not HoldMeans.USAGE_CAME_FIRST:
            wallet.begin_hold(self.hold_id, self.project_id, self.amount_micros)


class HoldRefused(WalletEvent, frozen=True, gc=False):
    """A call may not start; the worst case it asked for is None if no card prices it."""

    hold_id: str
    project_id: str
    tier: Tier
    duration_cap_ms: int
    amount_micros: int | None
    refusal: Refusal

    def mutate(self, wallet: WalletState) -> None:
        """Nothing moves."""


class HoldVoided(WalletEvent, frozen=True, gc=False):
    """The hold was given back unused."""

    hold_id: str
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.end_hold(self.hold_id)


class HoldExpired(WalletEvent, frozen=True, gc=False):
    """The hold's time ran out and no usage named it."""

    answers: ClassVar[bool] = False

    hold_id: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.end_hold(self.hold_id)


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
    what it will cost.
    """

    usage: ChatUsage
    hour: ChatHour
    held_micros: int

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=False)
        tokens = self.usage.input_tokens, self.usage.output_tokens
        wallet.add_tokens(self.hour, *tokens, self.held_micros)


class ChatUncounted(WalletEvent, frozen=True, gc=False):
    """Tokens that a correction took out of an hour not closed yet; `held_micros` as of a count."""

    answers: ClassVar[bool] = False

    hour: ChatHour
    counted_event_id: str
    input_tokens: int
    output_tokens: int
    held_micros: int

    def mutate(self, wallet: WalletState) -> None:
        wallet.add_tokens(self.hour, -self.input_tokens, -self.output_tokens, self.held_micros)


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
    """Usage that upstream took back: what it corrects did not happen."""

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=False)


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


class ArrearsCollected(WalletEvent, frozen=True, gc=False):
    """What was owed was collected as funds or credit became available."""

    answers: ClassVar[bool] = False

    portions: tuple[ArrearsPortion, ...]
    draws: tuple[Draw, ...]
    credit_micros: int

    def paid_for(self, charge_event_id: str) -> tuple[tuple[Draw, ...], int]:
        """What of the draws, and of the credit, paid for one charge: in the order of portions."""
        before_micros = 0
        for portion in self.portions:
            if portion.charge_event_id == charge_event_id:
                return cut_draws(self.draws, before_micros, portion.amount_micros)
            before_micros += portion.amount_micros
        return (), 0

    def mutate(self, wallet: WalletState) -> None:
        for portion in self.portions:
            wallet.settle(portion.charge_event_id, portion.amount_micros)
        wallet.take(self.draws, self.credit_micros)


class InputRefused(WalletEvent, frozen=True, gc=False):
    """A command, or usage that contradicts what its id stood for before, was not applied."""

    input_type: str
    refusal: Refusal
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        """Nothing moves."""


class InputHeldForReview(UsageEvent, frozen=True, gc=False):
    """Usage not to be charged by rule; an operator decides. A call is over all the same.

    `ends_hold`: as of a charge.
    """

    is_applied: ClassVar[bool] = False

    ends_hold: bool
    reason: ReviewReason

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_usage(self.usage, ends_hold=self.ends_hold)
        wallet.reviews = {**wallet.reviews, self.event_id: self}


class ReviewDecided(WalletEvent, frozen=True, gc=False):
    """An operator decided about usage that was held for review; if accepted, its charge follows."""

    review_id: str
    is_accepted: bool
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.reviews = without(wallet.reviews, self.review_id)


class SpendAllowed(WalletEvent, frozen=True, gc=False):
    """A chat or a crawl may begin; nothing is set aside for it."""

    project_id: str
    activity: Activity

    def mutate(self, wallet: WalletState) -> None:
        """Nothing moves."""


class SpendRefused(WalletEvent, frozen=True, gc=False):
    """A chat or a crawl may not begin."""

    project_id: str
    activity: Activity
    refusal: Refusal

    def mutate(self, wallet: WalletState) -> None:
        """Nothing moves."""


class CardAssigned(WalletEvent, frozen=True, gc=False):
    """What begins from that full hour on is priced by that card, whatever was planned for later."""

    card_id: str
    from_ms: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        earlier = (one for one in wallet.cards if one[0] < self.from_ms)
        wallet.cards = (*earlier, (self.from_ms, self.card_id))


class WalletFrozen(WalletEvent, frozen=True, gc=False):
    """No hold is allowed until it is unfrozen; usage that happened is charged all the same."""

    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_frozen = True


class WalletUnfrozen(WalletEvent, frozen=True, gc=False):
    """Holds are allowed again."""

    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_frozen = False


class WalletClosed(WalletEvent, frozen=True, gc=False):
    """Nothing new may begin; what happened before is charged all the same."""

    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_closed = True


class WalletReopened(WalletEvent, frozen=True, gc=False):
    """The opposite of closing."""

    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_closed = False


class ArrearsWrittenOff(WalletEvent, frozen=True, gc=False):
    """What was owed is owed no more, oldest charge first; the issuer bears it."""

    portions: tuple[ArrearsPortion, ...]
    reason: str

    @property
    def amount_micros(self) -> int:
        """What was given up."""
        return portions_micros(self.portions)

    def mutate(self, wallet: WalletState) -> None:
        for portion in self.portions:
            wallet.settle(portion.charge_event_id, portion.amount_micros)
        wallet.note_undoable(self)


Undoable = BalanceAdjusted | CreditGranted | ArrearsWrittenOff
"""What an operator did to the money, and may be undone."""


def concerns(event: Undoable, charge_event_id: str) -> bool:
    """Whether it wrote off a part of that charge."""
    return isinstance(event, ArrearsWrittenOff) and any(
        portion.charge_event_id == charge_event_id for portion in event.portions
    )


class ApprovalAsked(WalletEvent, frozen=True, gc=False):
    """What an operator asked is above the amount that one alone may move: another has to approve.

    `command` names the kind of command; `amount_micros` is its amount, or the credit limit.
    """

    command: str
    amount_micros: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.approvals = {**wallet.approvals, self.event_id: self}


class ApprovalGiven(WalletEvent, frozen=True, gc=False):
    """A second operator approved; what was asked came right before."""

    answers: ClassVar[bool] = False

    approval_id: str
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.approvals = without(wallet.approvals, self.approval_id)


class ApprovalDeclined(WalletEvent, frozen=True, gc=False):
    """It will not be done."""

    approval_id: str
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.approvals = without(wallet.approvals, self.approval_id)


class OperationUndone(WalletEvent, frozen=True, gc=False):
    """The opposite of what an operator did: whatever that event moved is moved back.

    `taken` leaves the lot that it made, `returned` and `credit_micros` go back where it took them,
    `portions` are owed again.
    """

    undone_event_id: str
    taken: tuple[Draw, ...]
    returned: tuple[Draw, ...]
    credit_micros: int
    portions: tuple[ArrearsPortion, ...]
    reason: str

    @property
    def amount_micros(self) -> int:
        """By how much the balance rises."""
        return drawn_micros(self.returned) + self.credit_micros - drawn_micros(self.taken)

    def mutate(self, wallet: WalletState) -> None:
        wallet.take(self.taken, 0)
        wallet.give_back(self.returned, self.credit_micros)
        for portion in self.portions:
            wallet.owe(portion.charge_event_id, portion.amount_micros)
        wallet.undoable = without(wallet.undoable, self.undone_event_id)


class BudgetSet(WalletEvent, frozen=True, gc=False):
    """A limit of a UTC month's live charges, of a project or (None) of all; None is no limit.

    One that refuses refuses holds that would pass it; all are noticed at 50, 80 and 100 %.
    """

    project_id: str | None
    limit_micros: int | None
    is_refusing: bool

    def mutate(self, wallet: WalletState) -> None:
        wallet.keep_budget(self)


class BudgetLinePassed(WalletEvent, frozen=True, gc=False):
    """The month's charges reached a line of a budget: told once a month."""

    answers: ClassVar[bool] = False

    project_id: str | None
    percent: int
    limit_micros: int
    charged_micros: int

    def mutate(self, wallet: WalletState) -> None:
        wallet.note_line(self)


class LowBalanceLineSet(WalletEvent, frozen=True, gc=False):
    """The tenant wants to know when the balance less arrears falls under a line; None: no more."""

    line_micros: int | None

    def mutate(self, wallet: WalletState) -> None:
        wallet.low_line_micros = self.line_micros
        wallet.is_low = False


class BalanceRanLow(WalletEvent, frozen=True, gc=False):
    """The balance less arrears fell under the tenant's line."""

    answers: ClassVar[bool] = False

    line_micros: int
    net_micros: int

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_low = True


class BalanceRecovered(WalletEvent, frozen=True, gc=False):
    """It is not under the line any more: falling under it again is told again."""

    answers: ClassVar[bool] = False

    line_micros: int
    net_micros: int

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_low = False


def is_outcome(event: Event) -> bool:
    """Whether it may answer an input; the first such event that an input caused does."""
    if not isinstance(event, WalletEvent) or not event.answers:
        return False
    return not (isinstance(event, ProjectOpened) and event.seen_in_passing)


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
