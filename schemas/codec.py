"""Between the bytes of each topic and the core's types.

A value is in the registries' wire format: a zero byte, the schema's id in four bytes, the Avro
payload. Values are written with the newest version of their schema and read with any.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from ledger import commands, events, rates, refusals, usage
from ledger.errors import UnreadableInput
from schemas.catalogue import latest, versions
from schemas.compiler import Decoder, Encoder, compile_decoder, compile_encoder
from schemas.layout import Node
from schemas.native import Limits, Run, hash_of, quick_decoder, quick_encoder, quick_run
from schemas.primitives import Malformed

T = TypeVar("T")
U = TypeVar("U")

PREFIX_SIZE: Final = 5
CONTENT_HASH_SIZE: Final = 16
EVENT_ATTRIBUTES: Final = {"tenant_id": "originator_id", "sequence": "originator_version"}


class Header(msgspec.Struct, frozen=True):
    """A header of a Kafka record."""

    name: str
    value: bytes | None


class DeadLetter(msgspec.Struct, frozen=True):
    """A value of `ledger.dlq`: an input set aside, byte for byte."""

    source_topic: str
    source_partition: int
    source_offset: int
    source_appended_at_ms: int
    code: str
    message: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


class ResolutionKind(usage.Word):
    """What an operator did with a dead letter."""

    RESENT = "RESENT"
    DROPPED = "DROPPED"


class Resolution(msgspec.Struct, frozen=True):
    """A value of `ledger.resolutions`: what was done with the dead letter that stands there.

    The input's own position tells it apart from a letter of another `ledger.dlq`, made anew.
    """

    letter_partition: int
    letter_offset: int
    source_topic: str
    source_partition: int
    source_offset: int
    kind: ResolutionKind
    target_partition: int | None
    is_again: bool
    actor: str
    reason: str


def _types(*modules: object) -> Mapping[str, type]:
    """The types of the core by name, which is also their Avro name."""
    found = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
    }
    own = (Header, DeadLetter, Resolution, ResolutionKind)
    return found | {cls.__name__: cls for cls in own}


TYPES: Final = _types(commands, events, rates, refusals, usage)
"""The core's type for each record and enum of the schemas."""


class UnknownSchema(UnreadableInput):
    """The value names a schema that this program does not know for its topic."""

    def __init__(self, schema_id: int, topic: str) -> None:
        super().__init__(
            "unknown_schema",
            f"schema id {schema_id} is not one of {topic}'s;"
            " if it is newer than this program, upgrade and resend",
        )


class TopicCodec(Generic[T]):
    """Reads every version of a topic's values, and writes the newest."""

    def __init__(self, topic: str, renamed: Mapping[str, str] | None = None) -> None:
        self._topic = topic
        newest = latest(topic)
        self.encode: Callable[[T], bytes] = _encoder(
            newest.parsed, prefix_of(newest.schema_id), renamed
        )
        """From a value to its bytes as they stand on the topic."""
        self._decoders = _decoders(topic, renamed, None)

    def decode(self, value: bytes) -> T:
        """The object a value stands for; raises `Malformed` or `UnknownSchema`."""
        decoded: T = self.decoder(value)(value, PREFIX_SIZE)
        return decoded

    def decoder(self, value: bytes) -> Callable[[bytes, int], T]:
        """What reads this value, and others of its prefix, from the index their payload starts at.

        Raises `Malformed` or `UnknownSchema`.
        """
        return self._decoders.get(value[:PREFIX_SIZE]) or _refuseprefix_of(value, self._topic)


class InputCodec(TopicCodec[T]):
    """Tells besides by which bytes a value is the same as another of its id, or contradicts it."""

    def __init__(self, topic: str, limits: Limits | None = None) -> None:
        super().__init__(topic)
        self._limits = limits
        *older, _ = versions(topic)
        self._older = {
            prefix_of(schema.schema_id): _encoder(schema.parsed, prefix_of(schema.schema_id), None)
            for schema in older
        }
        self._first = prefix_of(versions(topic)[0].schema_id)

    def run(self, source: tuple[str, str], own_keys: dict[str, bytes], made: type[U]) -> Run[U]:
        """What reads many records at once, of the first version: its payload is its content.

        See `quick_run`.
        """
        schema = versions(self._topic)[0].parsed
        run = quick_run(schema, TYPES, self._first, self._limits, source, own_keys, made)
        return run or _take_none

    def content_of(self, value: bytes, decoded: object) -> bytes:
        """The payload that stands for its content: the oldest version's that says all of it.

        `decoded` is what the value was read as.
        So a field at its default counts as absent, whichever versions a sender writes it with.
        """
        for prefix, encode in self._older.items():
            if value[:PREFIX_SIZE] == prefix:
                break
            older = encode(decoded)
            if self.decode(older) == decoded:
                return older[PREFIX_SIZE:]
        return value[PREFIX_SIZE:]


