"""What generated codecs are made of: Avro's numbers and strings, and every reason to refuse."""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Final

from ledger.errors import UnreadableInput

BOOLEAN: Final = (False, True)
"""Indexed by the byte; any other byte raises IndexError."""

_INT_MAX: Final = 2**31
_LONG_MAX: Final = 2**63
_SHIFT_MAX: Final = 63
_TIME_SIZE: Final = 6
_REMEMBERED_MAX: Final = 65_536
_REMEMBERED_LENGTH_MAX: Final = 128
_LAYOUTS_MAX: Final = 1_024


class Malformed(UnreadableInput):
    """The bytes are not a value of their schema."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed", message)


# ── Reading ──


def number(d: bytes, p: int) -> tuple[int, int]:
    """The number that begins at `p`, and where it ends."""
    z = d[p]
    p += 1
    if z > 127:
        z &= 127
        shift = 7
        while (b := d[p]) > 127:
            z |= (b & 127) << shift
            p += 1
            shift += 7
            if shift > _SHIFT_MAX:
                raise Malformed("a number has more than ten bytes")
        if b == 0:
            raise Malformed("a number is written with more bytes than it needs")
        z |= b << shift
        p += 1
        if z >= 2 * _LONG_MAX:
            raise Malformed("a number has more than 64 bits")
    return (z >> 1) ^ -(z & 1), p


def size(d: bytes, p: int) -> tuple[int, int]:
    """Where the text or bytes begin whose length stands at `p`, and where they end."""
    length, p = number(d, p)
    if not 0 <= length <= len(d) - p:
        raise beyond(p + length, len(d))
    return p, p + length


def time(d: bytes, p: int) -> tuple[int, int]:
    """The time that begins at `p`, and where it ends; remembers the half that stays for seconds."""
    value, q = number(d, p)
    if value >= 0 and q - p == _TIME_SIZE:
        if len(SECONDS_READ) >= _REMEMBERED_MAX:
            SECONDS_READ.clear()
        SECONDS_READ[d[p + 2 : q]] = (value >> 13 << 13) - _CONTINUED
    return value, q


# ── Writing ──


def long(value: int) -> bytes:
    """A whole number as Avro's zigzag varint; AssertionError beyond 64 bits."""
    z = (value << 1) ^ (value >> 63)
    if z < 1 << 14:
        return SHORT[z]
    if z < 1 << 28:
        return MORE[z & 127] + MORE[z >> 7 & 127] + SHORT[z >> 14]
    assert -_LONG_MAX <= value < _LONG_MAX, "a long has 64 bits"
    return _varint(z)


def integer(value: int) -> bytes:
    """A number of 32 bits; AssertionError beyond them, as a reader would refuse it."""
    assert -_INT_MAX <= value < _INT_MAX, "an int has 32 bits"
    return long(value)


def text(value: str) -> bytes:
    """A string as Avro writes it: its length in bytes, then UTF-8."""
    encoded = value.encode()
    return long(len(encoded)) + encoded


def array(items: tuple[object, ...], write: Callable[[object], bytes]) -> bytes:
    """One item or more, in one block."""
    if len(items) == 1:
        return b"\2" + write(items[0]) + b"\0"
    return long(len(items)) + b"".join(map(write, items)) + b"\0"


def _rest_of_time(z: int) -> bytes:
    assert z < _LONG_MAX >> 13, "a long has 64 bits"
    return _varint(z)


def _varint(z: int) -> bytes:
    out = bytearray()
    while z > 127:
        out.append(z & 127 | 128)
        z >>= 7
    out.append(z)
    return bytes(out)


SHORT: Final = [_varint(z) for z in range(1 << 14)]
"""Every number of one or two bytes, by its zigzag form."""

MORE: Final = [bytes((z | 128,)) for z in range(128)]
"""Seven bits of a longer number, with more to follow."""

SECONDS_READ: Final[dict[bytes, int]] = {}
"""What the last four bytes of a time add to its first two, which still say that more follow."""

_CONTINUED: Final = (128 >> 1) + (128 << 6)


# ── Remembering ──


class _Texts(dict[str, bytes]):
    """How texts are written. A stranger's long texts must not fill the memory."""

    def __missing__(self, value: str) -> bytes:
        written = text(value)
        if len(written) <= _REMEMBERED_LENGTH_MAX:
            if len(self) >= _REMEMBERED_MAX:
                self.clear()
            self[value] = written
        return written


