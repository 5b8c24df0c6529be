"""`ledger traffic`: made-up usage and commands of any size, as files that anyone can publish."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from cli.command import COUNT, Group, examples, json_option
from cli.errors import Refused
from cli.show import print_json, print_rows

if TYPE_CHECKING:
    from devstack.traffic import Manifest

KINDS: Final = {"kind": "Lines", "lines_count": "Count"}
BAR_MAX: Final = 40


@click.group("traffic", cls=Group)
def traffic() -> None:
    """Make demo traffic from a seed, as files for `ledger publish`, and say what is in them.

    Tenants of very different size, sandbox and live, with a daily rhythm: calls with and without
    holds, crawls, chats, repeats, conflicts, late and misdated events, corrections, poison.
    """


@traffic.command(
    "make",
    epilog=examples(
        "ledger traffic make /tmp/traffic",
        "ledger traffic make /tmp/traffic --seed 7 --events 100000 --tenants 500 --days 14",
    ),
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=COUNT, default="1", show_default=True, help="Another, other traffic.")
@click.option(
    "--events", type=COUNT, default="10000", show_default=True, help="About so many usage events."
)
@click.option("--tenants", type=COUNT, default="50", show_default=True, help="Of so many tenants.")
@click.option("--days", type=COUNT, default="7", show_default=True, help="Over so many days.")
@json_option
def make(folder: Path, seed: int, events: int, tenants: int, days: int, as_json: bool) -> None:
    """Write FOLDER/<topic>.jsonl and a manifest; the same options give the same bytes anywhere.

    Times are relative to a start that is given at publishing; all usage lies before it.
    """
    from devstack.traffic import Options, write

    folder.mkdir(parents=True, exist_ok=True)
    made = write(folder, Options(seed=seed, events=events, days=days, tenants=tenants))
    _tell(made, as_json=as_json)
    if not as_json:
        click.echo(f"\nTo publish it: ledger publish {folder}/*.jsonl")


@traffic.command("show", epilog=examples("ledger traffic show /tmp/traffic"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def show(folder: Path, as_json: bool) -> None:
    """Say what the traffic in FOLDER was made from, what is in it, and when in the day.

    Exit code 1 if a file is not the one that the manifest tells of.
    """
    from hashlib import sha256

    from devstack.traffic import MANIFEST, Manifest

    path = folder / MANIFEST
    try:
        made = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise Refused(
            f"{path} cannot be read: {error}. Did `ledger traffic make` write it?"
        ) from None
    _tell(made, as_json=as_json)
    for name, expected in made.sha256.items():
        file = folder / name
        if not file.exists() or sha256(file.read_bytes()).hexdigest() != expected:
            raise Refused(
                f"{file} is not the file that was made: publish it only if you changed it."
            )


def _tell(made: "Manifest", *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    options = made.options
    tenants = f"{options.tenants:,} tenants" if options.tenants else "the demo's tenants"
    click.echo(
        f"Seed {options.seed}: about {options.events:,} usage events of {tenants}"
        f" over {options.days} days.\n"
    )
    rows = [{"kind": kind, "lines_count": count} for kind, count in made.counts.items()]
    print_rows(KINDS, rows)
    click.echo("\nUsage by the hour of the day, counted from the start, in which it was sent:\n")
    most = max(*made.by_hour, 1)
    for hour, count in enumerate(made.by_hour):
        click.echo(f"  {hour:02}  {'█' * (count * BAR_MAX // most):<{BAR_MAX}} {count:,}")
