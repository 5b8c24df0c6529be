"""How far the log is folded in: the one row that decides who may write.

The row moves only from the offset the writer started at. Whoever finds it elsewhere has been
overtaken, and must take back what it did. (RELIABILITY, projector.)
"""

from typing import Final

import msgspec

from ledger.errors import WrongSettings
from projections.database import Database
from projections.logged import Place
from projections.rows import Table

MODEL: Final = "read_models"
"""All tables of a schema are folded in one transaction, so they share a checkpoint."""


class LogIdentity(msgspec.Struct, frozen=True):
    """Which log the offsets count: the broker's ids of its cluster and of the topic."""

    cluster_id: str
    topic_id: str


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """The next offset of a partition, and the log it belongs to."""

    model: str
    generation: str
    partition: int
    next_offset: int
    cluster_id: str
    topic_id: str


TABLE: Final = Table("checkpoints", Checkpoint)


class Overtaken(Exception):
    """The checkpoint is not where this projector left it; nothing was written."""


def claim(database: Database, place: Place, log: LogIdentity) -> int:
    """The offset to go on from, 0 for a partition never seen.

    Raises `WrongSettings` where the checkpoint belongs to another log.
    """
    database.execute(
        "INSERT INTO checkpoints (model, generation, partition, next_offset, cluster_id, topic_id)"
        " VALUES (%s, %s, %s, 0, %s, %s) ON CONFLICT DO NOTHING",
        [MODEL, *place, log.cluster_id, log.topic_id],
    )
    [found] = TABLE.select(
        database, "WHERE model = %s AND generation = %s AND partition = %s", [MODEL, *place]
    )
    known = LogIdentity(found.cluster_id, found.topic_id)
    if known != log:
        raise WrongSettings(
            f"the read models were folded from another log: partition {place.partition} belongs to"
            f" {known}, and this is {log}; name the right cluster, or rebuild the read models"
        )
    return found.next_offset


def move(database: Database, place: Place, expected: int, following: int) -> None:
    """Move the checkpoint, and hold its row until the transaction ends; raises `Overtaken`."""
    moved = database.execute(
        "UPDATE checkpoints SET next_offset = %s"
        " WHERE model = %s AND generation = %s AND partition = %s AND next_offset = %s",
        [following, MODEL, *place, expected],
    )
    if moved.rowcount != 1:
        raise Overtaken(f"the checkpoint of {place} is not at {expected}")


def every(database: Database) -> list[Checkpoint]:
    """All checkpoints, in the order of partitions."""
    return TABLE.select(database, "ORDER BY model, generation, partition", [])
