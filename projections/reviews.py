"""The `reviews` table: usage that was not charged by rule, and what an operator decided of it."""

from enum import StrEnum
from typing import Final

import msgspec

from ledger.events import InputHeldForReview, ReviewDecided, ReviewReason
from ledger.usage import happened_at
from projections.database import Database
from projections.keyed import Key, Keyed
from projections.logged import Batch
from projections.rows import Table


class ReviewState(StrEnum):
    """What became of it."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


class Review(msgspec.Struct, gc=False, array_like=True):
    """Usage held for review. `review_id` is its event's id, by which an operator names it.

    `usage_type` is the kind of usage, `facts` all of its fields, as JSON.
    """

    tenant_id: str
    review_id: str
    sequence: int
    recorded_at_ms: int
    reason: ReviewReason
    usage_type: str
    usage_event_id: str
    project_id: str
    happened_at_ms: int
    corrects: str | None
    withdrawn: bool
    facts: str
    state: ReviewState = ReviewState.OPEN
    decided_at_ms: int | None = None
    decided_by: str | None = None
    decided_because: str | None = None


TABLE: Final = Table("reviews", Review)
MODEL: Final = Keyed(
    TABLE,
    {"tenant_id": "text", "review_id": "text"},
    lambda event: (event.originator_id, event.review_id) if type(event) is ReviewDecided else None,
)


# ── Queries ──


def page(
    database: Database,
    tenant_id: str | None = None,
    after: tuple[int, str] = (-1, ""),
    limit: int = 50,
    *,
    state: ReviewState | None = ReviewState.OPEN,
) -> list[Review]:
    """Reviews in that state or in any, of a tenant or of all, the oldest first.

    Go on with `recorded_at_ms` and `review_id` of the last one until a page is not full.
    """
    return MODEL.page(database, tenant_id, after, limit, state)


# ── Fold ──


def fold(batch: Batch, reviews: dict[Key, Review]) -> None:
    """Begin reviews, and decide those that are there."""
    for _, event in batch:
        if type(event) is InputHeldForReview:
            reviews[event.originator_id, event.event_id] = _begun(event)
        elif type(event) is ReviewDecided:
            _decide(reviews[event.originator_id, event.review_id], event)


def _begun(event: InputHeldForReview) -> Review:
    usage = event.usage
    return Review(
        tenant_id=event.originator_id,
        review_id=event.event_id,
        sequence=event.originator_version,
        recorded_at_ms=event.recorded_at_ms,
        reason=event.reason,
        usage_type=type(usage).__name__,
        usage_event_id=usage.event_id,
        project_id=usage.project_id,
        happened_at_ms=happened_at(usage),
        corrects=usage.corrects,
        withdrawn=usage.withdrawn,
        facts=msgspec.json.encode(usage).decode(),
    )


def _decide(review: Review, event: ReviewDecided) -> None:
    review.state = ReviewState.ACCEPTED if event.is_accepted else ReviewState.REJECTED
    review.decided_at_ms = event.recorded_at_ms
    review.decided_by = event.actor
    review.decided_because = event.reason
