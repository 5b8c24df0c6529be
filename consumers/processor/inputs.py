"""From records to inputs: what cannot be read or stands in the wrong place is set aside."""

from collections.abc import Mapping, Sequence
from typing import Final

from eventlog.logic import Claim
from eventlog.partitioner import partition_of
from eventlog.records import Headers, InputRecord, source_of
from eventlog.settings import GENERATION
from ledger.batch import Input, SetAside, Unreadable
from ledger.commands import Command, PartitionCommand
from ledger.errors import UnreadableInput
from ledger.usage import TIME_MS_MAX, is_id
from schemas import codec
from schemas.codec import PREFIX_SIZE
from schemas.primitives import Malformed

WALLET_COMMANDS: Final = "wallet.commands"
USAGE: Final[Mapping[str, codec.UsageCodec]] = {
    "usage.calls": codec.calls,
    "usage.crawls": codec.crawls,
    "usage.chat": codec.chat,
}
INPUT_TOPICS: Final = (*USAGE, WALLET_COMMANDS)

CORRELATION_ID: Final = "correlation_id"
INSTANCE_ID: Final = "instance_id"
ASKED_AT: Final = "asked_at"
NOT_AFTER: Final = "not_after"
REPLY_HEADERS: Final = (CORRELATION_ID, INSTANCE_ID)
REPLY_HEADER_BYTES_MAX: Final = 256
_TIME_DIGITS_MAX: Final = 15


class Reader:
    """Reads the records of one partition's input topics."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._logical = claim.logical
        self._own_tenants: dict[str, bytes] = {}
        self._without_headers: set[tuple[str, int]] = set()
        self._stems = {
            topic: f"{GENERATION}.{logical}:{claim.partition}:"
            for topic, logical in claim.logical.items()
        }
        self._runs = {
            topic: USAGE[logical].run((topic, self._stems[topic]), self._own_tenants, Input)
            for topic, logical in claim.logical.items()
            if logical in USAGE
        }

    def read(self, records: Sequence[InputRecord]) -> list[Input]:
        """The inputs that records hold; `Unreadable` is the value of one that holds none."""
        inputs: list[Input] = []
        while len(inputs) < len(records):
            read_run = self._runs.get(records[len(inputs)].topic())
            if read_run is not None:
                # Most records are read at once; what is left is the first that is not as most are.
                read_run(records, inputs)
            if len(inputs) < len(records):
                inputs.append(self._read(records[len(inputs)]))
        return inputs

    def _read(self, record: InputRecord) -> Input:
        topic = record.topic()
        event_id_stem = f"{self._stems[topic]}{record.offset()}"
        appended_at_ms = record.timestamp()[1]
        value = record.value()
        try:
            if value is None:
                raise Malformed("the record has no value")
            usage_codec = USAGE.get(self._logical[topic])
            if usage_codec is None:
                asked = self._command(record, value)
                content_hash = codec.content_hash(value[PREFIX_SIZE:])
                return Input(event_id_stem, appended_at_ms, content_hash, *asked)
            usage = usage_codec.decode(value)
            content_hash = codec.content_hash(usage_codec.content_of(value, usage))
            if record.key() != self._own_tenants.get(usage.tenant_id):
                self._check_place(record.key(), usage.tenant_id)
            return Input(event_id_stem, appended_at_ms, content_hash, usage)
        except UnreadableInput as error:
            return Input(event_id_stem, appended_at_ms, b"", Unreadable(error.code, str(error)))

    def _command(self, record: InputRecord, value: bytes) -> tuple[Command, int | None, int | None]:
        """The command, when it was asked, and after which time it shall not be decided."""
        command = codec.asked.decode(value)
        is_placed = not isinstance(command, PartitionCommand)
        if is_placed and record.key() != self._own_tenants.get(command.tenant_id):
            self._check_place(record.key(), command.tenant_id)
        headers = self._command_headers(record)
        return command, _time(headers, ASKED_AT), _time(headers, NOT_AFTER)

    def _command_headers(self, record: InputRecord) -> dict[str, bytes]:
        headers = self.headers(record)
        if headers is None:
            raise Malformed("the name of a header is not UTF-8")
        named = dict(headers)
        if any(len(named.get(name) or b"") > REPLY_HEADER_BYTES_MAX for name in REPLY_HEADERS):
            raise Malformed(f"a header for the reply has more than {REPLY_HEADER_BYTES_MAX} bytes")
        return named

    def _check_place(self, key: bytes | None, tenant_id: str) -> None:
        """A tenant's records are keyed by it and stand on its own partition."""
        expected_key = tenant_id.encode()
        if key != expected_key:
            raise UnreadableInput(
                "wrong_key",
                f"the record's key is {key!r:.99}, its value is for tenant {tenant_id!r:.99}",
            )
        partition = partition_of(expected_key, self._claim.partitions)
        if partition != self._claim.partition:
            raise UnreadableInput(
                "wrong_partition",
                f"tenant {tenant_id!r:.99} lives on partition {partition}: the sender does"
                " not use the partitioner murmur2_random",
            )
        if is_id(tenant_id):
            self._own_tenants[tenant_id] = expected_key

    def headers(self, record: InputRecord) -> Headers | None:
        """A record's headers; None where a name is not UTF-8, which no broker checks.

        The client library raises for such a record once, and when asked again hands out what must
        not be touched: so it is not asked again.
        """
        place = (record.topic(), record.offset())
        if place in self._without_headers:
            return None
        try:
            return record.headers() or []
        except (UnicodeError, SystemError):
            self._without_headers.add(place)
            return None

    def source(self, record: InputRecord) -> str:
        """Who sent it, as it says itself."""
        return source_of(self.headers(record) or [])

    def reply_headers(self, record: InputRecord) -> Headers:
        """The headers by which an asker finds the answer; empty if none is wanted."""
        return [
            (name, value) for name, value in self.headers(record) or [] if name in REPLY_HEADERS
        ]

    def dead_letter(self, record: InputRecord, why: SetAside) -> bytes:
        """The value of `ledger.dlq` that keeps a record: key, value and headers as they were."""
        headers = self.headers(record)
        message = why.message
        if headers is None:
            message += "; its headers cannot be read and are left out"
        return codec.dead_letters.encode(_dead_letter(self._claim, record, why, message, headers))


def _dead_letter(
    claim: Claim, record: InputRecord, why: SetAside, message: str, headers: Headers | None
) -> codec.DeadLetter:
    return codec.DeadLetter(
        source_topic=claim.logical[record.topic()],
        source_partition=record.partition(),
        source_offset=record.offset(),
        source_appended_at_ms=record.timestamp()[1],
        code=why.code,
        message=message,
        key=record.key(),
        value=record.value(),
        headers=tuple(codec.Header(name, value) for name, value in headers or []),
    )


def _time(headers: dict[str, bytes], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isdigit() and len(text) <= _TIME_DIGITS_MAX and int(text) <= TIME_MS_MAX):
        raise Malformed(f"header {name} must be UTC milliseconds in decimal, before the year 10000")
    return int(text)
