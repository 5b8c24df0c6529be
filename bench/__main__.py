"""`make bench`: the processor against the limit of client and broker, in one run on one stack.

    python -m bench [--events N] [--tenants N] [--json FILE]

Both read the same filled topic of about 156-byte usage events and write as many records of the same
size. The limit counts as it was right before and after the processor, with the batch that suits it
best. Ratios compare between machines, absolute figures do not.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Final

from bench import limit, machine, processor, workload
from bench.limit import Limit
from bench.processor import Processed
from bench.workload import Published
from devstack.stack import Stack
from eventlog import topics
from eventlog.admin import Admin
from eventlog.producer import Publication, Publisher
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE_CALLS, WALLET_COMMANDS, WALLET_EVENTS

PARTITIONS: Final = 4
BATCHES: Final = (500, 2_000, 5_000)
EVENT_BYTES: Final = 383
"""Of a charge on average, as the processor writes it; what it wrote is printed beside it."""
FLOOR, GOAL = 0.30, 0.60
PAYLOAD_SEED: Final = b"wallet event "


def main() -> None:
    """Fill, measure both, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--tenants", type=int, default=400)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args()
    facts = machine.facts()
    with (
        tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder,
        Stack(Path(folder) / "stack") as stack,
    ):
        stack.start(_say)
        processed, limits = _measure(stack, asked.events, asked.tenants)
    around_per_s = fmean(one.events_per_s for one in limits[-2:])
    ratio = processed.log.events_per_s / around_per_s
    _tell(processed, limits, ratio)
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    if asked.json:
        figures = {
            "machine": facts,
            "events": asked.events,
            "processor": {**processed._asdict(), "log": processed.log._asdict()},
            "limits": [one._asdict() for one in limits],
            "ratio": ratio,
        }
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")


def _measure(stack: Stack, events: int, tenants: int) -> tuple[Processed, list[Limit]]:
    kafka = KafkaSettings(stack.bootstrap_servers)
    # The same topics under another name, so that the log of record stays the processor's alone.
    beside = KafkaSettings(stack.bootstrap_servers, prefix="limit.")
    for each in (kafka, beside):
        topics.create(each, PARTITIONS, replication=1)
    _say(f"filling the topics: {events:,} usage events of {tenants:,} tenants")
    _fill(kafka, events, tenants)
    ends = _ends(kafka)
    broker_pid = stack.kafka.process.pid or 0
    source, sink = kafka.topic(USAGE_CALLS.name), beside.topic(WALLET_EVENTS.name)
    payload = (PAYLOAD_SEED * (EVENT_BYTES // len(PAYLOAD_SEED) + 1))[:EVENT_BYTES]

    def limit_with(batch: int) -> Limit:
        _say(f"the limit, {batch:,} a transaction")
        return limit.measure(beside, source, sink, ends, payload, batch, broker_pid)

    limits = [limit_with(batch) for batch in BATCHES]
    best = max(limits, key=lambda one: one.events_per_s).batch
    limits.append(limit_with(best))
    # The broker has been compiled by now; the processor is not measured on a cold one.
    _say("the processor, as `ledger run processor`")
    processed = processor.measure(kafka, ends, stack.folder.logs / "processor.log", broker_pid)
    limits.append(limit_with(best))
    return processed, limits


def _fill(kafka: KafkaSettings, events: int, tenants: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    tenant_ids = workload.tenants(tenants, PARTITIONS)
    publisher = Publisher(kafka)
    publisher.publish(_publications(WALLET_COMMANDS.name, workload.openings(tenant_ids, now_ms)))
    publisher.publish(_publications(USAGE_CALLS.name, workload.calls(tenant_ids, events, now_ms)))


def _publications(topic: str, records: Iterable[Published]) -> Iterable[Publication]:
    return (Publication(topic, record.key, record.value) for record in records)


def _ends(kafka: KafkaSettings) -> dict[int, int]:
    topic = kafka.topic(USAGE_CALLS.name)
    ends = Admin(kafka).ends([(topic, partition) for partition in range(PARTITIONS)])
    return {partition: end for (_, partition), end in ends.items()}


def _tell(processed: Processed, limits: list[Limit], ratio: float) -> None:
    log = processed.log
    print(f"\n{'':34}{'events/s':>10}  CPU µs an event: client, broker")
    for one in limits:
        name = f"limit, {one.batch:,} a transaction"
        print(
            f"{name:34}{one.events_per_s:10,.0f}  {one.client_cpu_us:.1f}, {one.broker_cpu_us:.1f}"
        )
    print(
        f"{'processor':34}{log.events_per_s:10,.0f}"
        f"  {processed.processor_cpu_us:.1f}, {processed.broker_cpu_us:.1f}"
    )
    print(
        f"ratio {ratio:.2f} of the limit before and after (floor {FLOOR:.2f}, goal {GOAL:.2f});"
        f" {log.events:,} events of {log.mean_value_bytes} bytes, {log.footers} footers"
    )


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
