"""`ledger verify`: whether the log of record still holds, from its bytes alone."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import click
import msgspec

from cli import settings
from cli.cluster import quiet_kafka
from cli.command import examples, json_option
from cli.errors import Refused
from cli.show import print_json, print_rows, shown

if TYPE_CHECKING:
    from audit.report import Report
    from eventlog.settings import KafkaSettings

FINDINGS_SHOWN: Final = 20
FIGURES: Final = {
    "partition": "Partition",
    "wallets_count": "Wallets",
    "events_count": "Events",
    "batches_count": "Batches",
    "balance_micros": "Balances",
    "arrears_micros": "Arrears",
    "head": "Head",
}


@click.command("verify", epilog=examples("ledger verify", "ledger verify --json > heads.json"))
@json_option
def verify(as_json: bool) -> None:
    """Read the whole log of record and check every value of it; exit code 1 if one does not hold.

    Checked are the chain of every wallet and every partition, batches, that each input has one
    outcome, and that the money adds up. Keep the heads elsewhere: only a comparison with them
    shows that a log was cut after a whole batch, or rewritten altogether.
    """
    configured = settings.load()
    report = verified(quiet_kafka(configured), configured.partitions)
    if as_json:
        print_json({"holds": report.holds} | msgspec.structs.asdict(report))
    else:
        print_rows(FIGURES, list(_rows(report)))
        click.echo(summary(report))
        for finding in report.findings[:FINDINGS_SHOWN]:
            click.echo(f"  {finding.check}: {shown('finding', str(finding))}")
    if not report.holds:
        raise Refused(
            "Stop the processors, keep the log as it is, and compare it with a copy before"
            " anything else: a fault here is a broken disk, a mistake, or someone's hand."
        )


def verified(kafka: "KafkaSettings", partitions: int) -> "Report":
    """The result for the log as it stands now; shows a bar where it takes long."""
    from audit.verify import verify as check
    from cli.whole_log import whole_log
    from eventlog.topics import WALLET_EVENTS

    return check(whole_log(kafka, WALLET_EVENTS.name, partitions, "verifying"), partitions)


def summary(report: "Report") -> str:
    """The result in a sentence."""
    parts = report.partitions.values()
    events, batches = sum(p.events for p in parts), sum(p.batches for p in parts)
    read = f"{events:,} events in {batches:,} batches of {len(parts)} partitions"
    if report.holds:
        return f"Verified, every chain and every sum holds: {read}."
    return f"The log does NOT hold: {report.findings_in_all:,} findings in {read}."


def _rows(report: "Report") -> Iterator[Mapping[str, object]]:
    for partition, figures in report.partitions.items():
        counted = {
            name if name.endswith("_micros") else f"{name}_count": value
            for name, value in msgspec.structs.asdict(figures).items()
        }
        head = f"{figures.head_sequence} {figures.head_sha256[:12]}…"
        yield counted | {"partition": partition, "head": head}
