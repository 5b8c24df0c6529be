"""The whole ledger without a broker: topics in memory around the processor's own step.

Transactions take an offset for their marker, as on a broker; records are the client library's type.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

from confluent_kafka import Message

from consumers.processor.inputs import INPUT_TOPICS, USAGE, WALLET_COMMANDS
from consumers.processor.step import PartitionProcessor
from eventlog.logic import Claim
from eventlog.partitioner import partition_of
from eventlog.records import Headers, InputRecord
from eventlog.settings import GENERATION
from ledger.batch import Rules
from ledger.commands import Tick
from ledger.partition import PartitionState
from schemas import codec

LOG_APPEND_TIME: Final = 2
WALLET_EVENTS: Final = "wallet.events"
LEDGER_DLQ: Final = "ledger.dlq"
NAMES: Final = {f"{GENERATION}.{topic}": topic for topic in INPUT_TOPICS}


class Simulator:
    """Topics, and one processor for each partition. Time stands still but for `advance`."""

    def __init__(self, start_ms: int, partitions: int = 4, rules: Rules | None = None) -> None:
        self.now_ms = start_ms
        self.partitions = partitions
        self.records: dict[tuple[str, int], list[Message]] = defaultdict(list)
        self._next_offset: dict[tuple[str, int], int] = defaultdict(int)
        self._rules = rules or Rules()
        self._processors = [self._processor(number) for number in range(partitions)]
        self._decided: dict[tuple[str, int], int] = defaultdict(int)

    def state(self, partition: int) -> PartitionState:
        """What a partition's processor knows."""
        return self._processors[partition].state

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now_ms += milliseconds

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Append a record to the partition its key belongs to."""
        self._append(topic, partition_of(key or b"", self.partitions), key, value, list(headers))

    def tick(self) -> None:
        """One to every partition, decided at once."""
        for number in range(self.partitions):
            tick = Tick(command_id=f"tick-{self.now_ms}", tenant_id="", actor="service:ticker")
            self._append(WALLET_COMMANDS, number, None, codec.asked.encode(tick), [])
        self.decide()

    def decide(self, batch: int = 500) -> None:
        """Decide all that is waiting, commands first."""
        for number, processor in enumerate(self._processors):
            for topic in (WALLET_COMMANDS, *USAGE):
                self._drain(processor, number, topic, batch)

    def topic(self, topic: str) -> Iterator[Message]:
        """A topic's records, partition by partition."""
        for number in range(self.partitions):
            yield from self.records[topic, number]

    def log(self) -> Iterator[tuple[int, int, bytes]]:
        """Partition, offset and value of the log of record."""
        for message in self.topic(WALLET_EVENTS):
            yield message.partition() or 0, message.offset() or 0, bytes(message.value() or b"")

    def _processor(self, partition: int) -> PartitionProcessor:
        topic_ids: dict[str, str] = dict.fromkeys(INPUT_TOPICS, "simulated")
        log = self.records[WALLET_EVENTS, partition]

        def read_back(offset: int) -> Iterator[InputRecord]:
            return (
                cast(InputRecord, message) for message in log if (message.offset() or 0) >= offset
            )

        claim = Claim(partition, self.partitions, topic_ids, NAMES, read_back)
        return PartitionProcessor(claim, self._rules, "simulator")

    def _drain(self, processor: PartitionProcessor, number: int, topic: str, batch: int) -> None:
        place = topic, number
        while processor.pending or self._decided[place] < len(self.records[place]):
            start = self._decided[place]
            inputs = cast(Sequence[InputRecord], self.records[place][start : start + batch])
            usage_read_to_ms = self.now_ms if self._has_read_usage(number) else 0
            result = processor.step(inputs, usage_read_to_ms)
            assert result is not None, "there was something to decide"
            for output in result.outputs:
                self._append(output.topic, number, output.key, output.value, output.headers)
            for name in {output.topic for output in result.outputs}:
                self._next_offset[name, number] += 1
            result.merge()
            self._decided[place] += result.consumed

    def _has_read_usage(self, number: int) -> bool:
        return all(
            self._decided[topic, number] == len(self.records[topic, number]) for topic in USAGE
        )

    def _append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers
    ) -> None:
        place = topic, partition
        self.records[place].append(
            Message(
                topic=f"{GENERATION}.{topic}",
                partition=partition,
                offset=self._next_offset[place],
                key=key,
                value=value,
                headers=list(headers),
                timestamp=(LOG_APPEND_TIME, self.now_ms),
            )
        )
        self._next_offset[place] += 1
