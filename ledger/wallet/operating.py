"""Money in, corrections of the balance, freezing and closing: what payments and operators ask."""

from typing import Final

from ledger import commands as ask
from ledger import events as done
from ledger.events import Draw, LotKind
from ledger.money import MICROS_PER_CENT, MICROS_PER_USD
from ledger.refusals import Refusal
from ledger.wallet.projects import Projects
from ledger.wallet.state import UNSPENT_LOTS_MAX, Cause

TOP_UP_MICROS_MIN: Final = 20 * MICROS_PER_USD


class Operating(Projects):
    """Movements that are not usage (PRODUCT decisions 15, 18 and 20)."""

    def contradicts(self, command: ask.Command) -> bool:
        """Whether what the command names stands already, under another command or a forgotten one.

        A hold is remembered as long as it is open, be its command forgotten.
        """
        if isinstance(command, ask.SettleTopUp):
            return done.payment_lot(command.payment_id) in self.lots
        return isinstance(command, ask.PlaceHold) and command.command_id in self.holds

    def settle_top_up(self, command: ask.SettleTopUp, cause: Cause) -> None:
        """Credit a payment once, from $20.00; it was made, whether the wallet is closed or not."""
        if self.contradicts(command):
            return self.record_refusal(command, Refusal.conflict, cause)
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if command.amount_micros < TOP_UP_MICROS_MIN:
            return self.record_refusal(command, Refusal.below_minimum, cause)
        # From here on it must succeed.
        settled = (command.payment_id, command.amount_micros, command.reason)
        return self.record(done.TopUpSettled(*self.envelope(cause), *settled), cause)

    def grant_credit(self, command: ask.GrantCredit, cause: Cause) -> None:
        """Give credit that was never paid."""
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        if len(self.unspent) >= UNSPENT_LOTS_MAX:
            return self.record_refusal(command, Refusal.too_many_lots, cause)
        # From here on it must succeed.
        granted = (command.amount_micros, command.reason)
        return self.record(done.CreditGranted(*self.envelope(cause), *granted), cause)

    def adjust_balance(self, command: ask.AdjustBalance, cause: Cause) -> None:
        """Correct the balance; a negative adjustment takes at most what is available."""
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        if -command.amount_micros > max(0, self.available_micros):
            return self.record_refusal(command, self.not_enough, cause)
        if command.amount_micros > 0 and len(self.unspent) >= UNSPENT_LOTS_MAX:
            return self.record_refusal(command, Refusal.too_many_lots, cause)
        # From here on it must succeed.
        return self._adjust(command.amount_micros, command.reason, cause)

    def write_off(self, command: ask.WriteOffArrears, cause: Cause) -> None:
        """Give up what is owed, oldest first; an event holds at most 1,000 charges of it."""
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        portions = self.oldest_arrears(command.amount_micros)
        if done.portions_micros(portions) < command.amount_micros:
            return self.record_refusal(command, Refusal.not_owed, cause)
        # From here on it must succeed.
        written_off = (portions, command.reason)
        return self.record(done.ArrearsWrittenOff(*self.envelope(cause), *written_off), cause)

    def undo(self, command: ask.Undo, cause: Cause) -> None:
        """Do the opposite of what an operator did; of funds that were added, all must be there."""
        event = self.undoable.get(command.event_id)
        if event is None:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        added_micros = 0 if isinstance(event, done.ArrearsWrittenOff) else event.amount_micros
        if added_micros > 0 and self.unspent.get(event.event_id, 0) < added_micros:
            return self.record_refusal(command, Refusal.spent, cause)
        if added_micros > max(0, self.available_micros):
            return self.record_refusal(command, self.not_enough, cause)
        # From here on it must succeed.
        taken = (Draw(event.event_id, added_micros),) if added_micros > 0 else ()
        returned: tuple[Draw, ...] = ()
        credit_micros = 0
        if isinstance(event, done.BalanceAdjusted):
            returned, credit_micros = event.draws, event.credit_micros
        portions = event.portions if isinstance(event, done.ArrearsWrittenOff) else ()
        named = (event.event_id, type(event).__name__)
        undone = (*named, taken, returned, credit_micros, portions, command.reason)
        return self.record(done.OperationUndone(*self.envelope(cause), *undone), cause)

    # ── Two operators (PRODUCT decision 20) ──

    def amount_to_approve_micros(self, command: ask.Command) -> int:
        """What the command moves, or the credit limit it raises; 0 if no second pair of eyes."""
        match command:
            case ask.AdjustBalance():
                return abs(command.amount_micros)
            case ask.GrantCredit() | ask.WriteOffArrears():
                return command.amount_micros
            case ask.SetTerms() if command.credit_limit_micros > self.credit_limit_micros:
                return command.credit_limit_micros
            case ask.SettleTopUp() if command.actor.startswith(ask.OPERATOR_PREFIX):
                return command.amount_micros
            case ask.Undo() if command.event_id in self.undoable:
                return abs(self.undoable[command.event_id].amount_micros)
            case ask.CloseWallet() if self._why_not_to_close() is None:
                return self.funds_micros
            case _:
                return 0

    def ask_approval(self, command: ask.Command, cause: Cause) -> None:
        """Keep what one operator alone may not do until another approves."""
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed and not isinstance(command, ask.WriteOffArrears | ask.SettleTopUp):
            return self.record_refusal(command, Refusal.closed, cause)
        # From here on it must succeed.
        amount_micros = self.amount_to_approve_micros(command)
        if isinstance(command, ask.AdjustBalance):
            amount_micros = command.amount_micros
        asked = (_in_words(command), amount_micros, command.reason)
        return self.record(done.ApprovalAsked(*self.envelope(cause), *asked), cause)

    def approve(self, command: ask.Approve, cause: Cause) -> None:
        """Do what another operator asked, by the rules as of now; what is refused stays asked."""
        asked = self.approvals.get(command.approval_id)
        if asked is None:
            return self.record_refusal(command, Refusal.unknown, cause)
        if asked.actor == command.actor:
            return self.record_refusal(command, Refusal.same_operator, cause)
        self.operate(_approved(asked), cause, command.approval_id)
        if isinstance(cause.events[-1], done.InputRefused):
            return None
        # From here on it must succeed.
        given = (command.approval_id, command.reason)
        return self.record(done.ApprovalGiven(*self.envelope(cause), *given), cause)

    def decline(self, command: ask.Decline, cause: Cause) -> None:
        """Let it not be done; who asked may decline too."""
        if command.approval_id not in self.approvals:
            return self.record_refusal(command, Refusal.unknown, cause)
        # From here on it must succeed.
        declined = (command.approval_id, command.reason)
        return self.record(done.ApprovalDeclined(*self.envelope(cause), *declined), cause)

    def operate(self, command: ask.Command, cause: Cause, approval_id: str = "") -> None:
        """Do what operators ask and may have to approve, under that approval if one was given."""
        match command:
            case ask.AdjustBalance():
                self.adjust_balance(command, cause)
            case ask.GrantCredit():
                self.grant_credit(command, cause)
            case ask.WriteOffArrears():
                self.write_off(command, cause)
            case ask.SetTerms():
                self.set_terms(command, cause)
            case ask.SettleTopUp():
                self.settle_top_up(command, cause)
            case ask.Undo():
                self.undo(command, cause)
            case ask.CloseWallet():
                self.close(command, cause, approval_id)
            case _:
                raise AssertionError(f"{type(command).__name__} is nobody's to approve")

    # ── Freezing and closing (PRODUCT decision 18) ──

    def freeze(self, command: ask.FreezeWallet | ask.UnfreezeWallet, cause: Cause) -> None:
        """Stop all holds, or allow them again."""
        is_to_freeze = isinstance(command, ask.FreezeWallet)
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        if self.is_frozen == is_to_freeze:
            return self.record_refusal(command, Refusal.no_change, cause)
        # From here on it must succeed.
        happened = done.WalletFrozen if is_to_freeze else done.WalletUnfrozen
        return self.record(happened(*self.envelope(cause), command.reason), cause)

    def close(self, command: ask.CloseWallet, cause: Cause, approval_id: str = "") -> None:
        """End a wallet that nothing hangs on; grants and less than a cent are adjusted away."""
        refusal = self._why_not_to_close(approval_id)
        if refusal is not None:
            return self.record_refusal(command, refusal, cause)
        # From here on it must succeed.
        self.record(done.WalletClosed(*self.envelope(cause), command.reason), cause)
        if self.funds_micros:
            self._adjust(-self.funds_micros, command.reason, cause)
        return None

    def reopen(self, command: ask.ReopenWallet, cause: Cause) -> None:
        """The opposite of closing; what was adjusted away is undone by itself."""
        if not self.is_closed:
            return self.record_refusal(
                command, Refusal.no_change if self.is_open else Refusal.unknown, cause
            )
        # From here on it must succeed.
        return self.record(done.WalletReopened(*self.envelope(cause), command.reason), cause)

    # ── Inner parts ──

    def _why_not_to_close(self, approval_id: str = "") -> Refusal | None:
        """What hangs on the wallet, but for the approval that closes it."""
        if not self.is_open:
            return Refusal.unknown
        if self.is_closed:
            return Refusal.no_change
        asked = self.approvals.keys() - {approval_id}
        if self.holds or self.chats or self.waiting or self.reviews or asked:
            return Refusal.in_flight
        if self.arrears_micros > 0:
            return Refusal.arrears
        if self.credit_used_micros != 0:
            return Refusal.credit_in_use
        if self._paid_and_unspent_micros >= MICROS_PER_CENT:
            return Refusal.refundable
        return None

    @property
    def _paid_and_unspent_micros(self) -> int:
        return sum(
            micros
            for lot_id, micros in self.unspent.items()
            if self.lots[lot_id].kind is LotKind.PAYMENT
        )

    def _adjust(self, amount_micros: int, reason: str, cause: Cause) -> None:
        adjusted = (amount_micros, *self.draw(max(0, -amount_micros)), reason)
        self.record(done.BalanceAdjusted(*self.envelope(cause), *adjusted), cause)


