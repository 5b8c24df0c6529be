"""The wallet itself, its projects and terms: what moves no money."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ledger.events.envelope import ProjectMode, WalletEvent
from ledger.refusals import Refusal

if TYPE_CHECKING:
    from ledger.wallet.state import WalletState


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
        wallet.keep_project(self.project_id, switches)


class ProjectModeChanged(WalletEvent, frozen=True, gc=False):
    """What begins from `from_ms` on belongs to the new mode; what began before does not."""

    project_id: str
    mode: ProjectMode
    from_ms: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        switches = (*wallet.projects[self.project_id], (self.from_ms, self.mode))
        wallet.keep_project(self.project_id, switches)


class TermsSet(WalletEvent, frozen=True, gc=False):
    """Prepaid (limit 0) or postpay with a credit limit, from now on."""

    is_postpay: bool
    credit_limit_micros: int
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        wallet.is_postpay = self.is_postpay
        wallet.credit_limit_micros = self.credit_limit_micros


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


class InputRefused(WalletEvent, frozen=True, gc=False):
    """A command, or usage that contradicts what its id stood for before, was not applied."""

    input_type: str
    refusal: Refusal
    reason: str

    def mutate(self, wallet: WalletState) -> None:
        """Nothing moves."""
