"""What a wallet holds, and how it is copied for a batch."""

# ruff: noqa: SLF001 - a wallet makes another of its own class

from datetime import timedelta
from typing import Final, Self

from eventsourcing.domain import BaseAggregate

from ledger import events as done
from ledger.events import ChatHour, ProjectMode
from ledger.wallet.parts import EPOCH, Budget, Hold, Lot, UsageName
from ledger.wallet.reach import OpenChat

NOTHING_WRITTEN: Final[frozenset[str]] = frozenset()


class WalletContents(BaseAggregate[str]):  # noqa: PLW1641 - what changes has no hash
    """One tenant's money, in micro-dollars (PRODUCT decision 2).

    `funds_micros` (unspent lots), `held_micros` and `arrears_micros` are never negative.
    """

    # With slots; in a dictionary, CPython finds more than 30 attributes and the methods beside them
    # in more time, and a wallet takes more memory.
    __slots__ = (
        "_created_on",
        "_id",
        "_modified_on",
        "_pending_events",
        "_version",
        "_written",
        "approvals",
        "arrears",
        "arrears_micros",
        "budgets",
        "cards",
        "charged",
        "chats",
        "credit_limit_micros",
        "credit_used_micros",
        "funds_micros",
        "given_up_since",
        "held_by_project",
        "held_micros",
        "holds",
        "is_closed",
        "is_frozen",
        "is_low",
        "is_open",
        "is_postpay",
        "lifted",
        "lots",
        "low_line_micros",
        "month_ends_ms",
        "owed_since",
        "projects",
        "projects_with_usage",
        "reviews",
        "undoable",
        "unheld_micros",
        "unspent",
        "waiting",
    )

    is_open: bool
    is_postpay: bool
    is_frozen: bool
    is_closed: bool
    is_low: bool
    funds_micros: int
    held_micros: int
    """What events set aside, for calls and for chats."""
    unheld_micros: int
    """What open hours of chats cost beyond that: held too, as far as there is something."""
    arrears_micros: int
    credit_used_micros: int
    credit_limit_micros: int
    low_line_micros: int | None
    month_ends_ms: int
    projects: dict[str, tuple[tuple[int, ProjectMode], ...]]
    projects_with_usage: set[str]
    cards: tuple[tuple[int, str], ...]
    """From when on which card prices; before the first, the default one."""
    lots: dict[str, Lot]
    unspent: dict[str, int]
    holds: dict[str, Hold]
    held_by_project: dict[str, int]
    chats: dict[ChatHour, OpenChat]
    arrears: dict[str, int]
    """What is owed of each charge, the oldest first."""
    owed_since: dict[str, int]
    """The place of each of these charges in the wallet's sequence."""
    given_up_since: dict[str, int]
    """The same of charges of which a part was written off."""
    charged: dict[str, int]
    """Live charges less reversals by project, of the UTC month that ends at `month_ends_ms`."""
    budgets: dict[str | None, Budget]
    lifted: dict[str | None, Budget]
    """The last budget of those that were lifted."""
    reviews: dict[str, done.InputHeldForReview]
    waiting: dict[UsageName, done.CorrectionWaits]
    """Corrections, by the usage they correct."""
    approvals: dict[str, done.ApprovalAsked]
    undoable: dict[str, done.Undoable]
    _written: frozenset[str]
    """Of what `copy` shares, that which is the wallet's own by now."""

    @classmethod
    def of(cls, tenant_id: str, created_at_ms: int) -> Self:
        """A wallet before its first event; `is_open` once `WalletOpened` was applied."""
        wallet = cls.__new__(cls)
        created = EPOCH + timedelta(milliseconds=created_at_ms)
        wallet.__base_init__(tenant_id, 0, created)
        wallet.is_open = False
        wallet.is_postpay = False
        wallet.is_frozen = False
        wallet.is_closed = False
        wallet.is_low = False
        wallet.funds_micros = 0
        wallet.held_micros = 0
        wallet.unheld_micros = 0
        wallet.arrears_micros = 0
        wallet.credit_used_micros = 0
        wallet.credit_limit_micros = 0
        wallet.low_line_micros = None
        wallet.month_ends_ms = 0
        wallet.projects = {}
        wallet.projects_with_usage = set()
        wallet.cards = ()
        wallet.lots = {}
        wallet.unspent = {}
        wallet.holds = {}
        wallet.held_by_project = {}
        wallet.chats = {}
        wallet.arrears = {}
        wallet.owed_since = {}
        wallet.given_up_since = {}
        wallet.charged = {}
        wallet.budgets = {}
        wallet.lifted = {}
        wallet.reviews = {}
        wallet.waiting = {}
        wallet.approvals = {}
        wallet.undoable = {}
        wallet._written = NOTHING_WRITTEN
        return wallet

    def copy(self) -> Self:
        """A wallet that can move on without touching this one.

        What nearly every batch writes is copied here, the rest when it is first written: it may be
        large, and copying it for each event would take time by the square.
        """
        wallet = type(self).__new__(type(self))
        # Spelt out: a batch copies every wallet it touches, and this takes half the time of a loop.
        wallet._id = self._id
        wallet._version = self._version
        wallet._created_on = self._created_on
        wallet._modified_on = self._modified_on
        wallet._pending_events = self._pending_events
        wallet.is_open = self.is_open
        wallet.is_postpay = self.is_postpay
        wallet.is_frozen = self.is_frozen
        wallet.is_closed = self.is_closed
        wallet.is_low = self.is_low
        wallet.funds_micros = self.funds_micros
        wallet.held_micros = self.held_micros
        wallet.unheld_micros = self.unheld_micros
        wallet.arrears_micros = self.arrears_micros
        wallet.credit_used_micros = self.credit_used_micros
        wallet.credit_limit_micros = self.credit_limit_micros
        wallet.low_line_micros = self.low_line_micros
        wallet.month_ends_ms = self.month_ends_ms
        wallet.projects = self.projects
        wallet.projects_with_usage = self.projects_with_usage
        wallet.cards = self.cards
        wallet.lots = self.lots
        wallet.unspent = self.unspent.copy()
        wallet.holds = self.holds.copy()
        wallet.held_by_project = self.held_by_project.copy()
        wallet.chats = self.chats.copy()
        wallet.arrears = self.arrears.copy()
        wallet.owed_since = self.owed_since.copy()
        wallet.given_up_since = self.given_up_since
        wallet.charged = self.charged.copy()
        wallet.budgets = self.budgets
        wallet.lifted = self.lifted
        wallet.reviews = self.reviews
        wallet.waiting = self.waiting
        wallet.approvals = self.approvals
        wallet.undoable = self.undoable
        wallet._written = NOTHING_WRITTEN
        return wallet

    def facts(self) -> dict[str, object]:
        """All it holds, by name; not what of it a copy still shares."""
        names = (name for name in WalletContents.__slots__ if name != "_written")
        return {name: getattr(self, name) for name in names}

    def __eq__(self, other: object) -> bool:
        """Whether it is a wallet that holds the same."""
        return type(other) is type(self) and self.facts() == other.facts()

    def __repr__(self) -> str:
        """For whoever looks at it in a test."""
        return f"{type(self).__name__}({self.facts()!r})"
