"""How every command that reads asks the read models, and how it says when they lag behind the log.

A question waits a little until what stood in the log when it was asked has been folded in: so
that a command typed after another sees what that one did.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click
import msgspec

from cli import settings
from cli.cluster import quiet_kafka
from cli.errors import Refused
from cli.settings import Settings
from cli.show import Columns, print_json, print_rows

if TYPE_CHECKING:
    from projections.database import Database
    from projections.wallets import Wallet

WAIT_S: Final = 3.0
POLL_S: Final = 0.05
# The marker that ends a transaction takes an offset that no reader ever sees.
MARKER: Final = 1


class Reading(NamedTuple):
    """A connection to the read models; `behind` is how many offsets of the log they lack.

    `wallet` is the tenant's, if one was named.
    """

    database: "Database"
    behind: int
    wallet: "Wallet | None"

    def tell(
        self,
        name: str,
        found: Sequence[msgspec.Struct],
        table: "Shown",
        nothing: str,
        *,
        as_json: bool,
    ) -> None:
        """Print what was found: as JSON under its name, as a table, or that there is nothing."""
        if as_json:
            print_json({name: [table.plain(one) for one in found], "behind_records": self.behind})
        elif found:
            print_rows(table.columns, [table.row(one) for one in found])
        else:
            click.echo(nothing)


class Shown(NamedTuple):
    """How what was found is shown: the table's columns, a row of it, and the JSON of one."""

    columns: Columns
    row: Callable[[Any], Mapping[str, object]] = msgspec.structs.asdict
    plain: Callable[[Any], Mapping[str, object]] = msgspec.structs.asdict


@contextmanager
def read_models(tenant: str | None = None) -> Generator[Reading]:
    """Connect as operators read; fresh for the tenant, or for all, or else say so on stderr.

    Raises Refused if the tenant that is named is not known.
    """
    from projections import wallets
    from projections.database import connected

    configured = settings.load()
    with connected(configured.operator_url) as database:
        behind = _wait_until_fresh(configured, database, tenant)
        if behind:
            click.echo(
                f"The read models are still {behind:,} records behind the log: what follows may"
                " change. If it stays so, see `ledger doctor`.",
                err=True,
            )
        wallet = None if tenant is None else wallets.find(database, tenant)
        if tenant is not None and wallet is None:
            raise Refused(
                f"The ledger does not know the tenant {tenant!r}. `ledger balance` lists those it"
                f" knows; `ledger project open {quote(tenant)} PROJECT` begins with a new one."
            )
        yield Reading(database, behind, wallet)


def lag(ends: dict[int, int], database: "Database") -> dict[int, int]:
    """By partition, how many offsets of the event log before these ends are not folded in."""
    from projections import checkpoints

    folded = {found.partition: found.next_offset for found in checkpoints.every(database)}
    missing = {number: end - folded.get(number, 0) for number, end in ends.items()}
    return {number: count if count > MARKER else 0 for number, count in missing.items()}


def event_ends(configured: Settings, only: int | None = None) -> dict[int, int]:
    """Where the event log's partitions, or only that one, end now."""
    from eventlog.admin import Admin
    from eventlog.topics import WALLET_EVENTS

    kafka = quiet_kafka(configured)
    admin, topic = Admin(kafka), kafka.topic(WALLET_EVENTS.name)
    numbers = range(configured.partitions) if only is None else [only]
    # Asked for offsets before it knows the topic, a new client may wait a second or three.
    admin.describe([topic])
    ends = admin.committed_ends([(topic, number) for number in numbers])
    return {number: end for (_, number), end in ends.items()}


def _wait_until_fresh(configured: Settings, database: "Database", tenant: str | None) -> int:
    from eventlog.partitioner import partition_of

    only = None if tenant is None else partition_of(tenant.encode(), configured.partitions)
    ends = event_ends(configured, only)
    give_up_s = time.monotonic() + WAIT_S
    while (behind := sum(lag(ends, database).values())) and time.monotonic() < give_up_s:
        time.sleep(POLL_S)
    return behind
