"""Money that comes in or is given up, what is collected, and what operators do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from ledger.events.envelope import (
    ArrearsPortion,
    Draw,
    LotKind,
    WalletEvent,
    cut_draws,
    drawn_micros,
    payment_lot,
    portions_micros,
)

if TYPE_CHECKING:
    from ledger.wallet.state import WalletState


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


class ArrearsWrittenOff(WalletEvent, frozen=True, gc=False):
    """What was owed is owed no more, oldest charge first; the issuer bears it."""

    portions: tuple[ArrearsPortion, ...]
    reason: str

    @property
    def amount_micros(self) -> int:
        """What was given up."""
        return portions_micros(self.portions)

    def mutate(self, wallet: WalletState) -> None:
        wallet.give_up(self.portions)
        wallet.note_undoable(self)


Undoable = BalanceAdjusted | CreditGranted | ArrearsWrittenOff
"""What an operator did to the money, and may be undone."""


def given_up_micros(event: Undoable, charge_event_id: str) -> int:
    """What of that charge it wrote off."""
    if not isinstance(event, ArrearsWrittenOff):
        return 0
    return portions_micros(tuple(p for p in event.portions if p.charge_event_id == charge_event_id))


def left_to_undo(event: Undoable, charge_event_id: str) -> Undoable | None:
    """What of it can be undone once that charge is gone, which cannot be owed again."""
    if not given_up_micros(event, charge_event_id):
        return event
    assert isinstance(event, ArrearsWrittenOff)
    left = tuple(p for p in event.portions if p.charge_event_id != charge_event_id)
    return msgspec.structs.replace(event, portions=left) if left else None


class ApprovalAsked(WalletEvent, frozen=True, gc=False):
    """What an operator asked is above the amount that one alone may move: another has to approve.

    `command` names the kind of command and, after a space, the event that it undoes or the payment
    that it settles; `amount_micros` is its amount, or the credit limit.
    """

    command: str
    amount_micros: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.begin_approval(self)


class ApprovalGiven(WalletEvent, frozen=True, gc=False):
    """A second operator approved; what was asked came right before."""

    answers: ClassVar[bool] = False

    approval_id: str
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.end_approval(self.approval_id)


class ApprovalDeclined(WalletEvent, frozen=True, gc=False):
    """It will not be done."""

    approval_id: str
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.end_approval(self.approval_id)


class OperationUndone(WalletEvent, frozen=True, gc=False):
    """The opposite of what an operator did: whatever that event moved is moved back.

    `undone_type` is its kind, as `CreditGranted`. `taken` leaves the lot that it made, `returned`
    and `credit_micros` go back where it took them, `portions` are owed again.
    """

    undone_event_id: str
    undone_type: str
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
        if self.portions:
            wallet.owe_again(self.portions)
        wallet.end_undoable(self.undone_event_id)
