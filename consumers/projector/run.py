"""The projector's loop: read, fold, commit; and start again from the checkpoint when cut."""

import gc
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Final

from consumers.projector.figures import Figures
from consumers.projector.reading import Log, Portion, ReadAhead
from eventlog import topics
from eventlog.admin import Admin
from eventlog.reader import Follower
from eventlog.settings import GENERATION, KafkaSettings
from ledger.errors import BrokenLog, TryAgain
from projections.checkpoints import LogIdentity, Overtaken
from projections.database import Database, connected
from projections.logged import Place
from projections.projection import Projection
from projections.standing import standing
from service.health import Health
from service.logs import log
from service.signals import Stop

EVENTS: Final = topics.WALLET_EVENTS.name
YOUNG_OBJECTS_MAX: Final = 1_000_000
SWITCH_S: Final = 0.0001
RETRY_S_MIN: Final = 0.1
RETRY_S_MAX: Final = 5.0
LAG_EVERY_S: Final = 5.0
STANDING_EVERY_S: Final = 15.0


def run(
    kafka: KafkaSettings,
    database_url: str,
    partitions: Iterable[int],
    stop: Stop,
    health: Health,
) -> None:
    """Fold these partitions of `wallet.events` until told to stop.

    `database_url` connects as the projector's role. Several projectors may serve the same
    partitions: the checkpoints let each event in once, and cost the others their work.

    Raises `ledger.errors.MustStop` where the read models belong to another log or lack tables, or
    the log contradicts itself, and `eventlog.errors.LogTruncated` where it no longer holds what
    comes next.
    """
    tune()
    identity = LogIdentity(Admin(kafka).cluster_id(), topics.ids(kafka, [EVENTS])[EVENTS])

    def follow(positions: Mapping[int, int]) -> Log:
        return Follower(kafka, EVENTS, positions)

    places = [Place(GENERATION, partition) for partition in partitions]
    Projector(database_url, places, identity, follow, Figures(health), stop).run()


def tune() -> None:
    """Set the interpreter up for batches that are read ahead in a thread."""
    # Three batches are alive at once; the collector would walk them again and again, for nothing.
    gc.set_threshold(YOUNG_OBJECTS_MAX)
    # Writing has a short turn after each answer of Postgres; decoding would make it wait 5 ms.
    sys.setswitchinterval(SWITCH_S)


class Projector:
    """Keeps the read models of some partitions up with the log."""

    def __init__(
        self,
        database_url: str,
        places: list[Place],
        identity: LogIdentity,
        follow: Callable[[Mapping[int, int]], Log],
        figures: Figures,
        stop: Stop,
    ) -> None:
        """`follow` opens the log at a position for each partition."""
        self._database_url = database_url
        self._places = {place.partition: place for place in places}
        self._identity = identity
        self._follow = follow
        self._figures = figures
        self._stop = stop
        self._retry_s = RETRY_S_MIN
        self._log: Log | None = None
        self._at: dict[int, int] = {}
        self._lag_told_s = -LAG_EVERY_S
        self._standing_told_s = -STANDING_EVERY_S

    def run(self) -> None:
        """Fold until told to stop, connecting anew whenever Postgres goes away."""
        try:
            while not self._stop:
                try:
                    self._serve()
                except TryAgain as error:
                    self._wait(error)
        finally:
            if self._log is not None:
                self._log.close()

    def _serve(self) -> None:
        with connected(self._database_url) as writing, connected(self._database_url) as asking:
            projection = Projection(writing)
            self._claim(projection)
            with closing(self._reader(asking)) as reader:
                reader.go_to(self._at)
                self._figures.connected()
                log().info("folding", partitions=sorted(self._places))
                while not self._stop:
                    self._figures.turned()
                    self._tell_lag()
                    self._tell_standing(writing)
                    try:
                        self._write_next(projection, reader)
                    except Overtaken as overtaken:
                        self._figures.overtaken()
                        log().warning("another projector was quicker", reason=str(overtaken))
                        self._claim(projection)
                        reader.go_to(self._at)

    def _reader(self, asking: Database) -> ReadAhead:
        if self._log is None:
            self._log = self._follow(self._at)
        return ReadAhead(self._log, asking, self._places)

    def _claim(self, projection: Projection) -> None:
        """Find out where each partition goes on."""
        for partition, place in self._places.items():
            self._at[partition] = projection.claim(place, self._identity)

    def _write_next(self, projection: Projection, reader: ReadAhead) -> None:
        try:
            portions = reader.next()
        except BrokenLog as broken:
            # Or the rows that were read ahead are those that another projector just left.
            before = dict(self._at)
            self._claim(projection)
            if self._at == before:
                raise
            raise Overtaken("the checkpoints have moved") from broken
        for portion in portions:
            self._write(projection, portion)

    def _write(self, projection: Projection, portion: Portion) -> None:
        assert portion.begins == self._at[portion.partition]
        began_s = time.monotonic()
        place = self._places[portion.partition]
        projection.write(place, portion.begins, portion.folded, portion.following)
        self._at[portion.partition] = portion.following
        self._retry_s = RETRY_S_MIN
        self._figures.folded(
            portion.partition,
            portion.folded.events,
            portion.following,
            portion.appended_at_ms,
            time.monotonic() - began_s,
        )

    def _wait(self, error: TryAgain) -> None:
        """Nothing of the batch was written, or all of it: the checkpoint will tell."""
        self._figures.cut(str(error))
        self._tell_lag()
        log().warning("the read models cannot be written", reason=str(error), wait_s=self._retry_s)
        self._stop.wait(self._retry_s)
        self._retry_s = min(2 * self._retry_s, RETRY_S_MAX)

    def _tell_lag(self) -> None:
        """From what is committed, not from what is read ahead; while Postgres is away, too."""
        if self._log is None or time.monotonic() < self._lag_told_s + LAG_EVERY_S:
            return
        self._lag_told_s = time.monotonic()
        for partition, end in self._log.ends_seen().items():
            self._figures.behind(partition, max(0, end - self._at[partition]))

    def _tell_standing(self, database: Database) -> None:
        if time.monotonic() < self._standing_told_s + STANDING_EVERY_S:
            return
        self._standing_told_s = time.monotonic()
        self._figures.stands(standing(database))
