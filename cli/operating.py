"""What operators do to a wallet: `freeze`, `unfreeze`, `write-off`, `undo`, `close`, `reopen`."""

import click

from cli.asking import Asking, asks
from cli.command import DOLLARS, EVENT, ID, AmountCommand, examples
from ledger.commands import (
    CloseWallet,
    FreezeWallet,
    ReopenWallet,
    Undo,
    UnfreezeWallet,
    WriteOffArrears,
)
from ledger.money import format_usd


@click.command("freeze", epilog=examples("ledger freeze acme --reason 'chargebacks, ticket 4713'"))
@click.argument("tenant", type=ID)
@asks
def freeze(asking: Asking, tenant: str) -> None:
    """Refuse every hold of TENANT until it is unfrozen.

    Usage that happens all the same is charged, and what is in sandbox goes on. A reason is needed.
    """
    command = FreezeWallet(**asking.with_reason(tenant))
    asking.ask(command, f"Froze {tenant}: nothing new may begin.")


@click.command("unfreeze", epilog=examples("ledger unfreeze acme --reason 'ticket 4713 settled'"))
@click.argument("tenant", type=ID)
@asks
def unfreeze(asking: Asking, tenant: str) -> None:
    """Allow TENANT's holds again. A reason is needed."""
    command = UnfreezeWallet(**asking.with_reason(tenant))
    asking.ask(command, f"Unfroze {tenant}.")


@click.command(
    "write-off",
    cls=AmountCommand,
    epilog=examples("ledger write-off acme 12.40 --reason 'insolvent, ticket 4714'"),
)
@click.argument("tenant", type=ID)
@click.argument("amount_micros", metavar="AMOUNT", type=DOLLARS)
@asks
def write_off(asking: Asking, tenant: str, amount_micros: int) -> None:
    """Give up AMOUNT dollars of what TENANT owes, oldest charge first.

    At most what is owed: `ledger balance` shows it as arrears. A reason is needed.
    """
    command = WriteOffArrears(**asking.with_reason(tenant), amount_micros=amount_micros)
    asking.ask(command, f"Wrote off {format_usd(amount_micros)} that {tenant} owed.")


@click.command(
    "undo", epilog=examples("ledger undo acme g1.wallet.commands:3:17:0 --reason 'wrong tenant'")
)
@click.argument("tenant", type=ID)
@click.argument("event_id", metavar="EVENT", type=EVENT)
@asks
def undo(asking: Asking, tenant: str, event_id: str) -> None:
    """Do the visible opposite of an adjustment, a grant or a write-off of TENANT.

    EVENT is its event's id: the command that did it printed it, and `ledger history --json` has it.
    What was granted must not be spent yet. A reason is needed.
    """
    command = Undo(**asking.with_reason(tenant), event_id=event_id)
    asking.ask(command, f"Undid {event_id} of {tenant}; both stay in the history.")


@click.command("close", epilog=examples("ledger close acme --reason 'contract ended'"))
@click.argument("tenant", type=ID)
@asks
def close(asking: Asking, tenant: str) -> None:
    """Close TENANT's wallet: nothing may begin any more, and no paid money is left in it.

    Nothing may be held, waiting, owed or refundable; grants and what is under a cent are adjusted
    away, visibly. What happened before is still charged. A reason is needed.
    """
    command = CloseWallet(**asking.with_reason(tenant))
    asking.ask(command, f"Closed {tenant}.")


@click.command("reopen", epilog=examples("ledger reopen acme --reason 'came back'"))
@click.argument("tenant", type=ID)
@asks
def reopen(asking: Asking, tenant: str) -> None:
    """Open TENANT's closed wallet again. A reason is needed.

    What closing adjusted away stays so: `ledger undo` brings it back.
    """
    command = ReopenWallet(**asking.with_reason(tenant))
    asking.ask(command, f"Reopened {tenant}.")
