"""What a partition remembers of usage for the deduplication window, behind a port.

By kind, tenant and event id: the content's hash, and where in the partition's log the outcome
stands. What the outcome says (the facts, the charge, what it drew) is read back from there.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

HASH_SIZE: Final = 16
PLACE_SIZE: Final = 8
_CORRECTED: Final = 1 << 63

UsageKey = tuple[type, str]
"""A kind of usage and a tenant: within them, ids are unique."""

Find = Callable[[str], bytes | None]
"""From an event id to its packed trace; None if it was never seen, or is forgotten."""

_NONE: Final[Mapping[str, bytes]] = {}


class Trace(NamedTuple):
    """What is left of a usage event. `place` counts the log's records before its outcome."""

    content_hash: bytes
    place: int
    is_corrected: bool


def pack(content_hash: bytes, place: int, *, is_corrected: bool = False) -> bytes:
    """A trace in 24 bytes."""
    return content_hash + (place | _CORRECTED if is_corrected else place).to_bytes(8, "big")


def unpack(packed: bytes) -> Trace:
    """What `pack` packed."""
    place = int.from_bytes(packed[HASH_SIZE:], "big")
    return Trace(packed[:HASH_SIZE], place & ~_CORRECTED, bool(place & _CORRECTED))


class UsageMemory(Protocol):
    """The port. There is one for each partition, and only what was committed is in it."""

    def finder(self, key: UsageKey) -> Find:
        """How to find a tenant's usage of a kind; good until something is learned or forgotten."""
        ...

    def learn(self, key: UsageKey, traces: Mapping[str, bytes]) -> None:
        """Add or replace packed traces, by event id."""
        ...

    def forget(self, before_place: int) -> None:
        """Drop every trace of a place before that one."""
        ...


class MemoryInRam:
    """In dictionaries, by tenant and kind: none is so large that growing it pauses."""

    def __init__(self) -> None:
        self._traces: dict[UsageKey, dict[str, bytes]] = {}

    def finder(self, key: UsageKey) -> Find:
        return self._traces.get(key, _NONE).get

    def learn(self, key: UsageKey, traces: Mapping[str, bytes]) -> None:
        self._traces.setdefault(key, {}).update(traces)

    def forget(self, before_place: int) -> None:
        for key, traces in list(self._traces.items()):
            kept = {name: one for name, one in traces.items() if unpack(one).place >= before_place}
            if kept:
                self._traces[key] = kept
            else:
                del self._traces[key]
