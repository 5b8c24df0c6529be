"""The projector's loop: read, fold, commit; and start again from the checkpoint when cut."""

import gc
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from consumers.projector.figures import Figures
from consumers.projector.reading import Log, Portion, ReadAhead
from eventlog import topics
from eventlog.admin import Admin
from eventlog.reader import Follower
from eventlog.settings import GENERATION, KafkaSettings
from ledger.errors import TryAgain
from projections.checkpoints import LogIdentity, Overtaken
from projections.database import connected
from projections.logged import Place
from projections.projection import Projection
from service.health import Health
from service.logs import log
from service.signals import Stop

EVENTS: Final = topics.WALLET_EVENTS.name
YOUNG_OBJECTS_MAX: Final = 50_000
SWITCH_S: Final = 0.0005
RETRY_S_MIN: Final = 0.1
RETRY_S_MAX: Final = 5.0


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
    # A batch makes thousands of objects that live; the collector would walk them again and again.
    gc.set_threshold(YOUNG_OBJECTS_MAX)
    # The fold has a short turn after each answer of Postgres; decoding would make it wait 5 ms.
    sys.setswitchinterval(SWITCH_S)
    identity = LogIdentity(Admin(kafka).cluster_id(), topics.ids(kafka, [EVENTS])[EVENTS])

    def follow(positions: Mapping[int, int]) -> Log:
        return Follower(kafka, EVENTS, positions)

    places = [Place(GENERATION, partition) for partition in partitions]
    Projector(database_url, places, identity, follow, Figures(health), stop).run()


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
        self._reader: ReadAhead | None = None

    def run(self) -> None:
        """Fold until told to stop, connecting anew whenever Postgres goes away."""
        try:
            while not self._stop:
                try:
                    self._serve()
                except TryAgain as error:
                    self._wait(error)
        finally:
            if self._reader is not None:
                self._reader.close()

    def _serve(self) -> None:
        with connected(self._database_url) as database:
            projection = Projection(database)
            reader = self._read_from(self._claim(projection))
            self._figures.connected()
            log().info("folding", partitions=sorted(self._places))
            while not self._stop:
                self._figures.turned()
                try:
                    for portion in reader.next():
                        self._fold(projection, portion, reader)
                except Overtaken as overtaken:
                    self._figures.overtaken()
                    log().warning("another projector was quicker", reason=str(overtaken))
                    reader.go_to(self._claim(projection))

    def _claim(self, projection: Projection) -> dict[int, int]:
        return {
            partition: projection.claim(place, self._identity)
            for partition, place in self._places.items()
        }

    def _read_from(self, positions: Mapping[int, int]) -> ReadAhead:
        if self._reader is None:
            self._reader = ReadAhead(self._follow(positions))
        self._reader.go_to(positions)
        return self._reader

    def _fold(self, projection: Projection, portion: Portion, reader: ReadAhead) -> None:
        began_s = time.monotonic()
        projection.apply(
            self._places[portion.partition],
            portion.begins,
            portion.events,
            portion.following,
            while_writing=reader.read_on,
        )
        self._retry_s = RETRY_S_MIN
        self._figures.folded(
            portion.partition,
            len(portion.events),
            portion.following,
            portion.appended_at_ms,
            time.monotonic() - began_s,
        )

    def _wait(self, error: TryAgain) -> None:
        """Nothing of the batch was written, or all of it: the checkpoint will tell."""
        self._figures.cut(str(error))
        log().warning("the read models cannot be written", reason=str(error), wait_s=self._retry_s)
        self._stop.wait(self._retry_s)
        self._retry_s = min(2 * self._retry_s, RETRY_S_MAX)
