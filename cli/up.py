"""`ledger up`: everything on this machine, until Ctrl-C."""

import sys

import click

from cli import settings
from cli.command import examples


@click.command("up", epilog=examples("ledger up", "LEDGER_DATA=/srv/ledger ledger up"))
def up() -> None:
    """Run everything on this machine: Kafka, Postgres, the topics and tables, every service.

    Needs no Docker, Java or Postgres. Data stays in LEDGER_DATA from one run to the next (`ledger
    doctor` says where that is). Other `ledger` commands of this user find the stack by themselves.
    Ctrl-C or SIGTERM stops it all; so does the end of Kafka or Postgres, with exit code 1.
    """
    from cli.stack import running, where_to_look
    from devstack.supervisor import stopped_by_signals

    configured = settings.load()
    with stopped_by_signals():
        try:
            with running(configured, configured.data, click.echo, sys.stdout) as started:
                click.echo("Everything runs. Ctrl-C stops it.")
                for line in where_to_look(started):
                    click.echo(f"  {line}")
                started.stay()
        except KeyboardInterrupt:
            click.echo("Stopped; the data stays.")
