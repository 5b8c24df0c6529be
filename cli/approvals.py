"""`ledger approval`: what one operator asked and another has to approve."""

from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from cli.asking import Asking, asks
from cli.command import EVENT, ID, Group, examples, json_option, limit_option
from cli.reading import Shown, read_models
from cli.show import shown
from ledger.commands import Approve, Decline

if TYPE_CHECKING:
    from projections.approvals import Approval

APPROVALS: Final = {
    "approval_id": "Approval",
    "tenant_id": "Tenant",
    "command": "Asked",
    "amount_micros": "Amount",
    "asked_by": "By",
    "reason": "Because",
    "recorded_at_ms": "Asked (UTC)",
    "became": "State",
}


@click.group("approval", cls=Group)
def approval() -> None:
    """List what waits for a second operator, and give or decline it.

    Adjustments, grants, write-offs, credit limits, payments that an operator typed, what is undone
    and what a closing adjusts away: above LEDGER_APPROVAL_ABOVE_USD it is not done until another
    operator than the one who asked approves.
    """


@approval.command(
    "list", epilog=examples("ledger approval list", "ledger approval list acme --all")
)
@click.argument("tenant", type=ID, required=False)
@click.option("--all", "everything", is_flag=True, help="Decided ones too.")
@limit_option
@json_option
def list_approvals(tenant: str | None, everything: bool, limit: int, as_json: bool) -> None:
    """Show what waits for a second operator, the oldest first, of TENANT or of all."""
    from projections import approvals

    state = None if everything else approvals.ApprovalState.OPEN
    with read_models(tenant) as reading:
        found = approvals.page(reading.database, tenant, limit=limit, state=state)
    nothing = "Nothing waits for a second operator."
    reading.tell("approvals", found, Shown(APPROVALS, _row), nothing, as_json=as_json)


@approval.command(
    "give",
    epilog=examples("ledger approval give acme g1.wallet.commands:3:17:0 --reason 'seen the mail'"),
)
@click.argument("tenant", type=ID)
@click.argument("approval_id", metavar="APPROVAL", type=EVENT)
@asks
def give(asking: Asking, tenant: str, approval_id: str) -> None:
    """Do what another operator asked of TENANT under APPROVAL. A reason is needed.

    The rules are applied as of now: what is refused stays asked.
    """
    command = Approve(**asking.with_reason(tenant), approval_id=approval_id)
    asking.ask(command, f"Approved {approval_id} of {tenant}: it is done.")


@approval.command(
    "decline",
    epilog=examples("ledger approval decline acme g1.wallet.commands:3:17:0 --reason 'too much'"),
)
@click.argument("tenant", type=ID)
@click.argument("approval_id", metavar="APPROVAL", type=EVENT)
@asks
def decline(asking: Asking, tenant: str, approval_id: str) -> None:
    """Let what was asked of TENANT under APPROVAL not be done. A reason is needed."""
    command = Decline(**asking.with_reason(tenant), approval_id=approval_id)
    asking.ask(command, f"Declined {approval_id} of {tenant}.")


def _row(approval: "Approval") -> dict[str, object]:
    by = f" by {approval.decided_by}" if approval.decided_by else ""
    return {**asdict(approval), "became": shown("state", approval.state) + by}
