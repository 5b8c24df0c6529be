"""The doctor's checks, in an order in which the first failure explains the next."""

from collections.abc import Generator, Iterator
from typing import Final

import click

from cli import log_checks, table_checks
from cli.cluster import quiet_kafka
from cli.findings import Finding, failed, fine, noted
from cli.machine_checks import machine, schemas_endpoint
from cli.settings import Settings
from cli.translated import translated

Findings = Generator[Finding, None, bool]
"""Returns whether what was checked can be asked further."""

IN_ORDER: Final = (
    log_checks.clock,
    log_checks.owners,
    log_checks.decided,
    log_checks.intake,
)


def diagnose(configured: Settings) -> Iterator[Finding]:
    """Check after check; what cannot be asked fails its check, and those that need it are left."""
    yield from machine(configured.data)
    has_log = yield from _as_findings("Kafka", _kafka(configured))
    if has_log:
        yield schemas_endpoint(configured.schemas_port)
    has_tables = yield from _as_findings("Postgres", table_checks.tables(configured))
    if has_log and has_tables:
        kafka = quiet_kafka(configured)
        yield from _as_findings("read models", table_checks.read_models(kafka, configured))


def _as_findings(check: str, findings: Findings) -> Findings:
    try:
        with translated():
            return (yield from findings)
    except click.ClickException as error:
        yield failed(check, error.message)
        return False


def _kafka(configured: Settings) -> Findings:
    if not configured.kafka_bootstrap_servers:
        remedy = "start one with `ledger up`, or set LEDGER_KAFKA_BOOTSTRAP_SERVERS"
        yield noted("Kafka", "none is configured, and no stack runs here", remedy)
        return False
    kafka = quiet_kafka(configured)
    yield fine("Kafka", f"answers at {kafka.bootstrap_servers}")
    yield log_checks.brokers(kafka, configured)
    drift = log_checks.drift(kafka, configured)
    yield log_checks.settings_of_topics(drift)
    yield log_checks.copies(kafka, configured)
    if drift:
        return False
    for check in IN_ORDER:
        yield check(kafka, configured)
    yield from log_checks.positions(kafka, configured)
    return True
