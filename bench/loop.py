"""The processor's loop without a broker: bytes in, step, bytes out, and what each stage costs.

In CPU time, so that a busy neighbour on the machine changes little.

    python -m bench.loop [--events N] [--tenants N] [--batch N] [--profile] [--json FILE]
"""

import argparse
import cProfile
import gc
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, cast

from confluent_kafka import Message

from bench import workload
from bench.workload import Published
from consumers.processor.inputs import INPUT_TOPICS, Reader
from consumers.processor.run import YOUNG_OBJECTS_MAX
from consumers.processor.step import PartitionProcessor
from eventlog.logic import Claim
from eventlog.records import InputRecord
from ledger.batch import Rules
from ledger.decide import decide
from ledger.partition import PartitionState
from schemas import codec
from schemas.chain import Chains

LOGICAL: Final = {f"g1.{name}": name for name in INPUT_TOPICS}
CLAIM: Final = Claim(0, 4, dict.fromkeys(LOGICAL.values(), "bench"), LOGICAL, lambda _: iter(()))
LOG_TIME: Final = 2
RULES: Final = Rules()

Batch = Sequence[InputRecord]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--profile", action="store_true", help="show where the time of step goes")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args()
    now_ms = time.time_ns() // 1_000_000
    tenant_ids = workload.tenants(asked.tenants, CLAIM.partitions, CLAIM.partition)
    openings = _records("g1.wallet.commands", workload.openings(tenant_ids, now_ms), now_ms)
    calls = _records("g1.usage.calls", workload.calls(tenant_ids, asked.events, now_ms), now_ms)
    batches = list(_cut(calls, asked.batch))
    gc.set_threshold(YOUNG_OBJECTS_MAX)
    if asked.profile:
        return _profile(openings, batches)
    figures = {"step, all": _whole(openings, batches)} | _stages(openings, batches)
    for name, us in figures.items():
        print(f"{name:22} {us:6.2f} µs an event {1_000_000 / us:10,.0f} a second")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
    return None


def _records(topic: str, published: Iterable[Published], now_ms: int) -> Batch:
    """Records as the library hands them over: the very type, which the loop has to pay for."""
    return [
        cast(
            InputRecord,
            Message(
                topic=topic,
                partition=CLAIM.partition,
                offset=offset,
                key=record.key,
                value=record.value,
                timestamp=(LOG_TIME, now_ms),
            ),
        )
        for offset, record in enumerate(published)
    ]


def _cut(records: Batch, size: int) -> Iterable[Batch]:
    return (records[start : start + size] for start in range(0, len(records), size))


def _opened(openings: Batch) -> PartitionProcessor:
    """A processor that has decided the openings."""
    processor = PartitionProcessor(CLAIM, RULES, "bench")
    rest = openings
    while rest:
        result = processor.step(rest, 0)
        assert result is not None
        result.merge()
        rest = rest[result.consumed :]
    return processor


def _whole(openings: Batch, batches: Sequence[Batch]) -> float:
    """Microseconds an event for step and merge, as the driver calls them."""
    processor = _opened(openings)
    began_ns = time.process_time_ns()
    _drive(processor, batches)
    spent_ns = time.process_time_ns() - began_ns
    values = _last_values(openings, batches[0])
    bytes_out = sum(map(len, values)) / len(values)
    bytes_in = sum(len(record.value() or b"") for record in batches[0]) / len(batches[0])
    print(f"usage {bytes_in:.0f} bytes in, events {bytes_out:.0f} bytes out, the mean of a batch")
    return spent_ns / 1_000 / sum(map(len, batches))


def _drive(processor: PartitionProcessor, batches: Iterable[Batch]) -> None:
    for batch in batches:
        result = processor.step(batch, 0)
        assert result is not None, "a batch is never empty"
        assert result.consumed == len(batch), "a batch fits"
        result.merge()


def _last_values(openings: Batch, batch: Batch) -> list[bytes]:
    result = _opened(openings).step(batch, 0)
    assert result is not None
    return [output.value for output in result.outputs[:-1]]


def _stages(openings: Batch, batches: Sequence[Batch]) -> dict[str, float]:
    """Each stage by itself, over the same batches; what step adds to their sum is its own."""
    spent_ns = dict.fromkeys(
        ("decode", "content hash", "read: both and checks", "decide", "merge", "encode and chain"),
        0,
    )
    reader = Reader(CLAIM)
    state, chains = PartitionState("bench"), Chains("bench")
    opening = decide(state, reader.read(openings), 0, 0, Rules(10**12))
    opening.overlay.merge()
    for batch in batches:
        values = [record.value() or b"" for record in batch]
        marks = [time.process_time_ns()]
        for value in values:
            codec.calls.decode(value)
        marks.append(time.process_time_ns())
        for value in values:
            codec.content_hash(codec.payload_of(value))
        marks.append(time.process_time_ns())
        inputs = reader.read(batch)
        marks.append(time.process_time_ns())
        decision = decide(state, inputs, state.now_ms, 0, RULES)
        marks.append(time.process_time_ns())
        decision.overlay.merge()
        marks.append(time.process_time_ns())
        heads: dict[str, bytes] = {}
        chains.link(decision.events, heads)
        chains.advance(heads)
        marks.append(time.process_time_ns())
        for stage, began, ended in zip(spent_ns, marks, marks[1:], strict=False):
            spent_ns[stage] += ended - began
    count = sum(map(len, batches))
    return {f"  {stage}": spent / 1_000 / count for stage, spent in spent_ns.items()}


def _profile(openings: Batch, batches: Sequence[Batch]) -> None:
    processor = _opened(openings)
    profiler = cProfile.Profile()
    profiler.runcall(_drive, processor, batches)
    profiler.print_stats("tottime")


if __name__ == "__main__":
    main()
