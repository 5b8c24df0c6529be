"""One partition's intake, paused and resumed on the real parts, through the death of its owner."""

import re
import urllib.request
from typing import Any

import pytest

from cli.intake import intakes
from client.ledger_client import LedgerClient
from eventlog.partitioner import partition_of
from eventlog.producer import Publication
from eventlog.reader import read_to_end
from eventlog.topics import USAGE_CALLS, WALLET_EVENTS
from ledger.commands import PauseIntake, PlaceHold, ResumeIntake
from ledger.events import CallCharged
from ledger.usage import Tier
from schemas.codec import wallet_events
from tests.system.work import PROJECT, Work
from tests.system.world import PARTITIONS, Service, World

pytestmark = pytest.mark.stack

PAUSED = 1
CALLS = 40
OPERATOR = {"tenant_id": "", "actor": "operator:ann"}
PAUSE = PauseIntake(command_id="pause-1", reason="doubled lengths, ticket 4720", **OPERATOR)
RESUME = ResumeIntake(command_id="resume-1", reason="mended", **OPERATOR)


def test_usage_waits_through_restarts_and_is_charged_once_when_it_is_resumed(world: World) -> None:
    # Given a partition whose intake is paused
    work = Work(PARTITIONS)
    processor = world.start("processor")
    world.publish(work.opening())
    world.wait_until_decided()
    with LedgerClient(world.kafka) as client:
        assert client.ask_partition(PAUSED, PAUSE).refusal is None
        wait_for_metrics(world, processor, {PAUSED})
        # When usage comes for all of them
        records = work.more(CALLS)
        usage = [record for record in records if record.topic == USAGE_CALLS.name]
        world.publish(records)
        world.wait_for(lambda: charged(world) == all_but_paused(usage))
        # Then its own waits, while its commands are answered
        assert client.ask(hold("hold-paused")).refusal is None
        assert shown(world) == ("paused", PAUSE.reason, CALLS)
        # And so it is with the next owner, too
        processor.kill()
        processor = world.start("processor")
        assert client.ask(hold("hold-again"), timeout_s=60).refusal is None
        wait_for_metrics(world, processor, {PAUSED})
        assert charged(world) == all_but_paused(usage)
        # Asked again, the pause gets its first answer
        assert client.ask_partition(PAUSED, PAUSE).refusal is None
        # When it is resumed, what waited is charged, once
        assert client.ask_partition(PAUSED, RESUME).refusal is None
        world.wait_until_decided()
        assert charged(world) == len(usage)
        wait_for_metrics(world, processor, set())
        assert shown(world) == ("open", None, 0)
        # And a late repeat of the pause does not stop it again
        client.ask_partition(PAUSED, PAUSE)
    assert shown(world) == ("open", None, 0)
    world.start("projector")
    world.wait_until_projected()
    world.check()


def hold(hold_id: str) -> PlaceHold:
    """One of the tenant's on the partition that is paused."""
    names = map("tenant-{}".format, range(1_000))
    tenant = next(name for name in names if partition_of(name.encode(), PARTITIONS) == PAUSED)
    return PlaceHold(
        command_id=hold_id,
        tenant_id=tenant,
        actor="calls",
        project_id=PROJECT,
        tier=Tier.STANDARD,
        duration_cap_ms=600_000,
    )


def all_but_paused(usage: list[Publication]) -> int:
    return sum(partition_of(record.key or b"", PARTITIONS) != PAUSED for record in usage)


def charged(world: World) -> int:
    """How many calls were charged, each once."""
    events = (
        wallet_events.decode(record.value() or b"")[0]
        for number in range(PARTITIONS)
        for record in read_to_end(world.kafka, WALLET_EVENTS.name, number)
    )
    ids = [(e.originator_id, e.usage.event_id) for e in events if isinstance(e, CallCharged)]
    assert len(ids) == len(set(ids))
    return len(ids)


def shown(world: World) -> tuple[Any, ...]:
    """What `ledger intake list` says of the partition."""
    row = list(intakes(world.kafka, PARTITIONS))[PAUSED]
    return row["intake"], row["reason"], row["waiting_count"]


def wait_for_metrics(world: World, processor: Service, paused: set[int]) -> None:
    """A figure is told after the commit, and so after the answer."""
    world.wait_for(lambda: paused_by_metrics(processor) == paused)


def paused_by_metrics(processor: Service) -> set[int]:
    found = re.search(r"http_port=(\d+)", processor.log.read_text())
    assert found is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/metrics") as page:
        text = page.read().decode()
    return {
        int(number) for number in re.findall(r'ledger_intake_paused{partition="(\d+)"} 1.0', text)
    }
