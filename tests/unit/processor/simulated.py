"""A partition's topics without a broker: records go in, records come out, offsets are counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from consumers.processor.inputs import INPUT_TOPICS
from consumers.processor.step import EVENTS, PartitionProcessor
from eventlog.logic import Claim
from eventlog.partitioner import partition_of
from eventlog.records import Headers, InputRecord, Output
from ledger.batch import Rules
from ledger.commands import Command, OpenProject, SettleTopUp, Tick
from ledger.events import BatchCommitted, Event
from ledger.usage import CallUsage
from schemas import codec
from tests import usage

PARTITIONS = 4
PARTITION = 2
BEGAN_MS = 1_790_000_000_000
LOGICAL = {f"g1.{name}": name for name in (*INPUT_TOPICS, EVENTS)}
TOPIC_IDS = {name: f"id of {name}" for name in LOGICAL.values()}
OWN, OTHER = (
    next(t for t in map("tenant-{}".format, range(99)) if (partition_of(t.encode(), 4) == 2) is own)
    for own in (True, False)
)


@dataclass(frozen=True)
class Record:
    """A record as a consumer would hand it over."""

    of_topic: str
    at: int
    of_key: bytes | None
    of_value: bytes | None
    appended_at_ms: int
    with_headers: Headers = field(default_factory=list[tuple[str, bytes]])

    def topic(self) -> str:
        return self.of_topic

    def partition(self) -> int:
        return PARTITION

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.of_key

    def value(self) -> bytes | None:
        return self.of_value

    def headers(self) -> Headers | None:
        return self.with_headers or None

    def timestamp(self) -> tuple[int, int]:
        return (2, self.appended_at_ms)


class Unspeakable(Record):
    """A record with a header name that is not UTF-8, as the client library hands it over."""

    def headers(self) -> Headers | None:
        assert "asked" not in vars(self), "a second time crashes the process"
        vars(self)["asked"] = True
        raise UnicodeDecodeError("utf-8", b"caf\xe9", 3, 4, "unexpected end of data")


class Inputs:
    """Makes the records of the input topics, one after the other, a second apart."""

    def __init__(self) -> None:
        self.now_ms = BEGAN_MS
        self._next = dict.fromkeys(LOGICAL.values(), 0)

    def record(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> Record:
        at = self._next[topic]
        self._next[topic] += 1
        self.now_ms += 1_000
        return Record(f"g1.{topic}", at, key, value, self.now_ms, headers or [])

    def command(self, command: Command, headers: Headers | None = None) -> Record:
        key = command.tenant_id.encode() or None
        return self.record("wallet.commands", key, codec.asked.encode(command), headers)

    def tick(self) -> Record:
        tick = Tick(command_id=f"tick-{self.now_ms}", tenant_id="", actor="service:ticker")
        return self.command(tick)

    def call(self, event_id: str, hold_id: str | None = None, tenant_id: str = OWN) -> Record:
        return self.record(
            "usage.calls",
            tenant_id.encode(),
            codec.calls.encode(call(event_id, tenant_id, hold_id)),
        )

    def funded(self) -> list[Record]:
        """A live project and $20.00."""
        opened = OpenProject(
            command_id="open",
            tenant_id=OWN,
            actor="operator:ann",
            reason="moved",
            project_id="p",
            live_from_ms=0,
        )
        paid = SettleTopUp(
            command_id="pay",
            tenant_id=OWN,
            actor="payments",
            payment_id="pi_1",
            amount_micros=20_000_000,
        )
        return [self.command(opened), self.command(paid)]


def call(event_id: str, tenant_id: str = OWN, hold_id: str | None = None) -> CallUsage:
    """A call that reached its goal: $0.90."""
    return usage.call(event_id, tenant_id, BEGAN_MS, project_id="p", hold_id=hold_id)


def new_processor(rules: Rules | None = None, partitions: int = PARTITIONS) -> PartitionProcessor:
    claim = Claim(PARTITION, partitions, TOPIC_IDS, LOGICAL, lambda _: iter(()))
    return PartitionProcessor(claim, rules or Rules(), "0.1.0")


def commit(
    processor: PartitionProcessor, inputs: Sequence[InputRecord], usage_read_to_ms: int = 0
) -> list[Output]:
    """Step until all inputs are decided and nothing is pending; what was written."""
    written: list[Output] = []
    left = list(inputs)
    while left or processor.pending:
        result = processor.step([] if processor.pending else left, usage_read_to_ms)
        assert result is not None
        written += result.outputs
        del left[: result.consumed]
        result.merge()
    return written


def log_of(written: Sequence[Output]) -> Iterator[Record]:
    """The event partition that those outputs would make."""
    values = [output for output in written if output.topic == EVENTS]
    return (
        Record(f"g1.{EVENTS}", at, output.key, output.value, BEGAN_MS)
        for at, output in enumerate(values)
    )


def events_of(written: Sequence[Output]) -> list[Event]:
    return [
        codec.wallet_events.decode(output.value)[0] for output in written if output.topic == EVENTS
    ]


def footers_of(written: Sequence[Output]) -> list[BatchCommitted]:
    return [event for event in events_of(written) if isinstance(event, BatchCommitted)]


def wallet_values(written: Sequence[Output]) -> list[bytes]:
    """What must not depend on how inputs were cut into batches."""
    return [output.value for output in written if output.topic == EVENTS and output.key]
