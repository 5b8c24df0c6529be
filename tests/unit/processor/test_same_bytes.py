"""The same records in the same batches give the same bytes; in others, the same wallet events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import repeat
from random import Random
from typing import Any, Final, cast

import pytest
from confluent_kafka import Message

from consumers.processor.inputs import INPUT_TOPICS
from consumers.processor.step import PartitionProcessor
from eventlog.logic import Claim
from eventlog.records import InputRecord, LibraryHeaders, Output
from eventlog.settings import GENERATION
from ledger import commands as ask
from ledger.batch import Rules, Unreadable
from ledger.events import WalletEvent
from ledger.usage import CallUsage, ChatUsage, CrawlUsage
from schemas import codec
from tests.simulator import LOG_APPEND_TIME, NAMES, WALLET_EVENTS
from tests.unit.ledger.sender import APPROVAL_MICROS, Sender
from tests.unit.ledger.traffic import PROJECTS, TENANTS, Traffic
from tests.unit.ledger.world import Arrived, in_batches

RULES: Final = Rules(approval_above_micros=APPROVAL_MICROS, outputs_max=60)
CODECS: Final[dict[type, tuple[str, Any]]] = {
    CallUsage: ("usage.calls", codec.calls),
    CrawlUsage: ("usage.crawls", codec.crawls),
    ChatUsage: ("usage.chat", codec.chat),
}


class Run:
    """One processor, fed with records; what it wrote, in order."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        topic_ids: dict[str, str] = dict.fromkeys(INPUT_TOPICS, "recorded")
        claim = Claim(0, 1, topic_ids, NAMES, self._read_back)
        self._processor = PartitionProcessor(claim, RULES, "test")

    @property
    def wallet_events(self) -> list[bytes]:
        """The values of wallets' events; footers and cards count the partition's own batches."""
        return [
            output.value
            for output in self.outputs
            if output.topic == WALLET_EVENTS
            and isinstance(codec.wallet_events.decode(output.value)[0], WalletEvent)
        ]

    def take(self, records: Sequence[InputRecord], usage_read_to_ms: int) -> None:
        """Step until all are decided and nothing is left over."""
        left = list(records)
        while left or self._processor.pending:
            inputs = [] if self._processor.pending else left
            result = self._processor.step(inputs, usage_read_to_ms)
            assert result is not None
            self.outputs += result.outputs
            result.merge()
            del left[: result.consumed]

    def _read_back(self, offset: int) -> Iterator[InputRecord]:
        events = [output for output in self.outputs if output.topic == WALLET_EVENTS]
        for at in range(offset, len(events)):
            yield cast(InputRecord, Message(offset=at, value=events[at].value))


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    random, traffic = Random(5), Traffic()
    for tenant_id in TENANTS:
        traffic.open_project(tenant_id, PROJECTS[0], 1)
    sender = Sender(random, traffic, is_long=True)
    while len(traffic.arrived) < 4_000:
        sender.send()
    return traffic


def recorded(arrived: Sequence[Arrived]) -> dict[str, InputRecord]:
    """What arrived, as records of its topics, by the name of the input."""
    offsets = defaultdict[str, int](int)
    records: dict[str, InputRecord] = {}
    for item, _ in arrived:
        value = item.value
        headers = [("correlation_id", item.event_id_stem.encode()), ("instance_id", b"me")]
        if isinstance(value, Unreadable):
            topic, written, key = "usage.calls", b"no value", "ann"
        elif isinstance(value, ask.Command):
            topic, written, key = "wallet.commands", codec.asked.encode(value), value.tenant_id
            for name, at_ms in (("asked_at", item.asked_at_ms), ("not_after", item.not_after_ms)):
                headers += [] if at_ms is None else [(name, str(at_ms).encode())]
        else:
            topic, own = CODECS[type(value)]
            written, key = own.encode(value), value.tenant_id
        message = Message(
            topic=f"{GENERATION}.{topic}",
            partition=0,
            offset=offsets[topic],
            key=key.encode() or None,
            value=written,
            headers=cast(LibraryHeaders, headers),
            timestamp=(LOG_APPEND_TIME, item.appended_at_ms),
        )
        records[item.event_id_stem] = cast(InputRecord, message)
        offsets[topic] += 1
    return records


def run(traffic: Traffic, sizes: Iterator[int]) -> Run:
    records, running = recorded(traffic.arrived), Run()
    for batch in in_batches(traffic.arrived, sizes):
        inputs = [records[one.item.event_id_stem] for one in batch]
        running.take(inputs, batch[0].usage_read_to_ms)
    return running


def sizes_of(seed: int) -> Iterator[int]:
    random = Random(seed)
    while True:
        yield random.randint(1, 40)


def test_the_same_batches_give_the_same_bytes(traffic: Traffic) -> None:
    first, second = run(traffic, sizes_of(1)), run(traffic, sizes_of(1))
    assert first.outputs == second.outputs
    assert {output.topic for output in first.outputs} == {
        "wallet.events",
        "wallet.replies",
        "ledger.dlq",
    }


@pytest.mark.parametrize("sizes", [repeat(1), repeat(500), sizes_of(2)], ids=["1", "500", "mixed"])
def test_other_batches_give_the_same_wallet_events(traffic: Traffic, sizes: Iterator[int]) -> None:
    assert run(traffic, sizes).wallet_events == run(traffic, sizes_of(1)).wallet_events
