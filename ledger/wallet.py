"""The wallet: an event-sourced aggregate that keeps a tenant's balance and decides its movements.

Every command method lists its refusals first, in the order of PRODUCT decision 19; after the
comment nothing can fail. Events change the wallet only through the small methods they call
(`add_lot`, `take`, `owe` …), the same when decided and when replayed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Self

import msgspec
from eventsourcing.domain import BaseAggregate

from ledger import commands as ask
from ledger import events as done
from ledger.events import Draw, Event, HoldMeans, LotKind, ProjectMode, ReviewReason, WalletEvent
from ledger.money import MICROS_PER_USD
from ledger.rates import CallPrice, RateCard
from ledger.refusals import Refusal
from ledger.usage import CallUsage

TOP_UP_MICROS_MIN: Final = 20 * MICROS_PER_USD
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
HOLD_GRACE_MS: Final = 15 * 60_000
PORTIONS_PER_EVENT_MAX: Final = 1_000
UNSPENT_LOTS_MAX: Final = 1_000
"""A charge names every lot it draws from, and must fit a record."""


class Cause(msgspec.Struct):
    """The input an event comes from, as its envelope records it, and how many it caused so far.

    What is decided is added to `events`.
    """

    event_id_stem: str
    input_id: str
    input_hash: bytes
    actor: str
    occurred_at_ms: int
    recorded_at_ms: int
    events: list[Event]
    next_index: int = 0


class Lot(msgspec.Struct, frozen=True):
    """A portion of the funds that came in together. Spent in the order of `place`."""

    kind: LotKind
    amount_micros: int
    place: tuple[int, int]


class Wallet(BaseAggregate[str]):
    """One tenant's money, in micro-dollars (PRODUCT decision 2).

    `funds_micros` (unspent lots), `held_micros` and `arrears_micros` are never negative.
    """

    @classmethod
    def of(cls, tenant_id: str, created_at_ms: int) -> Self:
        """A wallet before its first event; `is_open` once `WalletOpened` was applied."""
        wallet = cls.__new__(cls)
        created = EPOCH + timedelta(milliseconds=created_at_ms)
        wallet.__base_init__(tenant_id, 0, created)
        wallet.is_open = False
        wallet.is_postpay = False
        wallet.projects = {}
        wallet.projects_with_usage = frozenset()
        wallet.lots = {}
        wallet.unspent = {}
        wallet.holds = {}
        wallet.arrears = {}
        wallet.funds_micros = 0
        wallet.held_micros = 0
        wallet.arrears_micros = 0
        wallet.credit_used_micros = 0
        wallet.credit_limit_micros = 0
        return wallet

    is_open: bool
    is_postpay: bool
    projects: dict[str, tuple[tuple[int, ProjectMode], ...]]
    projects_with_usage: frozenset[str]
    lots: dict[str, Lot]
    unspent: dict[str, int]
    holds: dict[str, int]
    arrears: dict[str, int]
    funds_micros: int
    held_micros: int
    arrears_micros: int
    credit_used_micros: int
    credit_limit_micros: int

    def copy(self) -> Self:
        """A wallet that can move on without touching this one; what never changes is shared."""
        wallet = type(self).__new__(type(self))
        # One by one: CPython finds attributes faster than in a dictionary filled at once.
        for name, value in vars(self).items():
            setattr(wallet, name, value)
        wallet.unspent = self.unspent.copy()
        wallet.holds = self.holds.copy()
        wallet.arrears = self.arrears.copy()
        return wallet

    # ── Figures ──

    @property
    def available_micros(self) -> int:
        """What can be spent or held: negative only where a credit limit fell below its use."""
        credit_micros = self.credit_limit_micros - self.credit_used_micros
        own_micros = self.funds_micros - self.held_micros
        return own_micros + credit_micros if credit_micros > 0 else own_micros

    @property
    def balance_micros(self) -> int:
        """The balance people are shown: funds less credit used."""
        return self.funds_micros - self.credit_used_micros

    def is_live(self, project_id: str, began_ms: int) -> bool:
        """Whether what began then in that project moves money."""
        switches = self.projects.get(project_id)
        if not switches:
            return False
        # Almost always the last switch is the one that counts.
        from_ms, mode = switches[-1]
        if from_ms <= began_ms:
            return mode is ProjectMode.LIVE
        earlier = (mode for from_ms, mode in reversed(switches) if from_ms <= began_ms)
        return next(earlier, ProjectMode.SANDBOX) is ProjectMode.LIVE

    # ── Projects and terms ──

    def open_project(self, command: ask.OpenProject, cause: Cause) -> None:
        """Make a project known; or one without usage live from a stated earlier moment."""
        project_id, live_from_ms = command.project_id, command.live_from_ms
        if live_from_ms is not None and live_from_ms > cause.recorded_at_ms:
            return self._refuse(command, Refusal.in_the_future, cause)
        if project_id in self.projects and live_from_ms is None:
            return self._refuse(command, Refusal.no_change, cause)
        if project_id in self.projects_with_usage:
            return self._refuse(command, Refusal.project_in_use, cause)
        # From here on it must succeed.
        self._open(cause)
        if live_from_ms is None or project_id not in self.projects:
            opened = (project_id, live_from_ms, False, command.reason)
            return self._record(done.ProjectOpened(*self._next(cause), *opened), cause)
        return self._record(
            done.ProjectModeChanged(
                *self._next(cause), project_id, ProjectMode.LIVE, live_from_ms, command.reason
            ),
            cause,
        )

    def change_mode(
        self, command: ask.GoLive | ask.ReturnToSandbox, mode: ProjectMode, cause: Cause
    ) -> None:
        """Switch a project between sandbox and live, from now on."""
        switches = self.projects.get(command.project_id)
        if switches is None:
            return self._refuse(command, Refusal.unknown, cause)
        current = switches[-1][1] if switches else ProjectMode.SANDBOX
        if current is mode:
            return self._refuse(command, Refusal.no_change, cause)
        # From here on it must succeed.
        now_ms = cause.recorded_at_ms
        return self._record(
            done.ProjectModeChanged(
                *self._next(cause), command.project_id, mode, now_ms, command.reason
            ),
            cause,
        )

    def meet_project(self, project_id: str, cause: Cause) -> None:
        """A project seen first in usage or a hold opens in sandbox, and its tenant with it."""
        if project_id not in self.projects:
            self._open(cause)
            self._record(
                done.ProjectOpened(
                    *self._next(cause), project_id, None, seen_in_passing=True, reason=""
                ),
                cause,
            )

    def set_terms(self, command: ask.SetTerms, cause: Cause) -> None:
        """Prepaid, or postpay with a limit; a limit may be lowered under its use."""
        if not self.is_open:
            return self._refuse(command, Refusal.unknown, cause)
        # From here on it must succeed.
        return self._record(
            done.TermsSet(
                *self._next(cause),
                command.is_postpay,
                command.credit_limit_micros,
                command.reason,
            ),
            cause,
        )

    # ── Money in, and corrections ──

    def contradicts(self, command: ask.Command) -> bool:
        """Whether what the command names was used before, under another command's id."""
        return (
            isinstance(command, ask.SettleTopUp)
            and done.payment_lot(command.payment_id) in self.lots
        )

    def settle_top_up(self, command: ask.SettleTopUp, cause: Cause) -> None:
        """Credit a payment once, from $20.00."""
        if not self.is_open:
            return self._refuse(command, Refusal.unknown, cause)
        if command.amount_micros < TOP_UP_MICROS_MIN:
            return self._refuse(command, Refusal.below_minimum, cause)
        # From here on it must succeed.
        return self._record(
            done.TopUpSettled(
                *self._next(cause),
                command.payment_id,
                command.amount_micros,
                command.reason,
            ),
            cause,
        )

    def grant_credit(self, command: ask.GrantCredit, cause: Cause) -> None:
        """Give credit that was never paid."""
        if not self.is_open:
            return self._refuse(command, Refusal.unknown, cause)
        if len(self.unspent) >= UNSPENT_LOTS_MAX:
            return self._refuse(command, Refusal.too_many_lots, cause)
        # From here on it must succeed.
        return self._record(
            done.CreditGranted(*self._next(cause), command.amount_micros, command.reason), cause
        )

    def adjust_balance(self, command: ask.AdjustBalance, cause: Cause) -> None:
        """Correct the balance; a negative adjustment takes at most what is available."""
        if not self.is_open:
            return self._refuse(command, Refusal.unknown, cause)
        if -command.amount_micros > max(0, self.available_micros):
            return self._refuse(command, self._not_enough, cause)
        if command.amount_micros > 0 and len(self.unspent) >= UNSPENT_LOTS_MAX:
            return self._refuse(command, Refusal.too_many_lots, cause)
        # From here on it must succeed.
        draws, credit_micros = self._draw(max(0, -command.amount_micros))
        return self._record(
            done.BalanceAdjusted(
                *self._next(cause),
                command.amount_micros,
                draws,
                credit_micros,
                command.reason,
            ),
            cause,
        )

    # ── Holds ──

    def place_hold(
        self,
        command: ask.PlaceHold,
        card: RateCard | None,
        cause: Cause,
        *,
        usage_came_first: bool,
    ) -> None:
        """Set aside the most a call may cost (PRODUCT decision 3).

        A sandbox hold is always allowed and holds nothing; so is one whose usage came first.
        """
        self.meet_project(command.project_id, cause)
        if usage_came_first:
            return self._allow_hold(command, 0, HoldMeans.USAGE_CAME_FIRST, cause)
        if not self.is_live(command.project_id, cause.recorded_at_ms):
            return self._allow_hold(command, 0, HoldMeans.SANDBOX, cause)
        amount_micros = card and card.most_a_call_can_cost_micros(
            command.tier, command.duration_cap_ms
        )
        if amount_micros is None:
            return self._refuse_hold(command, None, Refusal.no_price, cause)
        if self.arrears_micros > 0:
            return self._refuse_hold(command, amount_micros, Refusal.arrears, cause)
        if amount_micros > self.available_micros:
            return self._refuse_hold(command, amount_micros, self._not_enough, cause)
        # From here on the hold must succeed.
        return self._allow_hold(command, amount_micros, HoldMeans.SET_ASIDE, cause)

    def void_hold(self, command: ask.VoidHold, cause: Cause, *, was_placed: bool) -> None:
        """Give an open hold back."""
        if not was_placed:
            return self._refuse(command, Refusal.unknown, cause)
        if command.hold_id not in self.holds:
            return self._refuse(command, Refusal.hold_ended, cause)
        # From here on it must succeed.
        return self._record(
            done.HoldVoided(*self._next(cause), command.hold_id, command.reason), cause
        )

    def expire_hold(self, hold_id: str, cause: Cause) -> None:
        """End a hold whose time ran out and whose usage did not come."""
        self._record(done.HoldExpired(*self._next(cause), hold_id), cause)

    # ── Usage: owed, never refused ──

    def charge_call(self, usage: CallUsage, price: CallPrice, cause: Cause) -> None:
        """Charge a completed call at full price (PRODUCT decision 4).

        Drawn from its own hold and what is available, never from another hold; the rest is arrears.
        """
        is_simulated = not self.is_live(usage.project_id, usage.started_at)
        ends_hold = usage.hold_id in self.holds
        draws: tuple[Draw, ...] = ()
        credit_micros = 0
        if not is_simulated:
            amount_micros = price.amount_micros
            # Nearly always the lots hold enough beside the holds; only else the reach matters.
            if amount_micros > self.funds_micros - self.held_micros:
                own_hold_micros = self.holds[usage.hold_id] if usage.hold_id and ends_hold else 0
                amount_micros = min(amount_micros, max(0, self.available_micros) + own_hold_micros)
            draws, credit_micros = self._draw(amount_micros)
        # Most events are charges: their envelope is written out, which is faster than `_next`.
        index = cause.next_index
        cause.next_index = index + 1
        self._record(
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

    def hold_for_review(self, usage: CallUsage, reason: ReviewReason, cause: Cause) -> None:
        """Set usage aside for an operator instead of guessing a price or a time."""
        ends_hold = usage.hold_id in self.holds
        self._record(done.InputHeldForReview(*self._next(cause), usage, ends_hold, reason), cause)

    def refuse_usage(self, usage: CallUsage, refusal: Refusal, cause: Cause) -> None:
        """Record usage that contradicts what its id stood for before."""
        self._record(
            done.InputRefused(*self._next(cause), type(usage).__name__, refusal, ""), cause
        )

    def refuse(self, command: ask.Command, refusal: Refusal, cause: Cause) -> None:
        """Record a command that may not be applied."""
        if isinstance(command, ask.PlaceHold):
            self._refuse_hold(command, None, refusal, cause)
        else:
            self._refuse(command, refusal, cause)

    # ── Arrears ──

    @property
    def can_collect_arrears(self) -> bool:
        """Whether something is owed and something available: never for longer than it takes."""
        return self.arrears_micros > 0 and self.available_micros > 0

    def collect_arrears(self, cause: Cause) -> int:
        """Collect what is owed, oldest first (PRODUCT decision 4); from how many charges.

        More than one event holds are left for the next call.
        """
        portions = tuple(self._portions(self.available_micros))
        draws, credit_micros = self._draw(sum(portion.amount_micros for portion in portions))
        self._record(
            done.ArrearsCollected(*self._next(cause), portions, draws, credit_micros), cause
        )
        return len(portions)

    # ── What events do to the wallet ──

    def add_lot(self, lot_id: str, kind: LotKind, amount_micros: int) -> None:
        """Add funds: unpaid lots are spent before paid ones, else the oldest first."""
        place = (int(kind is LotKind.PAYMENT), len(self.lots))
        self.lots = {**self.lots, lot_id: Lot(kind, amount_micros, place)}
        self.unspent[lot_id] = amount_micros
        self.unspent = dict(sorted(self.unspent.items(), key=lambda item: self.lots[item[0]].place))
        self.funds_micros += amount_micros

    def take(self, draws: tuple[Draw, ...], credit_micros: int) -> int:
        """Take what was drawn from lots and credit; how much that was."""
        unspent, drawn_micros = self.unspent, 0
        for draw in draws:
            lot_id, amount_micros = draw.lot_id, draw.amount_micros
            left_micros = unspent[lot_id] - amount_micros
            if left_micros:
                unspent[lot_id] = left_micros
            else:
                del unspent[lot_id]
            drawn_micros += amount_micros
        self.funds_micros -= drawn_micros
        self.credit_used_micros += credit_micros
        return drawn_micros + credit_micros

    def begin_hold(self, hold_id: str, amount_micros: int) -> None:
        """Set an amount aside under the hold's id."""
        self.holds[hold_id] = amount_micros
        self.held_micros += amount_micros

    def end_hold(self, hold_id: str) -> None:
        """Release what the hold set aside."""
        self.held_micros -= self.holds.pop(hold_id)

    def note_usage(self, usage: CallUsage, *, ends_hold: bool) -> None:
        """The project has usage now, and the hold that the usage names, if open, is over."""
        if usage.project_id not in self.projects_with_usage:
            self.projects_with_usage |= {usage.project_id}
        if ends_hold:
            assert usage.hold_id is not None
            self.end_hold(usage.hold_id)

    def owe(self, charge_event_id: str, amount_micros: int) -> None:
        """Add to what is owed, last in the queue."""
        self.arrears[charge_event_id] = amount_micros
        self.arrears_micros += amount_micros

    def settle(self, charge_event_id: str, amount_micros: int) -> None:
        """Take a collected portion off what is owed."""
        left_micros = self.arrears[charge_event_id] - amount_micros
        if left_micros:
            self.arrears[charge_event_id] = left_micros
        else:
            del self.arrears[charge_event_id]
        self.arrears_micros -= amount_micros

    def apply(self, event: WalletEvent) -> None:
        """Move the wallet on by one event of its sequence."""
        assert event.originator_version == self._version + 1, "a wallet's sequence has no gap"
        event.mutate(self)
        self._version = event.originator_version

    # ── Inner parts ──

    @property
    def _not_enough(self) -> Refusal:
        return Refusal.credit_limit if self.is_postpay else Refusal.insufficient_funds

    def _next(self, cause: Cause) -> tuple[str, int, str, int, int, str, bytes, str]:
        """The envelope of this wallet's next event; its id is the input's position and an index."""
        index = cause.next_index
        cause.next_index = index + 1
        return (
            self._id,
            self._version + 1,
            f"{cause.event_id_stem}:{index}",
            cause.occurred_at_ms,
            cause.recorded_at_ms,
            cause.input_id,
            cause.input_hash,
            cause.actor,
        )

    def _record(self, event: WalletEvent, cause: Cause) -> None:
        event.mutate(self)
        self._version += 1
        cause.events.append(event)

    def _refuse(self, command: ask.Command, refusal: Refusal, cause: Cause) -> None:
        self._record(
            done.InputRefused(
                *self._next(cause),
                type(command).__name__,
                refusal,
                command.reason,
            ),
            cause,
        )

    def _allow_hold(
        self, command: ask.PlaceHold, amount_micros: int, means: HoldMeans, cause: Cause
    ) -> None:
        self._record(
            done.HoldPlaced(
                *self._next(cause),
                command.command_id,
                command.project_id,
                command.tier,
                command.duration_cap_ms,
                amount_micros,
                cause.recorded_at_ms + command.duration_cap_ms + HOLD_GRACE_MS,
                means,
            ),
            cause,
        )

    def _refuse_hold(
        self, command: ask.PlaceHold, amount_micros: int | None, refusal: Refusal, cause: Cause
    ) -> None:
        self._record(
            done.HoldRefused(
                *self._next(cause),
                command.command_id,
                command.project_id,
                command.tier,
                command.duration_cap_ms,
                amount_micros,
                refusal,
            ),
            cause,
        )

    def _open(self, cause: Cause) -> None:
        if not self.is_open:
            self._record(done.WalletOpened(*self._next(cause)), cause)

    def _draw(self, amount_micros: int) -> tuple[tuple[Draw, ...], int]:
        """Choose what pays: lots in their order, then credit. The caller has checked the reach."""
        if amount_micros == 0:
            return (), 0
        draws: list[Draw] | None = None
        for lot_id, left_micros in self.unspent.items():
            if left_micros >= amount_micros:
                last = Draw(lot_id, amount_micros)
                return (*draws, last) if draws else (last,), 0
            draws = draws or []
            draws.append(Draw(lot_id, left_micros))
            amount_micros -= left_micros
        return tuple(draws or ()), amount_micros

    def _portions(self, reach_micros: int) -> Iterator[done.ArrearsPortion]:
        for charge_event_id, owed_micros in islice(self.arrears.items(), PORTIONS_PER_EVENT_MAX):
            if reach_micros == 0:
                return
            portion_micros = min(owed_micros, reach_micros)
            yield done.ArrearsPortion(charge_event_id, portion_micros)
            reach_micros -= portion_micros
