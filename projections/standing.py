"""What stands open over all tenants: work that waits for operators, and what is owed."""

from typing import NamedTuple

from projections.approvals import ApprovalState
from projections.database import Database
from projections.reviews import ReviewState


class Standing(NamedTuple):
    """Counts of everything that is open, and the sum owed in micro-dollars."""

    reviews: int
    approvals: int
    wallets_in_arrears: int
    arrears_micros: int


def standing(database: Database) -> Standing:
    """As the read models have it now; some milliseconds with 100,000 wallets."""
    [found] = database.execute(
        "SELECT (SELECT count(*) FROM reviews WHERE state = %s),"
        " (SELECT count(*) FROM approvals WHERE state = %s),"
        " count(*), coalesce(sum(arrears_micros), 0)::bigint FROM wallets WHERE arrears_micros > 0",
        [ReviewState.OPEN, ApprovalState.OPEN],
    ).fetchall()
    return Standing(*found)
