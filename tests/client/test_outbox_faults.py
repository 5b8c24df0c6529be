"""What an outbox took arrives, in order for each tenant, whatever happens to broker and process."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from client.ledger_client import LedgerClient
from client.outbox import Delivery
from devstack.stack import Stack
from eventlog import topics
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE_CALLS
from schemas import codec
from tests.checkout import ROOT
from tests.usage import calls

pytestmark = pytest.mark.stack

PARTITIONS = 4
PATIENCE_S = 60.0
TENANTS = [f"tenant-{number}" for number in range(8)]
# It reaches every partition.
EACH = 800

_numbers = itertools.count(1)


@pytest.fixture
def no_topics(own: Stack) -> Iterator[KafkaSettings]:
    """A prefix of its own, on a broker that runs when the next test begins."""
    yield KafkaSettings(own.bootstrap_servers, prefix=f"outbox{next(_numbers)}.")
    if not own.kafka.process.running:
        own.kafka.start()


@pytest.fixture
def kafka(no_topics: KafkaSettings) -> KafkaSettings:
    topics.create(no_topics, PARTITIONS, replication=1)
    return no_topics


def arrived(kafka: KafkaSettings) -> dict[str, list[str]]:
    """The ids of each tenant, in the order of their first arrival."""
    found: dict[str, dict[str, None]] = {}
    for number in range(PARTITIONS):
        for record in read_to_end(kafka, USAGE_CALLS.name, number):
            event = codec.calls.decode(record.value() or b"")
            assert record.headers() == [("source", b"platform")]
            found.setdefault(event.tenant_id, {})[event.event_id] = None
    return {tenant: list(ids) for tenant, ids in found.items()}


def records(kafka: KafkaSettings) -> int:
    return sum(
        1 for number in range(PARTITIONS) for _ in read_to_end(kafka, USAGE_CALLS.name, number)
    )


def wait_for(what: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


class Process:
    """A platform's process, and what it said was taken."""

    def __init__(self, kafka: KafkaSettings, spool: Path, tenant: str, count: int) -> None:
        self._said = spool.parent / f"{tenant}.said"
        arguments = [kafka.bootstrap_servers, kafka.prefix, str(spool), tenant, str(count)]
        with self._said.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.client.publisher", *arguments],
                cwd=ROOT,
                stdout=output,
            )

    def taken(self) -> list[str]:
        assert self._process.poll() is None, "the process ended by itself"
        return self._said.read_text().splitlines()

    def kill(self) -> list[str]:
        """`kill -9`; all that it said was taken."""
        self._process.kill()
        self._process.wait()
        whole, _, _ = self._said.read_text().rpartition("\n")
        return whole.splitlines()


def test_a_broker_killed_again_and_again_loses_nothing_and_keeps_the_order(
    own: Stack, kafka: KafkaSettings
) -> None:
    told: list[Delivery] = []
    ledger = LedgerClient(kafka, "platform")

    def put_all(tenant: str) -> None:
        for one in calls(tenant, range(EACH)):
            outbox.put([one])
            time.sleep(0.002)

    with (
        ledger.outbox(full_wait_s=PATIENCE_S, waiting_max=500, on_delivery=told.append) as outbox,
        ThreadPoolExecutor(len(TENANTS)) as pool,
    ):
        putting = [pool.submit(put_all, tenant) for tenant in TENANTS]
        for share in (0.1, 0.5):
            wait_for(lambda share=share: len(told) > share * EACH * len(TENANTS))
            own.kafka.kill()
            # It is away for longer than the outbox has room
            wait_for(lambda: outbox.state().oldest_s > 1)
            own.kafka.start()
        for one in putting:
            one.result()
        assert outbox.flush(PATIENCE_S) == 0
    wanted = {tenant: [f"{tenant}-{number}" for number in range(EACH)] for tenant in TENANTS}
    assert arrived(kafka) == wanted
    # Each is told once, in order for each tenant
    acknowledged = [one.usage for one in told if one.is_acknowledged]
    assert {
        tenant: [one.event_id for one in acknowledged if one.tenant_id == tenant]
        for tenant in TENANTS
    } == wanted


def test_what_a_killed_process_was_told_is_taken_arrives_from_its_spool(
    own: Stack, kafka: KafkaSettings, tmp_path: Path
) -> None:
    # Given a process that puts while the broker is away, and is killed
    own.kafka.kill()
    spool = tmp_path / "spool"
    first = Process(kafka, spool, "acme", 300)
    wait_for(lambda: len(first.taken()) == 300)
    taken = first.kill()
    # When the next one opens its spool, and the broker is back
    own.kafka.start()
    with LedgerClient(kafka, "platform").outbox(spool, full_wait_s=0.0) as outbox:
        outbox.put(calls("acme", range(300, 310)))
        assert outbox.flush(PATIENCE_S) == 0
    # Then all is there, in order, and stands behind nothing that was put later
    assert arrived(kafka) == {"acme": taken + [f"acme-{number}" for number in range(300, 310)]}


def test_a_process_killed_at_any_moment_loses_nothing_it_took(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    wanted: dict[str, list[str]] = {}
    for round_, until in enumerate((1, 40, 200, 700)):
        process = Process(kafka, spool, f"tenant-{round_}", 100_000)
        wait_for(lambda process=process, until=until: len(process.taken()) >= until)
        wanted[f"tenant-{round_}"] = process.kill()
    with LedgerClient(kafka, "platform").outbox(spool, full_wait_s=0.0) as outbox:
        assert outbox.flush(PATIENCE_S) == 0
    found = arrived(kafka)
    for tenant, taken in wanted.items():
        assert found[tenant][: len(taken)] == taken
        # Of what it was about to say, no more than the one that was being put
        assert len(found[tenant]) <= len(taken) + 1


def test_topics_that_are_not_there_yet_are_waited_for(no_topics: KafkaSettings) -> None:
    hasty = replace(no_topics, extra={"topic.metadata.propagation.max.ms": "300"})
    with LedgerClient(hasty, "platform").outbox(full_wait_s=0.0) as outbox:
        outbox.put(calls("acme", range(50)))
        wait_for(lambda: "Unknown topic" in (outbox.state().trouble or ""))
        topics.create(no_topics, PARTITIONS, replication=1)
        outbox.put(calls("acme", range(50, 60)))
        assert outbox.flush(PATIENCE_S) == 0
        assert outbox.state().trouble is None
    assert arrived(no_topics) == {"acme": [f"acme-{number}" for number in range(60)]}
    assert records(no_topics) == 60


def test_many_events_are_few_requests(kafka: KafkaSettings) -> None:
    with LedgerClient(kafka, "platform").outbox(full_wait_s=0.0) as outbox:
        outbox.put(calls("acme", range(20_000)))
        began_s = time.monotonic()
        assert outbox.flush(PATIENCE_S) == 0
    assert time.monotonic() - began_s < PATIENCE_S / 2
    assert records(kafka) == 20_000
