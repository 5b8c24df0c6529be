"""The `approvals` table: what operators asked that needs a second one, and what that one said."""

from enum import StrEnum
from typing import Final

import msgspec

from ledger.events import ApprovalAsked, ApprovalDeclined, ApprovalGiven
from projections.database import Database
from projections.keyed import Key, Keyed
from projections.logged import Batch
from projections.rows import Table


class ApprovalState(StrEnum):
    """What became of it."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"


class Approval(msgspec.Struct, gc=False, array_like=True):
    """A command above the amount that one operator may move (PRODUCT decision 20).

    `approval_id` is its event's id, `command` the kind of command, `amount_micros` its amount or
    the credit limit that it sets.
    """

    tenant_id: str
    approval_id: str
    recorded_at_ms: int
    command_id: str
    command: str
    amount_micros: int
    asked_by: str
    reason: str
    state: ApprovalState = ApprovalState.OPEN
    decided_at_ms: int | None = None
    decided_by: str | None = None
    decided_because: str | None = None


TABLE: Final = Table("approvals", Approval)
MODEL: Final = Keyed(
    TABLE,
    {"tenant_id": "text", "approval_id": "text"},
    lambda event: (
        (event.originator_id, event.approval_id)
        if type(event) is ApprovalGiven or type(event) is ApprovalDeclined
        else None
    ),
)


# ── Queries ──


def page(
    database: Database,
    tenant_id: str | None = None,
    after: tuple[int, str] = (-1, ""),
    limit: int = 50,
    *,
    state: ApprovalState | None = ApprovalState.OPEN,
) -> list[Approval]:
    """What was asked, in that state or in any, of a tenant or of all, the oldest first.

    Go on with `recorded_at_ms` and `approval_id` of the last one until a page is not full.
    """
    return MODEL.page(database, tenant_id, after, limit, state)


# ── Fold ──


def fold(batch: Batch, approvals: dict[Key, Approval]) -> None:
    """Begin approvals, and decide those that are there."""
    for _, event in batch:
        match event:
            case ApprovalAsked():
                approvals[event.originator_id, event.event_id] = _asked(event)
            case ApprovalGiven() | ApprovalDeclined():
                _decide(approvals[event.originator_id, event.approval_id], event)
            case _:
                pass


def _asked(event: ApprovalAsked) -> Approval:
    return Approval(
        tenant_id=event.originator_id,
        approval_id=event.event_id,
        recorded_at_ms=event.recorded_at_ms,
        command_id=event.input_id,
        command=event.command,
        amount_micros=event.amount_micros,
        asked_by=event.actor,
        reason=event.reason,
    )


def _decide(approval: Approval, event: ApprovalGiven | ApprovalDeclined) -> None:
    given = isinstance(event, ApprovalGiven)
    approval.state = ApprovalState.APPROVED if given else ApprovalState.DECLINED
    approval.decided_at_ms = event.recorded_at_ms
    approval.decided_by = event.actor
    approval.decided_because = event.reason
