"""What happens to projectors and to Postgres."""

import signal
import time
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.faults.run import Failed, Run

CUTS = 8
BETWEEN_CUTS_S = 0.4
DOWN_S = 3.0
CONTEST_S = 6.0
PROJECTOR = "ledger_projector"


@contextmanager
def held_between_checkpoint_and_rows(run: Run) -> Generator[None]:
    """The projector's transaction has moved the checkpoint, and waits to write its rows.

    It waits for us: we hold the table that it writes last.
    """
    with psycopg.connect(run.world.urls.owner) as ours:
        ours.execute("LOCK TABLE read_models.movements IN EXCLUSIVE MODE")
        run.wait_for(lambda: _waits_for_a_table(run), "the projector is amid its rows")
        yield


def _waits_for_a_table(run: Run) -> bool:
    with psycopg.connect(run.world.urls.owner, autocommit=True) as database:
        [waiting] = database.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND datname ="
            " current_database() AND wait_event_type = 'Lock' AND query LIKE '%%movements%%'",
            [PROJECTOR],
        ).fetchone() or (0,)
    return waiting > 0


def killed(run: Run) -> None:
    """Between the checkpoint and the rows of one transaction."""
    with held_between_checkpoint_and_rows(run):
        strike = run.strike()
        run.let_go("projector").kill()
        run.start("projector")
    run.recover_rows(strike)


def paused(run: Run) -> None:
    """Amid its transaction, while another begins; then it goes on, where it cannot any more."""
    with held_between_checkpoint_and_rows(run):
        sleeping = run.let_go("projector")
        sleeping.signal(signal.SIGSTOP)
        strike = run.strike()
        run.start("projector-2")
    run.recover_rows(strike)
    sleeping.signal(signal.SIGCONT)
    run.recover_rows(run.strike())
    if sleeping.process.poll() is not None:
        raise Failed(f"the projector that woke ended: {sleeping.log.read_text()[-900:]}")


def two_at_once(run: Run) -> None:
    """Two on the same partitions: the checkpoint lets each event in once."""
    run.start("projector-2")
    run.wait(CONTEST_S)
    run.recover_rows(run.strike())


def two_at_once_in_repeatable_read(run: Run) -> None:
    """The same where Postgres answers the slower one with a serialization failure."""
    with psycopg.connect(run.world.urls.owner, autocommit=True) as database:
        name = database.execute("SELECT current_database()").fetchone()
        assert name is not None
        database.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET default_transaction_isolation = {}").format(
                sql.Identifier(PROJECTOR), sql.Identifier(name[0]), "repeatable read"
            )
        )
    run.let_go("projector").kill()
    run.start("projector")
    run.start("projector-2")
    run.wait_for(lambda: "could not serialize" in run.said("projector"), "Postgres refuses one")
    run.recover_rows(run.strike())


def restarted(run: Run) -> None:
    """Stopped as an engineer stops it, and started a moment later."""
    strike = run.strike()
    run.stack.postgres.stop()
    run.wait(DOWN_S)
    run.stack.postgres.start()
    run.recover_rows(strike)


def postgres_killed(run: Run) -> None:
    """`kill -9` of the server, and started again."""
    strike = run.strike()
    run.stack.postgres.kill()
    run.stack.postgres.start()
    run.recover_rows(strike)


def cut(run: Run) -> None:
    """All connections of the projector are cut, again and again."""
    strike = run.strike()
    for _ in range(CUTS):
        strike = run.strike()
        with psycopg.connect(run.world.urls.owner, autocommit=True) as database:
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
                " AND datname = current_database()",
                [PROJECTOR],
            )
        time.sleep(BETWEEN_CUTS_S)
    run.recover_rows(strike)
