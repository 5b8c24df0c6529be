"""Whether something may begin, and what is set aside for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ledger.events.envelope import HoldMeans, WalletEvent
from ledger.refusals import Refusal
from ledger.usage import Activity, Tier

if TYPE_CHECKING:
    from ledger.wallet.state import WalletState


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
            wallet.begin_hold(self.hold_id, self.project_id, self.amount_micros, self.expires_at_ms)


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
