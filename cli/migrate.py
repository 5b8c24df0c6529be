"""`ledger migrate`: the read models' tables, and the roles that services connect as."""

from urllib.parse import unquote, urlsplit

import click

from cli import settings
from cli.command import examples, json_option
from cli.settings import Settings
from cli.show import print_json


@click.command("migrate", epilog=examples("ledger migrate", "ledger migrate --check"))
@click.option("--check", is_flag=True, help="Only tell what is missing; exit code 1 if anything.")
@json_option
def migrate(check: bool, as_json: bool) -> None:
    """Bring the read models' tables to what this program knows, in one transaction.

    Connects as LEDGER_DATABASE_URL, the owner. The services' roles get the passwords that
    LEDGER_PROJECTOR_DATABASE_URL and LEDGER_OPERATOR_DATABASE_URL name.
    """
    from projections import migrate as migrations

    configured = settings.load()
    if check:
        names = migrations.pending(configured.owner_url)
    else:
        names = migrations.migrate(configured.owner_url, role_passwords(configured))
    if as_json:
        print_json({"pending" if check else "applied": names})
    for name in () if as_json else names:
        click.echo(f"{'Missing' if check else 'Applied'} {name}")
    if not names and not as_json:
        click.echo("Every migration is applied.")
    if check and names:
        raise click.exceptions.Exit(1)


def role_passwords(configured: Settings) -> dict[str, str]:
    """By the ledger's roles, the passwords in the addresses that services connect with."""
    from projections.migrate import ROLES

    urls = (configured.projector_database_url, configured.operator_database_url)
    parts = [urlsplit(url) for url in urls]
    return {
        unquote(part.username): unquote(part.password)
        for part in parts
        if part.username in ROLES and part.password
    }
