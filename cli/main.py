"""The `ledger` program: its commands, in the order in which someone new meets them."""

import sys
from importlib.metadata import version
from typing import Final

import click

from cli.approvals import approval
from cli.books import journal, trial_balance
from cli.command import Group, list_commands
from cli.demo import demo
from cli.dlq import dlq
from cli.doctor import doctor
from cli.holds import hold
from cli.intake import intake
from cli.migrate import migrate
from cli.money import adjust, grant, terms, top_up
from cli.noticing import budget, low_balance, notices
from cli.operating import close, freeze, reopen, undo, unfreeze, write_off
from cli.projects import project
from cli.publish import publish
from cli.rates import rates
from cli.reads import balance, history, month, usage
from cli.rebuild import rebuild
from cli.reviews import review
from cli.run import run
from cli.schemas import schemas
from cli.topics import topics
from cli.traffic import traffic
from cli.translated import translated
from cli.up import up
from cli.verify import verify

SECTIONS: Final = {
    "Everything on this machine": (up, demo, doctor),
    "Services": (run, intake),
    "Set up and check": (topics, schemas, migrate, verify, rebuild),
    "Wallets": (top_up, grant, adjust, terms, project, hold, budget, low_balance),
    "Prices": (rates,),
    "Operators": (review, approval, dlq, write_off, undo, freeze, unfreeze, close, reopen),
    "What the ledger knows": (balance, history, usage, month, notices, journal, trial_balance),
    "Upstream's part": (publish, traffic),
}


class _Program(Group):
    """Lists its commands by what they are for; failures of the parts become plain sentences."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, commands in SECTIONS.items():
            list_commands(title, list(commands), formatter)

    def invoke(self, ctx: click.Context) -> object:
        with translated():
            return super().invoke(ctx)


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command explains itself: `ledger top-up --help`. Exit codes: 0 done, 1 refused or"
    " something is wrong, 2 wrongly typed or set, 3 no answer.",
)
@click.version_option(version("aitelier-ledger"), prog_name="ledger")
def cli() -> None:
    """The billing ledger: usage in, decided wallet movements out.

    `ledger demo` shows all of it on this machine in half a minute; `ledger up` keeps it running.
    """


for _part in (part for parts in SECTIONS.values() for part in parts):
    cli.add_command(_part)


def main() -> None:
    """Run the program."""
    sys.exit(cli())
