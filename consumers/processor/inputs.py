"""From records to inputs: what cannot be read or stands in the wrong place is set aside."""

from typing import Final

from eventlog.logic import Claim
from eventlog.partitioner import partition_of
from eventlog.records import Headers, InputRecord
from eventlog.settings import GENERATION
from ledger.commands import Tick
from ledger.decide import Input, SetAside, Unreadable
from ledger.errors import UnreadableInput
from ledger.usage import TIME_MS_MAX
from schemas import codec
from schemas.primitives import Malformed

USAGE_CALLS: Final = "usage.calls"
WALLET_COMMANDS: Final = "wallet.commands"
INPUT_TOPICS: Final = (USAGE_CALLS, WALLET_COMMANDS)

CORRELATION_ID: Final = "correlation_id"
INSTANCE_ID: Final = "instance_id"
ASKED_AT: Final = "asked_at"
NOT_AFTER: Final = "not_after"
REPLY_HEADERS: Final = (CORRELATION_ID, INSTANCE_ID)
_TIME_DIGITS_MAX: Final = 15


class Reader:
    """Reads the records of one partition's input topics."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._own_tenants: dict[str, bytes] = {}
        self._stems = {
            topic: f"{GENERATION}.{logical}:{claim.partition}:"
            for topic, logical in claim.logical.items()
        }

    def read(self, record: InputRecord) -> Input:
        """The input a record holds; its value is `Unreadable` where it does not hold one."""
        topic = record.topic()
        stem = f"{self._stems[topic]}{record.offset()}"
        appended_at_ms = record.timestamp()[1]
        value = record.value()
        try:
            if value is None:
                raise Malformed("the record has no value")
            if self._claim.logical[topic] == USAGE_CALLS:
                usage = codec.calls.decode(value)
                self._check_place(record.key(), usage.tenant_id)
                return Input(stem, appended_at_ms, codec.content_hash(value), usage)
            return self._command(record, value, stem, appended_at_ms)
        except UnreadableInput as error:
            return Input(stem, appended_at_ms, b"", Unreadable(error.code, str(error)))

    def _command(self, record: InputRecord, value: bytes, stem: str, appended_at_ms: int) -> Input:
        command = codec.asked.decode(value)
        if not isinstance(command, Tick):
            self._check_place(record.key(), command.tenant_id)
        headers = dict(record.headers() or [])
        return Input(
            stem,
            appended_at_ms,
            codec.content_hash(value),
            command,
            _time(headers, ASKED_AT),
            _time(headers, NOT_AFTER),
        )

    def _check_place(self, key: bytes | None, tenant_id: str) -> None:
        """A tenant's records are keyed by it and stand on its own partition."""
        if key is not None and self._own_tenants.get(tenant_id) == key:
            return
        expected_key = tenant_id.encode()
        if key != expected_key:
            raise UnreadableInput(
                "wrong_key", f"the record's key is {key!r}, its value is for tenant {tenant_id!r}"
            )
        partition = partition_of(expected_key, self._claim.partitions)
        if partition != self._claim.partition:
            raise UnreadableInput(
                "wrong_partition",
                f"tenant {tenant_id!r} lives on partition {partition}; the sender's partitioner is"
                " not murmur2_random",
            )
        self._own_tenants[tenant_id] = expected_key


def reply_headers(record: InputRecord) -> Headers:
    """The headers by which an asker finds the answer; empty if none is wanted."""
    return [(name, value) for name, value in record.headers() or [] if name in REPLY_HEADERS]


def dead_letter(record: InputRecord, logical_topic: str, why: SetAside) -> bytes:
    """The value of `ledger.dlq` that keeps a record byte for byte."""
    return codec.dead_letters.encode(
        codec.DeadLetter(
            source_topic=logical_topic,
            source_partition=record.partition(),
            source_offset=record.offset(),
            source_appended_at_ms=record.timestamp()[1],
            code=why.code,
            message=why.message,
            key=record.key(),
            value=record.value(),
            headers=tuple(codec.Header(name, value) for name, value in record.headers() or []),
        )
    )


def _time(headers: dict[str, bytes], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isdigit() and len(text) <= _TIME_DIGITS_MAX and int(text) <= TIME_MS_MAX):
        raise Malformed(f"header {name} must be UTC milliseconds in decimal, before the year 10000")
    return int(text)
