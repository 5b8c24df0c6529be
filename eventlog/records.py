"""What goes in and out of the log, without a wrapper per message: the hot path cannot pay for it.

A consumed message is used as it is, through `InputRecord`; tests use a plain object.
"""

from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

Headers = list[tuple[str, bytes]]
LibraryHeaders = list[tuple[str, str | bytes | None]]
"""The same, as the library's types want it."""


class InputRecord(Protocol):
    """A record as read. Its topic is the broker's name; its time is (type, milliseconds)."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Headers | None: ...
    def timestamp(self) -> tuple[int, int]: ...


SOURCE: Final = "source"
"""The header of an input that names the service, and so the team, that published it."""

NO_SOURCE: Final = "-"
SOURCE_LENGTH_MAX: Final = 64


def is_source(text: str) -> bool:
    """Whether the text can name a publisher: 1 to 64 printable ASCII characters."""
    return 0 < len(text) <= SOURCE_LENGTH_MAX and text.isascii() and text.isprintable()


def source_of(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """Who published a record; `-` if its headers do not say."""
    value = next((value for name, value in headers if name == SOURCE), None) or b""
    text = value.decode("ascii", "replace")
    return text if is_source(text) else NO_SOURCE


NO_HEADERS: Final[Headers] = []


class Output(msgspec.Struct, frozen=True, gc=False):
    """A record to write. Its topic is the logical name; no headers are an empty list."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
