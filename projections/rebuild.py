"""Folding the log anew beside the live read models, comparing both, and swapping them.

What is compared is one moment: while no projector can write, the rebuilt tables are brought to the
live checkpoints, and a snapshot is taken of both; the comparison reads that, and stops nobody.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, NamedTuple

from psycopg import sql

from ledger.errors import WrongSettings
from projections import checkpoints
from projections.database import SCHEMA, Database, connected
from projections.logged import Logged, Place
from projections.migrate import migrate
from projections.projection import TABLES, Projection
from projections.rows import listed

SHADOW: Final = "read_models_rebuilt"
RETIRED: Final = "read_models_retired"
EVENTS_AT_ONCE: Final = 10_000
SHOWN_MAX: Final = 20
"""Rows shown of each table, of either side."""

Read = Callable[[Place, int, int], Iterator[Logged]]
"""The events of a partition from an offset on, before another."""


class Difference(NamedTuple):
    """A row that only one side has, as text."""

    table: str
    is_live: bool
    row: str


class Compared(NamedTuple):
    """A table's rows on both sides, and how many only one side has; some of them."""

    table: str
    live_count: int
    rebuilt_count: int
    only_live_count: int
    only_rebuilt_count: int
    shown: tuple[Difference, ...]

    @property
    def is_alike(self) -> bool:
        """Whether both sides have the same rows."""
        return not self.only_live_count and not self.only_rebuilt_count


class Rebuild:
    """One rebuild, from an empty schema on; `url` connects as the owner."""

    def __init__(self, url: str, read: Read, told: Callable[[int], None]) -> None:
        """`told` hears how many events were folded so far."""
        self._url = url
        self._read = read
        self._told = told
        self._folded = 0
        with connected(url) as database:
            database.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(_name(SHADOW)))
        migrate(url, schema=SHADOW)

    def catch_up(self) -> None:
        """Fold up to where the live read models stand now."""
        with connected(self._url) as live:
            self._fold_to(checkpoints.every(live))

    def compare(self) -> list[Compared]:
        """Compare every table, row by row, at one moment."""
        with connected(self._url) as both, both.transaction():
            both.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            with self._nobody_writes() as live:
                self._fold_to(checkpoints.every(live))
                both.execute("SELECT 1")
            return [_compared(both, table.name, table.columns) for table in TABLES]

    def swap(self) -> None:
        """Put the rebuilt tables in the place of the live ones, which are dropped.

        Projectors that wait go on with the new ones; they stand where the old ones stood.
        """
        with self._nobody_writes() as live:
            self._fold_to(checkpoints.every(live))
            for before, after in ((SCHEMA, RETIRED), (SHADOW, SCHEMA)):
                live.execute(
                    sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(_name(before), _name(after))
                )
        with connected(self._url) as database:
            database.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(_name(RETIRED)))

    def drop(self) -> None:
        """Leave nothing behind."""
        with connected(self._url) as database:
            database.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(_name(SHADOW)))

    # ── Inner parts ──

    @contextmanager
    def _nobody_writes(self) -> Generator[Database]:
        """Whoever begins to write waits until the block ends; whoever is writing ends first."""
        with connected(self._url) as live, live.transaction():
            # A table that was renamed meanwhile is looked up again by whoever waited for it.
            live.execute("LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE")
            yield live

    def _fold_to(self, wanted: list[checkpoints.Checkpoint]) -> None:
        with connected(self._url, SHADOW) as database:
            projection = Projection(database)
            for checkpoint in wanted:
                self._fold_partition(projection, checkpoint)

    def _fold_partition(self, projection: Projection, wanted: checkpoints.Checkpoint) -> None:
        place = Place(wanted.generation, wanted.partition)
        identity = checkpoints.LogIdentity(wanted.cluster_id, wanted.topic_id)
        at = projection.claim(place, identity)
        if at == wanted.next_offset:
            return
        events = self._read(place, at, wanted.next_offset)
        while batch := list(islice(events, EVENTS_AT_ONCE)):
            following = batch[-1].offset + 1
            projection.apply(place, at, batch, following)
            at = following
            self._folded += len(batch)
            self._told(self._folded)
        if at > wanted.next_offset:
            raise WrongSettings(f"{place} was read past {wanted.next_offset}: another log?")
        projection.apply(place, at, (), wanted.next_offset)


def _compared(database: Database, table: str, columns: tuple[str, ...]) -> Compared:
    sides = {
        schema: sql.SQL("SELECT {} FROM {}.{}").format(listed(columns), _name(schema), _name(table))
        for schema in (SCHEMA, SHADOW)
    }
    live_count, rebuilt_count = (_count(database, side) for side in sides.values())
    only: list[int] = []
    shown: list[Difference] = []
    for one, other in ((SCHEMA, SHADOW), (SHADOW, SCHEMA)):
        missing = sql.SQL("{} EXCEPT ALL {}").format(sides[one], sides[other])
        only.append(_count(database, missing))
        rows = database.execute(
            sql.SQL("SELECT lacking::text FROM ({}) AS lacking LIMIT {}").format(
                missing, sql.Literal(SHOWN_MAX)
            )
        )
        shown += [Difference(table, one == SCHEMA, row) for (row,) in rows]
    only_live_count, only_rebuilt_count = only
    return Compared(
        table, live_count, rebuilt_count, only_live_count, only_rebuilt_count, tuple(shown)
    )


def _count(database: Database, rows: sql.Composed) -> int:
    [count] = database.execute(
        sql.SQL("SELECT count(*) FROM ({}) AS counted").format(rows)
    ).fetchone() or [0]
    return int(count)


def _name(schema: str) -> sql.Identifier:
    return sql.Identifier(schema)