class EncodeEvent(Protocol):
    """From an event and the hash of the value before it to bytes."""

    def __call__(self, event: events.Event, prev: bytes, /) -> bytes: ...


class EventCodec:
    """Reads and writes `wallet.events`: an event and `prev`, the hash of the value before it."""

    TOPIC: Final = "wallet.events"

    def __init__(self) -> None:
        newest = latest(self.TOPIC)
        self.encode: EncodeEvent = _encoder(
            newest.parsed,
            prefix_of(newest.schema_id),
            EVENT_ATTRIBUTES,
            beside="prev",
        )
        self._decoders = _decoders(self.TOPIC, EVENT_ATTRIBUTES, "prev")

    def decode(self, value: bytes) -> tuple[events.Event, bytes]:
        """The event and its `prev`; raises `Malformed` or `UnknownSchema`."""
        decoder = self._decoders.get(value[:PREFIX_SIZE]) or _refuseprefix_of(value, self.TOPIC)
        decoded: tuple[events.Event, bytes] = decoder(value, PREFIX_SIZE)
        return decoded


def payload_of(value: bytes) -> bytes:
    """The value without its schema's id."""
    return value[PREFIX_SIZE:]


def content_hash(payload: bytes) -> bytes:
    """What tells two inputs of the same id apart: every field of the value, not its schema's id.

    Of usage that is not of its schema's first version the payload is that of `content_of`.
    """
    return hash_of(payload)[:CONTENT_HASH_SIZE]


def _take_none(_records: Sequence[Any], _inputs: list[Any]) -> None:
    """Where nothing is read at once."""


def prefix_of(schema_id: int) -> bytes:
    """How a value of that schema begins."""
    return b"\0" + schema_id.to_bytes(PREFIX_SIZE - 1, "big")


def _decoders(
    topic: str, renamed: Mapping[str, str] | None, beside: str | None
) -> Mapping[bytes, Decoder]:
    return {
        prefix_of(schema.schema_id): _decoder(schema.parsed, renamed, beside)
        for schema in versions(topic)
    }


def _decoder(schema: Node, renamed: Mapping[str, str] | None, beside: str | None) -> Decoder:
    generated = compile_decoder(schema, TYPES, renamed, beside)
    return quick_decoder(generated, schema, TYPES, renamed, beside)


def _encoder(
    schema: Node,
    prefix: bytes,
    renamed: Mapping[str, str] | None,
    beside: str | None = None,
) -> Encoder:
    generated = compile_encoder(schema, TYPES, prefix, renamed, beside)
    return quick_encoder(generated, schema, TYPES, prefix, renamed, beside)


def _refuseprefix_of(value: bytes, topic: str) -> Any:
    if len(value) < PREFIX_SIZE or value[0] != 0:
        raise Malformed("the value does not begin with a zero byte and a four-byte schema id")
    raise UnknownSchema(int.from_bytes(value[1:PREFIX_SIZE], "big"), topic)


UsageCodec = (
    InputCodec[usage.CallUsage] | InputCodec[usage.CrawlUsage] | InputCodec[usage.ChatUsage]
)

calls: Final = InputCodec[usage.CallUsage]("usage.calls", usage.PLAIN_CALL)
crawls: Final = InputCodec[usage.CrawlUsage]("usage.crawls")
chat: Final = InputCodec[usage.ChatUsage]("usage.chat")
asked: Final = TopicCodec[commands.Command]("wallet.commands")
replies: Final = TopicCodec[commands.Reply]("wallet.replies")
rate_cards: Final = TopicCodec[rates.PublishedCard]("rate.cards")
dead_letters: Final = TopicCodec[DeadLetter]("ledger.dlq")
resolutions: Final = TopicCodec[Resolution]("ledger.resolutions")
wallet_events: Final = EventCodec()
