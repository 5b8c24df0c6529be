"""Lines of the files, what stands in them, and chance that repeats."""

from random import Random
from typing import Final, NamedTuple

import msgspec

CALLS: Final = "usage.calls"
CRAWLS: Final = "usage.crawls"
CHAT: Final = "usage.chat"
USAGE: Final = (CALLS, CRAWLS, CHAT)
COMMANDS: Final = "wallet.commands"
TOPICS: Final = (*USAGE, COMMANDS)

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
MICROS_PER_USD: Final = 1_000_000

Fields = dict[str, object]


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A record in a file. Its value is `value`, by the topic's schema, or `raw`, in base64.

    The key is the value's tenant unless `key` names another. `headers_ms` are times too.
    """

    phase: int
    key: str | None = None
    headers_ms: dict[str, int] = {}
    value: Fields | None = None
    raw: bytes | None = None


class Sent(NamedTuple):
    """A line for a topic's file: when it was sent, and what it is a case of."""

    at_ms: int
    topic: str
    line: Line
    kind: str


class Chance:
    """Draws that are the same for the same seed in every version of Python."""

    def __init__(self, seed: int | str) -> None:
        # Only `random` itself is promised to repeat; what is built on it is not.
        self._draw = Random(seed).random  # noqa: S311

    def below(self, bound: int) -> int:
        """A whole number from 0, less than the bound."""
        return int(self._draw() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + self.below(high - low + 1)

    def hits(self, share: int, of: int) -> bool:
        """True for so many of so many."""
        return self.below(of) < share


def number_in(fields: Fields, name: str) -> int:
    """A field that is a whole number."""
    number = fields[name]
    assert isinstance(number, int)
    return number
