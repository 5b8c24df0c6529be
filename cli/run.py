"""`ledger run`: each long-running part of the ledger, one process each, as production runs them."""

from typing import TYPE_CHECKING

import click

from cli.command import Group, examples

if TYPE_CHECKING:
    from devstack.schema_endpoint import Catalogue
    from eventlog.settings import KafkaSettings


@click.group("run", cls=Group)
def run() -> None:
    """Run one service in the foreground, configured by LEDGER_*.

    Where that names no Kafka and no Postgres, it joins what `ledger up` runs here. SIGTERM hands
    over and ends it; a second one ends it where it stands. It offers `/livez`, `/readyz` and
    `/metrics` on LEDGER_HTTP_PORT, and refuses to run on wrong topics or tables.
    """


@run.command("processor", epilog=examples("ledger run processor"))
def processor() -> None:
    """Decide: the one writer of the wallets of each partition it is given.

    Start as many as you like, up to the number of partitions; they share them out.
    """
    from cli.services import service
    from consumers.processor.figures import SERVING, ProcessorFigures
    from consumers.processor.run import run as serve
    from ledger.batch import Rules
    from ledger.money import MICROS_PER_USD

    with service("processor", SERVING) as own:
        rules = Rules(
            deduplication_window_ms=own.settings.deduplication_window_ms,
            approval_above_micros=own.settings.approval_above_usd * MICROS_PER_USD,
        )
        observer = ProcessorFigures(own.health)
        serve(own.kafka, own.settings.partitions, rules, own.version, own.stop, observer)


@run.command("projector", epilog=examples("ledger run projector"))
def projector() -> None:
    """Fold the log into the read models in Postgres, as it grows.

    A second one is harmless: the checkpoint lets each event in once.
    """
    from cli.services import check_tables, service
    from consumers.projector.figures import READ_MODELS
    from consumers.projector.run import run as serve

    with service("projector", READ_MODELS) as own:
        url, partitions = own.settings.projector_url, range(own.settings.partitions)
        check_tables(url)
        serve(own.kafka, url, partitions, own.stop, own.health)


@run.command("ticker", epilog=examples("LEDGER_TICK_SECONDS=2 ledger run ticker"))
def ticker() -> None:
    """Move the ledger's time every LEDGER_TICK_SECONDS, so that what has come due is decided.

    A second one is harmless, and none for a while too: holds expire a little later.
    """
    from cli.services import service
    from consumers.ticker import BROKER
    from consumers.ticker import run as serve

    with service("ticker", BROKER) as own:
        configured = own.settings
        serve(own.kafka, configured.partitions, configured.tick_seconds, own.stop, own.health)


@run.command(
    "schemas-endpoint", epilog=examples("LEDGER_SCHEMAS_PORT=8081 ledger run schemas-endpoint")
)
def schemas_endpoint() -> None:
    """Serve the schemas over a registry's REST paths, so that ordinary tools can decode the topics.

    Only on this machine, and read-mostly; no service of the ledger needs it.
    """
    from cli.services import service
    from devstack.schema_endpoint import SchemaEndpoint

    with (
        service("schemas-endpoint") as own,
        SchemaEndpoint(registered(own.kafka), port=own.settings.schemas_port),
    ):
        while not own.stop.wait(1.0):
            own.health.beat()


def registered(kafka: "KafkaSettings") -> "Catalogue":
    """The schemas as a registry would hold them: under their topics' names, with their rules."""
    from cli.subjects import compatibility, subjects
    from devstack.schema_endpoint import Catalogue, RegisteredSchema

    return Catalogue(
        [
            RegisteredSchema(subject, schema.version, schema.schema_id, schema.text)
            for subject, schema in subjects(kafka)
        ],
        compatibility(kafka),
    )
