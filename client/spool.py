"""The spool: what was put and is not acknowledged yet, in files that survive the process.

A folder of segments, `000000000001.spool` and so on, each a row of frames; `position` says up to
where all is acknowledged. A frame is on the disk, synced, before `append` returns. The position is
written without a sync: an old one has events sent again, which changes nothing.
"""

import fcntl
import os
import struct
import warnings
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from client.errors import SpoolDamaged, SpoolInUse, SpoolTorn
from eventlog.topics import USAGE

SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A segment with so much in it is followed by another, and deleted when all of it is done."""

FRAME_BYTES: Final = 256 * 1024
"""About the most in one frame; a frame that is not wholly done is sent again as a whole."""

MAGIC: Final = b"usage-1\n"
FRAME: Final = struct.Struct(">III")
"""Length of the entries, their CRC-32, how many there are."""
ENTRY: Final = struct.Struct(">BI")
"""The topic's place in `USAGE`, the length of the value."""
POSITION: Final = struct.Struct(">QQI")
"""Segment, offset in it, and the CRC-32 of both."""

NONE: Final = -1
"""No file is open: the number of one that was closed may soon be another's."""

TOPICS: Final = tuple(topic.name for topic in USAGE)


class Entry(NamedTuple):
    """A usage event: its topic's logical name, and its value as it goes to the topic."""

    topic: str
    value: bytes


class Frame(NamedTuple):
    """Where a frame ends, and how many entries of it are not done."""

    segment: int
    end: int
    left: int


class Torn(NamedTuple):
    """What stands at the end of the last segment and is no whole frame, and where it begins."""

    segment: Path
    at: int
    data: bytes


