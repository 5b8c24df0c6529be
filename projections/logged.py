"""What a fold takes: events with their places in one partition of the log."""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.events import Event


class Place(NamedTuple):
    """A partition of the log; its number means something only within a topic generation."""

    generation: str
    partition: int


class Logged(NamedTuple):
    """An event, and the offset it stands at."""

    offset: int
    event: Event


Batch = Sequence[tuple[int, Event]]
"""Events of one partition, in order, with their offsets: `Logged`, or pairs, which cost less."""
