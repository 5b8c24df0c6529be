"""What a wallet is made of: lots, holds, budgets; and what tells usage and months apart."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol, Self, TypeVar

import msgspec

from ledger.events import LotKind
from ledger.usage import AnyUsage

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Lot(msgspec.Struct, frozen=True):
    """A portion of the funds that came in together. Spent in the order of `place`."""

    kind: LotKind
    amount_micros: int
    place: tuple[int, int]


class Hold(NamedTuple):
    """What is set aside for a call, in which project, and until when."""

    project_id: str
    amount_micros: int
    expires_at_ms: int


class Budget(NamedTuple):
    """A limit of a month's charges; the highest line that was told of, in which month."""

    limit_micros: int
    is_refusing: bool
    told_percent: int
    told_month: int


class _Copied(Protocol):
    """A dictionary or a set."""

    def copy(self) -> Self:
        """Another with the same in it."""
        ...


Kept = TypeVar("Kept", bound=_Copied)

UsageName = tuple[str, str]
"""A kind of usage and an event id: the ids of two topics may be alike."""


def usage_name(usage: AnyUsage) -> UsageName:
    """What tells the usage event from all others of its tenant."""
    return type(usage).__name__, usage.event_id


def month_of(at_ms: int) -> int:
    """The UTC month of a time, as a number that grows by one a month."""
    at = EPOCH + timedelta(milliseconds=at_ms)
    return at.year * 12 + at.month - 1


def month_ends(month: int) -> int:
    """When a month is over (UTC milliseconds)."""
    year, index = divmod(month + 1, 12)
    return int((datetime(year, index + 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000