def _in_words(command: ask.Command) -> str:
    """The kind of command, and what it is about if it names something."""
    kind = type(command).__name__
    match command:
        case ask.Undo():
            return f"{kind} {command.event_id}"
        case ask.SettleTopUp():
            return f"{kind} {command.payment_id}"
        case _:
            return kind


def _approved(asked: done.ApprovalAsked) -> ask.Command:
    """The command that an operator asked, as it came."""
    by = {
        "command_id": asked.input_id,
        "tenant_id": asked.originator_id,
        "actor": asked.actor,
        "reason": asked.reason,
    }
    amount_micros = asked.amount_micros
    kind, _, about = asked.command.partition(" ")
    match kind:
        case "AdjustBalance":
            return ask.AdjustBalance(**by, amount_micros=amount_micros)
        case "GrantCredit":
            return ask.GrantCredit(**by, amount_micros=amount_micros)
        case "WriteOffArrears":
            return ask.WriteOffArrears(**by, amount_micros=amount_micros)
        case "SettleTopUp":
            return ask.SettleTopUp(**by, payment_id=about, amount_micros=amount_micros)
        case "Undo":
            return ask.Undo(**by, event_id=about)
        case "CloseWallet":
            return ask.CloseWallet(**by)
        case _:
            return ask.SetTerms(**by, is_postpay=True, credit_limit_micros=amount_micros)
