"""The commands that move money or set the terms: `top-up`, `grant`, `adjust`, `terms`."""

import click

from cli.asking import Asking, asks
from cli.command import (
    DOLLARS,
    DOLLARS_OR_NONE,
    DOLLARS_UP_OR_DOWN,
    ID,
    AmountCommand,
    examples,
)
from ledger.commands import AdjustBalance, GrantCredit, SetTerms, SettleTopUp
from ledger.money import format_usd


@click.command(
    "top-up",
    cls=AmountCommand,
    epilog=examples(
        "ledger top-up acme 50 --reason 'wire of 3 May'",
        "ledger top-up acme 200 --payment pi_3Qx --reason 'paid by card, ticket 4710'",
    ),
)
@click.argument("tenant", type=ID)
@click.argument("amount_micros", metavar="AMOUNT", type=DOLLARS)
@click.option("--payment", type=ID, help="The payment's id.  [default: the command's]")
@asks
def top_up(asking: Asking, tenant: str, amount_micros: int, payment: str | None) -> None:
    """Credit TENANT's wallet with AMOUNT dollars that were paid.

    From $20.00. Records a payment that succeeded elsewhere; charges no payment card. It becomes a
    lot of the wallet's funds: unspent, it can be refunded. What the tenant owes is collected from
    it at once. Above LEDGER_APPROVAL_ABOVE_USD another operator has to approve it. A reason is
    needed.
    """
    command = SettleTopUp(
        **asking.with_reason(tenant),
        payment_id=payment or asking.command_id,
        amount_micros=amount_micros,
    )
    asking.ask(command, f"Topped up {tenant} by {format_usd(amount_micros)}.")


@click.command(
    "grant",
    cls=AmountCommand,
    epilog=examples("ledger grant acme 5 --reason 'sorry for the outage of 2 May'"),
)
@click.argument("tenant", type=ID)
@click.argument("amount_micros", metavar="AMOUNT", type=DOLLARS)
@asks
def grant(asking: Asking, tenant: str, amount_micros: int) -> None:
    """Give TENANT credit of AMOUNT dollars that was never paid.

    It is spent first, never refunded, and does not expire. A reason is needed.
    """
    command = GrantCredit(**asking.with_reason(tenant), amount_micros=amount_micros)
    asking.ask(command, f"Granted {tenant} {format_usd(amount_micros)}.")


@click.command(
    "adjust",
    cls=AmountCommand,
    epilog=examples(
        "ledger adjust acme 1.20 --reason 'charged twice, ticket 4711'",
        "ledger adjust acme -1.20 --reason 'credited twice, ticket 4712'",
    ),
)
@click.argument("tenant", type=ID)
@click.argument("amount_micros", metavar="AMOUNT", type=DOLLARS_UP_OR_DOWN)
@asks
def adjust(asking: Asking, tenant: str, amount_micros: int) -> None:
    """Correct TENANT's balance by AMOUNT dollars, up or down.

    Down takes at most what is available. A reason is needed; what an adjustment did is undone by a
    visible opposite one, never by deletion.
    """
    command = AdjustBalance(**asking.with_reason(tenant), amount_micros=amount_micros)
    asking.ask(command, f"Adjusted {tenant} by {format_usd(amount_micros)}.")


@click.command(
    "terms",
    epilog=examples(
        "ledger terms acme --postpay --credit-limit 500 --reason 'contract of 1 May'",
        "ledger terms acme --prepaid --reason 'asked by the tenant'",
    ),
)
@click.argument("tenant", type=ID)
@click.option("--postpay/--prepaid", "is_postpay", required=True, help="How TENANT pays.")
@click.option(
    "--credit-limit",
    "credit_limit_micros",
    type=DOLLARS_OR_NONE,
    metavar="AMOUNT",
    help="What a postpay wallet may owe, in dollars, net of tax; --postpay needs it.",
)
@asks
def terms(asking: Asking, tenant: str, is_postpay: bool, credit_limit_micros: int | None) -> None:
    """Set how TENANT pays: ahead (prepaid), or by monthly invoice up to a credit limit (postpay).

    Funds stay and are spent first. A limit may be lowered under what is used: then nothing new is
    allowed until it is paid, and open holds are honoured. A reason is needed.
    """
    if is_postpay and credit_limit_micros is None:
        raise click.UsageError("--postpay needs --credit-limit AMOUNT.")
    limit_micros = credit_limit_micros or 0
    command = SetTerms(
        **asking.with_reason(tenant), is_postpay=is_postpay, credit_limit_micros=limit_micros
    )
    limit = f"postpay, with a credit limit of {format_usd(limit_micros)}"
    asking.ask(command, f"{tenant} is {limit if is_postpay else 'prepaid'} from now on.")