class Spool:
    """One folder, owned by one outbox at a time. Not for several threads at once, but for two:
    one that appends and one that says what is done.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder, made if need be. Raises SpoolInUse, SpoolDamaged, OSError."""
        _make(folder)
        self._folder = folder
        self._frames: deque[Frame] = deque()
        self._torn: Torn | None = None
        self._position = NONE
        self._lock = _locked(folder / "lock")
        try:
            self._position = os.open(folder / "position", os.O_RDWR | os.O_CREAT, 0o600)
            done_segment, done_end = self._done_up_to()
            self.recovered: Final = tuple(self._recover(done_segment, done_end))
            """What an earlier owner took and nobody acknowledged, in the order of then."""
            # A number is never used again: what the position says of it would be believed.
            self._number = max(done_segment, *self._segments(), 0)
            self._segment, self._size = NONE, 0
            self._tell_what_is_torn()
        except BaseException:
            self._let_go()
            raise

    def append(self, entries: Sequence[Entry]) -> None:
        """Return when all of it is on the disk.

        Raises OSError, and then owes none of it; a part may come back from the disk all the same.
        """
        written = 0
        try:
            for frame, count in _frames(entries):
                self._write(frame)
                self._frames.append(Frame(self._number, self._size, count))
                written += 1
        except BaseException:
            for _ in range(written):
                self._frames.pop()
            raise

    def done(self, count: int) -> None:
        """The first so many entries that were left are acknowledged."""
        while count:
            segment, end, left = self._frames[0]
            if count < left:
                self._frames[0] = Frame(segment, end, left - count)
                return
            count -= left
            self._frames.popleft()
            self._remember(segment, end)

    def close(self) -> None:
        """Let go of the folder; what is not done stays in it."""
        self._leave_segment()
        self._let_go()

    def _let_go(self) -> None:
        if self._position != NONE:
            os.close(self._position)
        os.close(self._lock)

    # ── Writing ──

    def _write(self, frame: bytes) -> None:
        if self._segment == NONE or self._size >= SEGMENT_BYTES:
            self._leave_segment()
            self._segment, self._size = self._next_segment()
        try:
            _write_whole(self._segment, frame, self._size)
            os.fsync(self._segment)
        except BaseException:
            # After a failed sync nobody knows what the disk has: nothing more is added to this one.
            with suppress(OSError):
                os.ftruncate(self._segment, self._size)
                os.fsync(self._segment)
            self._leave_segment()
            raise
        self._size += len(frame)

    def _leave_segment(self) -> None:
        if self._segment != NONE:
            os.close(self._segment)
            self._segment = NONE

    def _next_segment(self) -> tuple[int, int]:
        self._set_torn_aside()
        path = self._path(self._number + 1)
        segment = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_whole(segment, MAGIC, 0)
            os.fsync(segment)
            _sync(self._folder)
        except BaseException:
            os.close(segment)
            path.unlink()
            raise
        self._number += 1
        return segment, len(MAGIC)

    def _remember(self, segment: int, end: int) -> None:
        text = POSITION.pack(segment, end, 0)[:-4]
        with suppress(OSError):
            os.pwrite(self._position, text + struct.pack(">I", zlib.crc32(text)), 0)
        following = self._frames[0].segment if self._frames else self._number
        for number in range(segment, following):
            # What stays is deleted when the folder is opened next.
            with suppress(OSError):
                self._path(number).unlink(missing_ok=True)

    # ── Reading what an earlier owner left ──

    def _recover(self, done_segment: int, done_end: int) -> Iterator[Entry]:
        numbers = sorted(self._segments())
        for number in numbers:
            if number < done_segment:
                self._path(number).unlink()
                continue
            start = done_end if number == done_segment else len(MAGIC)
            yield from self._entries_of(number, start, is_last=number == numbers[-1])

    def _entries_of(self, number: int, start: int, *, is_last: bool) -> Iterator[Entry]:
        path = self._path(number)
        data = path.read_bytes()
        if is_last and len(data) < len(MAGIC) and start <= len(MAGIC):
            path.unlink()  # The process ended while it began it.
            return
        if start > len(data):
            raise SpoolDamaged(_damaged(path, len(data)))
        if not data.startswith(MAGIC):
            raise SpoolDamaged(f"{path} is not a segment of a spool, or one of a newer program")
        at = start
        while at < len(data):
            payload = _payload_at(data, at)
            if payload is None:
                if not is_last or _follows(data, at):
                    raise SpoolDamaged(_damaged(path, at))
                # The process ended while it wrote this: nobody was told that it was taken.
                self._torn = Torn(path, at, data[at:])
                return
            entries = list(_entries(payload))
            at += FRAME.size + len(payload)
            self._frames.append(Frame(number, at, len(entries)))
            yield from entries

    def _tell_what_is_torn(self) -> None:
        if self._torn is None:
            return
        path, at, data = self._torn
        told = f"{path} ends, from byte {at} on, in {len(data)} bytes that are no whole frame"
        try:
            self._set_torn_aside()
        except OSError as error:
            told += f"; the disk takes no copy of them ({error}), and nothing else until it does"
        else:
            told += ", as a process leaves them that ends amid a write: they are set aside as .torn"
        warnings.warn(told, SpoolTorn, stacklevel=3)

    def _set_torn_aside(self) -> None:
        """Before anything is written behind it: from then on, what is broken there is damage.

        1. Copy it. 2. Cut it off. Each is on the disk before the next.
        """
        if self._torn is None:
            return
        path, at, data = self._torn
        # 1. Copy it.
        with _opened(path.with_suffix(".torn"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as aside:
            _write_whole(aside, data, 0)
            os.fsync(aside)
        _sync(self._folder)
        # 2. Cut it off.
        with _opened(path, os.O_WRONLY) as segment:
            os.ftruncate(segment, at)
            os.fsync(segment)
        self._torn = None

    def _done_up_to(self) -> tuple[int, int]:
        text = os.pread(self._position, POSITION.size, 0)
        if len(text) < POSITION.size:
            return 0, 0
        segment, end, check = POSITION.unpack(text)
        return (segment, end) if zlib.crc32(text[:-4]) == check else (0, 0)

    def _segments(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("[0-9]*.spool")]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.spool"


def _locked(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise SpoolInUse(f"another outbox has {path.parent}: each needs a folder of its own") from (
            error
        )
    return lock


def _frames(entries: Sequence[Entry]) -> Iterator[tuple[bytes, int]]:
    """Frames of a size that one sync can bear, each with its number of entries."""
    parts: list[bytes] = []
    size = 0
    for topic, value in entries:
        part = ENTRY.pack(TOPICS.index(topic), len(value)) + value
        parts.append(part)
        size += len(part)
        if size >= FRAME_BYTES:
            yield _frame(parts), len(parts)
            parts, size = [], 0
    if parts:
        yield _frame(parts), len(parts)


def _frame(parts: Sequence[bytes]) -> bytes:
    payload = b"".join(parts)
    return FRAME.pack(len(payload), zlib.crc32(payload), len(parts)) + payload


def _payload_at(data: bytes, at: int) -> bytes | None:
    """The entries of the frame that begins here; None if no whole one does."""
    start = at + FRAME.size
    if start > len(data):
        return None
    length, check, count = FRAME.unpack_from(data, at)
    if count == 0 or not ENTRY.size <= length <= len(data) - start:
        return None
    payload = data[start : start + length]
    return payload if zlib.crc32(payload) == check else None


def _follows(data: bytes, at: int) -> bool:
    """Whether a whole frame stands behind a broken one: then this one was once whole, too.

    Its length may be what is broken, so a frame is looked for at every byte.
    """
    return any(_payload_at(data, later) is not None for later in range(at + 1, len(data)))


def _entries(payload: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(payload):
        topic, length = ENTRY.unpack_from(payload, at)
        at += ENTRY.size
        yield Entry(TOPICS[topic], payload[at : at + length])
        at += length


def _write_whole(file: int, data: bytes, at: int) -> None:
    """A full disk may take a part of it and say so only the next time."""
    while data:
        written = os.pwrite(file, data, at)
        data, at = data[written:], at + written


@contextmanager
def _opened(path: Path, flags: int) -> Generator[int]:
    file = os.open(path, flags, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _sync(folder: Path) -> None:
    with _opened(folder, os.O_RDONLY) as opened:
        os.fsync(opened)


def _make(folder: Path) -> None:
    """The folder, and those above it that are missing, each on the disk as a name in its own."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in missing:
        _sync(one.parent)


def _damaged(path: Path, at: int) -> str:
    return (
        f"{path} is damaged at byte {at}, and more was written there or behind it. Move the folder"
        " away, and publish what it held from your own records: ids that come twice are charged"
        " once"
    )
