"""The doctor's checks of Postgres: migrations, roles, and whether the tables fit the log."""

from collections.abc import Generator, Iterator
from typing import Final

from cli.findings import Finding, failed, fine, noted
from cli.log_checks import named
from cli.reading import event_ends, lag
from cli.settings import Settings
from eventlog import topics
from eventlog.admin import Admin
from eventlog.settings import KafkaSettings
from eventlog.topics import WALLET_EVENTS
from ledger.rates import DEFAULT_CARD
from projections import cards, checkpoints, migrate
from projections.checkpoints import LogIdentity
from projections.database import Database, connected
from projections.roles import role_of

LAG_MAX: Final = 1_000


def tables(configured: Settings) -> Generator[Finding, None, bool]:
    """Check Postgres; returns whether its tables can be asked."""
    if not configured.operator_database_url:
        remedy = "start one with `ledger up`, or set LEDGER_OPERATOR_DATABASE_URL"
        yield noted("Postgres", "none is configured, and no stack runs here", remedy)
        return False
    missing = migrate.pending(configured.operator_url)
    if missing:
        yield failed("Postgres", f"not applied: {', '.join(missing)}", "`ledger migrate`")
        return False
    yield fine("Postgres", "answers, and every migration is applied")
    yield from _roles(configured)
    return True


def _roles(configured: Settings) -> Iterator[Finding]:
    """Whether the services connect as the roles that are made for them, which are held back."""
    wanted = {
        migrate.PROJECTOR: ("LEDGER_PROJECTOR_DATABASE_URL", configured.projector_database_url),
        migrate.OPERATOR: ("LEDGER_OPERATOR_DATABASE_URL", configured.operator_database_url),
    }
    faults: list[str] = []
    for role, (variable, url) in wanted.items():
        if not url:
            continue
        with connected(url) as database:
            found = role_of(database)
        if found.bypasses_security or found.owns_tables or found.name != role:
            faults.append(f"{variable} connects as {found.name}, not as {role}")
    if faults:
        remedy = "give it that role's address; `ledger migrate` sets the role's password"
        yield failed("roles", named(faults), remedy)
    else:
        yield fine("roles", "services connect as their own, held back by row-level security")


def read_models(kafka: KafkaSettings, configured: Settings) -> Generator[Finding, None, bool]:
    """Whether the read models are this log's, keep up with it, and have all its cards."""
    ends = event_ends(configured)
    with connected(configured.operator_url) as database:
        yield _identity(kafka, database)
        behind = sum(lag(ends, database).values())
        if behind > LAG_MAX:
            remedy = "is `ledger run projector` running?"
            yield failed("read models", f"{behind:,} records behind the log", remedy)
            return True
        found = f"{behind:,} records behind the log" if behind else "up to date"
        yield fine("read models", found)
        yield _cards(kafka, configured, database)
    return True


def _identity(kafka: KafkaSettings, database: Database) -> Finding:
    name = WALLET_EVENTS.name
    own = LogIdentity(Admin(kafka).cluster_id(), topics.ids(kafka, [name])[name])
    others = [
        str(one.partition)
        for one in checkpoints.every(database)
        if (one.cluster_id, one.topic_id) != (own.cluster_id, own.topic_id)
    ]
    if others:
        remedy = "name the right cluster, or rebuild: docs/how-to/rebuild-the-read-models.md"
        found = f"of partition {named(others)} were folded from another log"
        return failed("checkpoints", found, remedy)
    return fine("checkpoints", "belong to this log")


def _cards(kafka: KafkaSettings, configured: Settings, database: Database) -> Finding:
    """Whether what was published is what every partition prices with."""
    from cli.publishing import published_cards

    adopted = cards.every(database)
    missing = {
        card.name: configured.partitions - sum(row.name == card.name for row in adopted)
        for card in published_cards(kafka)
        # The shipped one is adopted with a partition's first input.
        if card.name != (DEFAULT_CARD.card_id, DEFAULT_CARD.version)
    }
    lacking = {name: count for name, count in missing.items() if count > 0}
    if lacking:
        card_id, version = next(iter(lacking))
        found = named(f"{card} {of}: {count} missing" for (card, of), count in lacking.items())
        remedy = f"`ledger rates adopt {card_id} {version}`, while an hour is left"
        return failed("rate cards", f"not adopted by every partition: {found}", remedy)
    return fine("rate cards", f"{len(missing)} published, each adopted by every partition")
