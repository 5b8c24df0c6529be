"""Projects in sandbox or live, the wallet's terms, and which card prices its usage."""

from typing import Final

from ledger import commands as ask
from ledger import events as done
from ledger.events import ProjectMode
from ledger.rates import MS_PER_HOUR, CardBook
from ledger.refusals import Refusal
from ledger.wallet.state import Cause, WalletState

CARD_LEAD_MS: Final = MS_PER_HOUR
"""A card takes effect at least so long ahead: never back in time, wherever a partition is."""


class Projects(WalletState):
    """What a tenant has, and on which terms."""

    def open_project(self, command: ask.OpenProject, cause: Cause) -> None:
        """Make a project known; or one without usage live from a stated earlier moment."""
        project_id, live_from_ms = command.project_id, command.live_from_ms
        if live_from_ms is not None and live_from_ms > cause.recorded_at_ms:
            return self.record_refusal(command, Refusal.in_the_future, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        if project_id in self.projects and live_from_ms is None:
            return self.record_refusal(command, Refusal.no_change, cause)
        if project_id in self.projects_with_usage:
            return self.record_refusal(command, Refusal.project_in_use, cause)
        # From here on it must succeed.
        self._open(cause)
        if live_from_ms is None or project_id not in self.projects:
            opened = (project_id, live_from_ms, False, command.reason)
            return self.record(done.ProjectOpened(*self.envelope(cause), *opened), cause)
        changed = (project_id, ProjectMode.LIVE, live_from_ms, command.reason)
        return self.record(done.ProjectModeChanged(*self.envelope(cause), *changed), cause)

    def change_mode(
        self, command: ask.GoLive | ask.ReturnToSandbox, mode: ProjectMode, cause: Cause
    ) -> None:
        """Switch a project between sandbox and live, from now on."""
        switches = self.projects.get(command.project_id)
        if switches is None:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        current = switches[-1][1] if switches else ProjectMode.SANDBOX
        if current is mode:
            return self.record_refusal(command, Refusal.no_change, cause)
        # From here on it must succeed.
        changed = (command.project_id, mode, cause.recorded_at_ms, command.reason)
        return self.record(done.ProjectModeChanged(*self.envelope(cause), *changed), cause)

    def meet_project(self, project_id: str, cause: Cause) -> None:
        """A project seen first in usage or a hold opens in sandbox, and its tenant with it."""
        if project_id not in self.projects:
            self._open(cause)
            met = (project_id, None, True, "")
            self.record(done.ProjectOpened(*self.envelope(cause), *met), cause)

    def set_terms(self, command: ask.SetTerms, cause: Cause) -> None:
        """Prepaid, or postpay with a limit; a limit may be lowered under its use."""
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        # From here on it must succeed.
        terms = (command.is_postpay, command.credit_limit_micros, command.reason)
        return self.record(done.TermsSet(*self.envelope(cause), *terms), cause)

    def assign_card(self, command: ask.AssignCard, cards: CardBook, cause: Cause) -> None:
        """Price what begins from a full hour on by that card; never back in time."""
        if command.from_ms < cause.recorded_at_ms + CARD_LEAD_MS:
            return self.record_refusal(command, Refusal.too_late, cause)
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        if cards.in_force(command.from_ms, command.card_id) is None:
            return self.record_refusal(command, Refusal.no_price, cause)
        # From here on it must succeed.
        assigned = (command.card_id, command.from_ms, command.reason)
        return self.record(done.CardAssigned(*self.envelope(cause), *assigned), cause)

    def _open(self, cause: Cause) -> None:
        if not self.is_open:
            self.record(done.WalletOpened(*self.envelope(cause)), cause)
