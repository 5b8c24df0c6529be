"""What generated codecs are made of: Avro's numbers and strings, and every reason to refuse."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from ledger.errors import UnreadableInput

BOOLEAN: Final = (False, True)
"""Indexed by the byte; any other byte raises IndexError."""

_INT_MAX: Final = 2**31
_LONG_MAX: Final = 2**63
_CACHED_MAX: Final = 65_536
_KEPT_MAX: Final = 4_096
_CACHED_LENGTH_MAX: Final = 128


class Malformed(UnreadableInput):
    """The bytes are not a value of their schema."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed", message)


def longer(d: bytes, p: int, first: int) -> tuple[int, int]:
    """The rest of a number whose first byte said that more follow; unrolled for milliseconds."""
    b = d[p]
    if b < 128:
        z, p = first & 127 | b << 7, p + 1
    else:
        z = first & 127 | (b & 127) << 7
        b = d[p + 1]
        if b < 128:
            z, p = z | b << 14, p + 2
        else:
            z |= (b & 127) << 14
            b = d[p + 2]
            if b < 128:
                z, p = z | b << 21, p + 3
            else:
                z |= (b & 127) << 21
                b = d[p + 3]
                if b < 128:
                    z, p = z | b << 28, p + 4
                else:
                    z |= (b & 127) << 28
                    b = d[p + 4]
                    if b < 128:
                        z, p = z | b << 35, p + 5
                    else:
                        z, p, b = _longest(d, p + 5, z | (b & 127) << 35)
    if b == 0:
        raise Malformed("a number is written with more bytes than it needs")
    return (z >> 1) ^ -(z & 1), p


def _longest(d: bytes, p: int, z: int) -> tuple[int, int, int]:
    shift = 42
    while True:
        b = d[p]
        p += 1
        z |= (b & 127) << shift
        if b < 128:
            break
        shift += 7
        if shift > 63:
            raise Malformed("a number has more than ten bytes")
    if z >= 2 * _LONG_MAX:
        raise Malformed("a number has more than 64 bits")
    return z, p, b


def long(value: int) -> bytes:
    """A whole number as Avro's zigzag varint; AssertionError beyond 64 bits."""
    z = (value << 1) ^ (value >> 63)
    if z < _TWO_BYTES:
        return SHORT[z]
    if z < 1 << 21:
        return bytes((z & 127 | 128, z >> 7 & 127 | 128, z >> 14))
    if 1 << 35 <= z < 1 << 42:
        # Milliseconds of these decades.
        return bytes(
            (
                z & 127 | 128,
                z >> 7 & 127 | 128,
                z >> 14 & 127 | 128,
                z >> 21 & 127 | 128,
                z >> 28 & 127 | 128,
                z >> 35,
            )
        )
    assert -_LONG_MAX <= value < _LONG_MAX, "a long has 64 bits"
    return _varint(z)


def _varint(z: int) -> bytes:
    out = bytearray()
    while z > 127:
        out.append(z & 127 | 128)
        z >>= 7
    out.append(z)
    return bytes(out)


def integer(value: int) -> bytes:
    """A number of 32 bits; AssertionError beyond them, as a reader would refuse it."""
    assert -_INT_MAX <= value < _INT_MAX, "an int has 32 bits"
    return long(value)


def text(value: str) -> bytes:
    """A string as Avro writes it: its length in bytes, then UTF-8."""
    encoded = value.encode()
    return long(len(encoded)) + encoded


_TWO_BYTES: Final = 1 << 14
SHORT: Final = [_varint(z) for z in range(_TWO_BYTES)]
"""Every number of one or two bytes, by its zigzag form."""

repeated_long = lru_cache(_CACHED_MAX)(long)

# Tenants, projects and cards repeat from event to event.
_remembered = lru_cache(_CACHED_MAX)(text)


def repeated_text(value: str) -> bytes:
    """The same, remembered unless it is long: a stranger's texts must not fill the memory."""
    return _remembered(value) if len(value) <= _CACHED_LENGTH_MAX else text(value)


class Kept:
    """Bytes kept by the identity of the object they stand for, which is kept as well."""

    def __init__(self, encode: Callable[[object], bytes]) -> None:
        self._encode = encode
        self._kept: dict[int, tuple[object, bytes]] = {}

    def bytes_of(self, value: object) -> bytes:
        """The object's bytes, made anew only for another object."""
        kept = self._kept.get(id(value))
        if kept is not None and kept[0] is value:
            return kept[1]
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        made = self._encode(value)
        self._kept[id(value)] = (value, made)
        return made


def cut_short(error: Exception) -> Malformed:
    """The value ended in the middle, or text in it is not UTF-8, or a boolean is neither."""
    if isinstance(error, UnicodeDecodeError):
        return Malformed("a text is not UTF-8")
    return Malformed("the value ends too early, or a boolean is neither 0 nor 1")


def left_over(d: bytes, p: int) -> Malformed:
    """Bytes follow the value."""
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


def wrong_size(value: bytes) -> AssertionError:
    """A fixed has one size."""
    return AssertionError(f"a fixed of {len(value)} bytes")