class _TextsRead(dict[bytes, str]):
    """How texts are read: the same object again, which also saves the memory of many."""

    def __missing__(self, written: bytes) -> str:
        value = written.decode()
        if len(written) <= _REMEMBERED_LENGTH_MAX:
            if len(self) >= _REMEMBERED_MAX:
                self.clear()
            self[written] = value
        return value


class _Written(dict[int, bytes]):
    """How numbers are written."""

    def __init__(self, write: Callable[[int], bytes]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: int) -> bytes:
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        written = self[value] = self._write(value)
        return written


def keep_run(known: dict[bytes, tuple[Any, ...]], written: bytes, values: tuple[Any, ...]) -> None:
    """Remember what fields that stand side by side were read as."""
    if len(written) <= 2 * _REMEMBERED_LENGTH_MAX:
        if len(known) >= _REMEMBERED_MAX:
            known.clear()
        known[written] = values


TEXT, OPTIONAL, ONE_BYTE = "to1"
"""Fields within a run."""

TEXT_ALONE, TIME_ALONE = "TM"
"""Fields outside of runs."""


class Layouts:
    """Where the first fields of a value stand, by its length: a guess, from one that was read.

    Each is the function that cuts them, how many bytes it cuts, and the bytes that must stand
    before the texts outside of runs.
    """

    def __init__(self, head: Sequence[str]) -> None:
        """`head` has a letter for each field outside of runs, and a word for each run."""
        self.known: dict[int, tuple[Any, ...]] = {}
        self._head = head

    def learn(self, d: bytes, start: int) -> None:
        """Remember where the fields of this value stand, if that is simple and new."""
        if len(d) - start in self.known:
            return
        p, cuts = start, "<"
        before_texts: list[int] = []
        for kinds in self._head:
            began = p
            for kind in kinds:
                is_text = kind in (TEXT, TEXT_ALONE)
                size = _TIME_SIZE if kind == TIME_ALONE else 1 + (d[p] >> 1 if is_text else 0)
                *others, last = d[p : p + (size if kind == TIME_ALONE else 1)]
                if (
                    last > 127
                    or any(other < 128 for other in others)
                    or (kind == OPTIONAL and last)
                ):
                    return
                p += size
            if kinds == TEXT_ALONE:
                before_texts.append(d[began])
                cuts += f"B{p - began - 1}s"
            else:
                cuts += f"H{p - began - 2}s" if kinds == TIME_ALONE else f"{p - began}s"
        if p > len(d):
            # The value is cut short, which shows only at its end.
            return
        if len(self.known) >= _LAYOUTS_MAX:
            self.known.clear()
        cut = Struct(cuts)
        self.known[len(d) - start] = (cut.unpack_from, cut.size, *before_texts)


class Kept(dict[int, tuple[object, bytes]]):
    """Bytes by the identity of the object they stand for, which is kept as well."""

    write: Callable[[object], bytes]

    def keep(self, value: object) -> bytes:
        """Make the object's bytes."""
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        written = self.write(value)
        self[id(value)] = (value, written)
        return written


TEXTS: Final = _Texts()
TEXTS_READ: Final = _TextsRead()
NUMBERS: Final = _Written(long)
SECONDS: Final = _Written(_rest_of_time)
"""The bytes of a time after its first two, which stay alike for seconds."""


# ── Refusing ──


def cut_short(error: Exception) -> Malformed:
    """The value ended in the middle, or text in it is not UTF-8, or a boolean is neither."""
    if isinstance(error, UnicodeDecodeError):
        return Malformed("a text is not UTF-8")
    return Malformed("the value ends too early, or a boolean is neither 0 nor 1")


def left_over(d: bytes, p: int) -> Malformed:
    """The value does not end where its bytes do."""
    if p > len(d):
        return beyond(p, len(d))
    return Malformed(f"{len(d) - p} bytes are left over after the value")


def beyond(q: int, end: int) -> Malformed:
    """A length reaches beyond the value, or is negative."""
    return Malformed(f"a length is negative or reaches beyond the value ({q} of {end})")


def out_of_range(value: int) -> Malformed:
    """An int has 32 bits."""
    return Malformed(f"{value} does not fit an int")


def no_symbol(index: int) -> Malformed:
    """The enum has no such symbol."""
    return Malformed(f"an enum has no symbol {index}")


def no_branch(index: int) -> Malformed:
    """The union has no such branch."""
    return Malformed(f"a union has no branch {index}")


def no_type(value: object) -> bytes:
    """Refuse an object whose type is none of a union's."""
    raise AssertionError(f"{type(value).__name__} is no branch of the union")


def wrong_size(value: bytes) -> bytes:
    """Refuse a fixed of another size than its own."""
    raise AssertionError(f"a fixed of {len(value)} bytes")
