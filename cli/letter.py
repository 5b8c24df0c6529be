"""One dead letter, whole: for people a page that no bytes of a stranger's can spoil, and JSON."""

from collections.abc import Iterator, Sequence
from typing import Final

from cli.dead_letters import Letter, Resolved
from cli.resolving import CannotResend, target_of
from cli.show import shown, shown_time
from ledger.usage import TIME_MS_MAX
from schemas.partial import Field, Partial, read_as_far

BYTES_SHOWN: Final = 512
BYTES_IN_LINE: Final = 16
FIELDS_SHOWN: Final = 200
LABEL_WIDTH: Final = 12
NO_VALUE: Final = Partial(None, None, (), 0, "the record has no value")


def described(letter: Letter, done: Sequence[Resolved], partitions: int) -> dict[str, object]:
    """For programs: every byte, in hexadecimal where it may not be text."""
    source, read = letter.input, _read(letter)
    return {
        "position": str(letter.position),
        "set_aside_at_ms": letter.set_aside_at_ms,
        "source": letter.source,
        "source_topic": source.source_topic,
        "source_partition": source.source_partition,
        "source_offset": source.source_offset,
        "source_appended_at_ms": source.source_appended_at_ms,
        "code": source.code,
        "message": source.message,
        "key": named(source.key),
        "key_hex": _hex(source.key),
        "headers": [
            {"name": header.name, "value": named(header.value), "value_hex": _hex(header.value)}
            for header in source.headers
        ],
        "schema_id": read.schema_id,
        "schema": _schema(read),
        "fields": {field.path: _plain(field) for field in read.fields},
        "fault": read.fault,
        "stopped_at": read.stopped_at,
        "value_hex": _hex(source.value),
        "cannot_resend": _why_not_resent(letter, partitions),
        "resolutions": [
            {
                "at_ms": one.at_ms,
                "kind": one.done.kind,
                "target_partition": one.done.target_partition,
                "is_again": one.done.is_again,
                "actor": one.done.actor,
                "reason": one.done.reason,
            }
            for one in done
        ],
    }


def sentences(letter: Letter, done: Sequence[Resolved], partitions: int) -> Iterator[str]:
    """For people, line by line."""
    source, read = letter.input, _read(letter)
    yield _line(
        "Dead letter", f"{letter.position}, set aside {shown_time(letter.set_aside_at_ms)} UTC"
    )
    yield _line("Reason", f"{source.code}: {source.message}")
    yield _line("Source", letter.source)
    appended = shown_time(source.source_appended_at_ms)
    place = f"{source.source_topic}/{source.source_partition} @ {source.source_offset}"
    yield _line("Stood on", f"{place}, appended {appended} UTC")
    yield _line("Key", named(source.key))
    for header in source.headers:
        yield _line("Header", f"{header.name} = {named(header.value)}")
    yield _line("Schema", _schema(read))
    yield from _value(source.value or b"", read)
    for one in done:
        yield _line(shown("kind", one.done.kind).capitalize(), _said(one))
    if not done:
        why = _why_not_resent(letter, partitions)
        yield _line("Resend", "it can be" if why is None else f"no: {why}")


def named(text: bytes | None) -> str | None:
    """Bytes that are meant to be text; in hexadecimal if they are not."""
    if text is None:
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        return f"0x{text.hex()}"


def hex_lines(value: bytes, begin: int) -> Iterator[str]:
    """The bytes from an index on, sixteen a line, with what is ASCII beside them."""
    end = min(len(value), begin + BYTES_SHOWN)
    for at in range(begin, end, BYTES_IN_LINE):
        part = value[at : min(end, at + BYTES_IN_LINE)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"  {at:6}  {part.hex(' '):<{3 * BYTES_IN_LINE}} {text}"
    if end < len(value):
        yield f"          and {len(value) - end:,} bytes more: --json has all"


def _value(value: bytes, read: Partial) -> Iterator[str]:
    if read.fields:
        yield ""
        width = max(len(field.path) for field in read.fields[:FIELDS_SHOWN])
        for field in read.fields[:FIELDS_SHOWN]:
            yield f"  {field.path:<{width}}  {_shown(field)}"
        if len(read.fields) > FIELDS_SHOWN:
            yield f"  and {len(read.fields) - FIELDS_SHOWN:,} fields more: --json has all"
        yield ""
    if read.fault is not None:
        where = f"not from byte {read.stopped_at} of {len(value)} on: {read.fault}"
        yield _line("Readable", where)
        yield from hex_lines(value, read.stopped_at)


def _line(label: str, text: object) -> str:
    return f"{label:<{LABEL_WIDTH}} {shown('text', text)}"


def _said(one: Resolved) -> str:
    done = one.done
    where = "" if done.target_partition is None else f" to partition {done.target_partition}"
    again = " once more" if done.is_again else ""
    return f"{shown_time(one.at_ms)} UTC{where}{again}, by {done.actor}: {done.reason}"


def _read(letter: Letter) -> Partial:
    value = letter.input.value
    return NO_VALUE if value is None else read_as_far(value)


def _schema(read: Partial) -> str | None:
    if read.schema is None:
        return None if read.schema_id is None else f"{read.schema_id}, unknown"
    return f"{read.schema_id}, {read.schema.topic} version {read.schema.version}"


def _why_not_resent(letter: Letter, partitions: int) -> str | None:
    try:
        target_of(letter, partitions, key_from_value=False)
    except CannotResend as why:
        return str(why)
    return None


def _shown(field: Field) -> str:
    value = _plain(field)
    if field.is_time and isinstance(value, int) and 0 <= value <= TIME_MS_MAX:
        return f"{shown_time(value)} UTC"
    return shown("text", value)


def _plain(field: Field) -> str | int | bool | None:
    return field.value.hex() if isinstance(field.value, bytes) else field.value


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
