"""Whole tables as they are, to be compared row by row."""

from typing import Any

from projections.checkpoints import LogIdentity
from projections.database import SCHEMA, connected
from projections.logged import Logged, Place
from projections.projection import TABLES, Projection

PLACE = Place("g1", 0)
LOG = LogIdentity("cluster", "topic")


def everything(url: str, schema: str = SCHEMA) -> dict[str, list[Any]]:
    """Every row of every read model, in an order of its own."""
    with connected(url, schema) as database:
        return {table.name: sorted(map(repr, table.select(database, "", []))) for table in TABLES}


def fold(
    url: str, events: list[Logged], batch_size: int, schema: str = SCHEMA, partition: int = 0
) -> None:
    """Fold events from the checkpoint on, in batches of that size."""
    with connected(url, schema) as database:
        projection = Projection(database)
        place = PLACE._replace(partition=partition)
        at = projection.claim(place, LOG)
        ahead = [item for item in events if item.offset >= at]
        for begin in range(0, len(ahead), batch_size):
            batch = ahead[begin : begin + batch_size]
            following = batch[-1].offset + 1
            projection.apply(place, at, batch, following)
            at = following
