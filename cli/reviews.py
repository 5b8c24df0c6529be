"""`ledger review`: usage that was not charged by rule, and waits for an operator."""

from typing import TYPE_CHECKING, Final

import click
import msgspec
from msgspec.structs import asdict

from cli.asking import Asking, asks
from cli.command import COUNT, EVENT, ID, Group, examples, json_option, limit_option
from cli.reading import Shown, read_models
from cli.show import shown
from ledger.commands import AcceptReview, RejectReview

if TYPE_CHECKING:
    from projections.reviews import Review

REVIEWS: Final = {
    "review_id": "Review",
    "tenant_id": "Tenant",
    "project_id": "Project",
    "what": "Usage",
    "reason": "Why",
    "happened_at_ms": "Happened (UTC)",
    "became": "State",
}
WORDS: Final = {"CallUsage": "call", "CrawlUsage": "crawl", "ChatUsage": "chat"}


@click.group("review", cls=Group)
def review() -> None:
    """List usage held for review, and accept or reject it.

    It is too old, too far in the future, has no price, or corrects what it cannot: so it was not
    charged, and an operator decides.
    """


@review.command(
    "list", epilog=examples("ledger review list", "ledger review list acme --all --json")
)
@click.argument("tenant", type=ID, required=False)
@click.option("--all", "everything", is_flag=True, help="Decided ones too.")
@limit_option
@json_option
def list_reviews(tenant: str | None, everything: bool, limit: int, as_json: bool) -> None:
    """Show what waits for review, the oldest first, of TENANT or of all."""
    from projections import reviews

    state = None if everything else reviews.ReviewState.OPEN
    with read_models(tenant) as reading:
        found = reviews.page(reading.database, tenant, limit=limit, state=state)
    shown = Shown(REVIEWS, _row, _plain)
    reading.tell("reviews", found, shown, "Nothing waits for review.", as_json=as_json)


@review.command(
    "accept",
    epilog=examples(
        "ledger review accept acme g1.usage.calls:3:1742:0 --reason 'late, but right'",
        "ledger review accept acme g1.usage.calls:3:1742:0 --version 2 --reason 'agreed price'",
    ),
)
@click.argument("tenant", type=ID)
@click.argument("review_id", metavar="REVIEW", type=EVENT)
@click.option(
    "--version",
    "card_version",
    type=COUNT,
    help="The version of the tenant's rate card that prices it.  [default: in force when it began]",
)
@asks
def accept(asking: Asking, tenant: str, review_id: str, card_version: int | None) -> None:
    """Charge usage of TENANT that was held for REVIEW, as if it had come in time.

    Without a price on the card then in force, --version names one that prices it. A correction is
    not charged by itself: reject it, and adjust the balance if it was right. A reason is needed.
    """
    command = AcceptReview(
        **asking.with_reason(tenant), review_id=review_id, card_version=card_version
    )
    asking.ask(command, f"Accepted {review_id} of {tenant}; `ledger history` shows its charge.")


@review.command(
    "reject",
    epilog=examples("ledger review reject acme g1.usage.calls:3:1742:0 --reason 'a test call'"),
)
@click.argument("tenant", type=ID)
@click.argument("review_id", metavar="REVIEW", type=EVENT)
@asks
def reject(asking: Asking, tenant: str, review_id: str) -> None:
    """Never charge usage of TENANT that was held for REVIEW. A reason is needed."""
    command = RejectReview(**asking.with_reason(tenant), review_id=review_id)
    asking.ask(command, f"Rejected {review_id} of {tenant}: it is not charged.")


def _plain(review: "Review") -> dict[str, object]:
    return asdict(review) | {"facts": msgspec.json.decode(review.facts)}


def _row(review: "Review") -> dict[str, object]:
    corrects = f", corrects {review.corrects}" if review.corrects else ""
    withdrawn = " (withdrawn)" if review.withdrawn else ""
    by = f" by {review.decided_by}" if review.decided_by else ""
    return {
        **asdict(review),
        "what": f"{WORDS[review.usage_type]} {review.usage_event_id}{corrects}{withdrawn}",
        "became": shown("state", review.state) + by,
    }
