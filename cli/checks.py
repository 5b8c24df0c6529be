"""The doctor's checks, in an order in which the first failure explains the next."""

import time
from collections.abc import Generator, Iterator
from typing import Final

import click

from cli.cluster import quiet_kafka
from cli.findings import Finding, failed, fine, noted
from cli.intake import intakes
from cli.machine_checks import machine
from cli.reading import event_ends, lag
from cli.settings import Settings
from cli.translated import translated
from cli.waiting import undecided
from cli.whole_log import ends_now
from eventlog import topics
from eventlog.reader import Follower
from eventlog.settings import KafkaSettings
from projections import migrate
from projections.database import connected

# A command's `not_after` is compared with the broker's time: a second is felt.
CLOCK_MS_MAX: Final = 1_000
LAG_MAX: Final = 1_000
TICKS_MISSED_MAX: Final = 3

Findings = Generator[Finding, None, bool]
"""Returns whether what was checked can be asked further."""


def diagnose(configured: Settings) -> Iterator[Finding]:
    """Check after check; what cannot be asked fails its check, and those that need it are left."""
    yield from machine(configured.data)
    has_log = yield from _as_findings("Kafka", _kafka(configured))
    has_tables = yield from _as_findings("Postgres", _postgres(configured))
    if has_log and has_tables:
        yield from _as_findings("read models", _read_models(configured))


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
    drift = topics.check(kafka, configured.partitions, configured.replication)
    yield _topics(drift)
    if not drift:
        yield _clock(kafka, configured)
        yield _decided(kafka, configured)
        yield _intake(kafka, configured)
    return not drift


def _topics(drift: list[topics.Drift]) -> Finding:
    if not drift:
        return fine("topics", f"{len(topics.TOPICS)}, every setting as it must be")
    missing = [found.topic for found in drift if found.setting == "topic"]
    if missing:
        return failed("topics", f"missing: {', '.join(missing)}", "`ledger topics create`")
    return failed("topics", f"{len(drift)} settings differ", "`ledger topics check` lists them")


def _clock(kafka: KafkaSettings, configured: Settings) -> Finding:
    """Compare the broker's time on the next tick with the moment it arrives here."""
    wait_s = TICKS_MISSED_MAX * configured.tick_seconds
    give_up_s = time.monotonic() + wait_s
    name = topics.WALLET_COMMANDS.name
    with Follower(kafka, name, ends_now(kafka, name, configured.partitions)) as log:
        while not (arrived := log.poll(100, 0.5)):
            if time.monotonic() > give_up_s:
                remedy = "is `ledger run ticker` running? Without it holds do not expire"
                return failed("ticks", f"none came for {wait_s:g} s", remedy)
    ahead_ms = round(arrived[-1].timestamp()[1] - time.time() * 1000)
    found = f"the broker's is {abs(ahead_ms)} ms {'ahead' if ahead_ms > 0 else 'behind'}"
    if abs(ahead_ms) > CLOCK_MS_MAX:
        return failed("clock", found, "set both by NTP: the ledger's time is the broker's")
    return fine("clock", f"{found}; ticks arrive")


def _decided(kafka: KafkaSettings, configured: Settings) -> Finding:
    behind = undecided(kafka, configured.partitions)
    if behind > LAG_MAX:
        remedy = "is `ledger run processor` running? Start more, up to the number of partitions"
        return failed("processors", f"{behind:,} inputs are not decided", remedy)
    return fine("processors", f"{behind:,} inputs wait" if behind else "every input is decided")


def _intake(kafka: KafkaSettings, configured: Settings) -> Finding:
    rows = list(intakes(kafka, configured.partitions))
    paused = [row for row in rows if row["is_paused"]]
    if not paused:
        return fine("intake", "open on every partition")
    numbers = ", ".join(str(row["partition"]) for row in paused)
    waiting = sum(row["waiting_count"] for row in paused)
    remedy = "`ledger intake list` says who paused it and why; `ledger intake resume`"
    return noted("intake", f"paused on {numbers}, where {waiting:,} of usage wait", remedy)


def _postgres(configured: Settings) -> Findings:
    if not configured.operator_database_url:
        remedy = "start one with `ledger up`, or set LEDGER_OPERATOR_DATABASE_URL"
        yield noted("Postgres", "none is configured, and no stack runs here", remedy)
        return False
    missing = migrate.pending(configured.operator_url)
    if missing:
        yield failed("Postgres", f"not applied: {', '.join(missing)}", "`ledger migrate`")
        return False
    yield fine("Postgres", "answers, and every migration is applied")
    return True


def _read_models(configured: Settings) -> Findings:
    ends = event_ends(configured)
    with connected(configured.operator_url) as database:
        behind = sum(lag(ends, database).values())
    if behind > LAG_MAX:
        remedy = "is `ledger run projector` running?"
        yield failed("read models", f"{behind:,} records behind the log", remedy)
    else:
        yield fine("read models", f"{behind:,} records behind the log" if behind else "up to date")
    return True
