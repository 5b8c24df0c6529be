"""What Prometheus reads of services that work: every figure is there, and moves with the work."""

import re
import time
from collections.abc import Iterator

import pytest

from eventlog.producer import Publication
from eventlog.topics import USAGE_CALLS, WALLET_COMMANDS
from ledger.commands import Command, GrantCredit, OpenProject, VoidHold
from ledger.money import MICROS_PER_USD
from schemas import codec
from scripts.figures import Figure, figures
from tests.system.work import PROJECT, Work, tenant_on, usage
from tests.system.world import World
from tests.usage import call

pytestmark = pytest.mark.stack

SAMPLE = re.compile(r"^(\w+)(?:\{.*\})? (\S+)$", re.MULTILINE)
CALLS = 100
MINUTE_MS = 60_000

OF_TROUBLE = {
    "ledger_batches_aborted_total",
    "ledger_intake_paused",
    "ledger_input_lag",
    "ledger_partitions_paused",
    "ledger_partitions_refused",
    "ledger_projection_lag",
    "ledger_projection_lag_seconds",
    "ledger_projections_cut_total",
    "ledger_projections_overtaken_total",
    "ledger_ticks_failed_total",
}
"""There, and 0 where nothing goes wrong; what moves them is in `tests/unit/test_figures.py`."""


def test_every_figure_is_read_and_moves_with_the_work(world: World) -> None:
    # Given all services, and some of everything that may come in
    services = [world.start(name) for name in ("processor", "projector", "ticker")]
    world.wait_until_ready(*services)
    work = Work(world.partitions)
    poor = f"poor-{tenant_on(1, world.partitions)}"
    world.publish([*work.opening(), opening(poor)])
    world.wait_until_decided()
    world.publish([*work.more(CALLS), *oddities(tenant_on(0, world.partitions), poor)])
    world.wait_until_decided()
    world.publish(work.again())
    # When they are read as Prometheus does
    read: dict[str, float] = {}

    def lacking() -> list[str]:
        read.clear()
        for service in services:
            for name, value in SAMPLE.findall(service.get("/metrics")[1]):
                read[name] = read.get(name, 0.0) + float(value)
        return [one.name for one in figures() if not is_told(one, read)]

    # Then each is told, and those of work are more than 0
    give_up_s = time.monotonic() + 120
    while (missing := lacking()) and time.monotonic() < give_up_s:
        time.sleep(0.2)
    assert missing == []


def is_told(figure: Figure, read: dict[str, float]) -> bool:
    values = [read[name] for name in figure.series if name in read]
    return bool(values) and (figure.name in OF_TROUBLE or any(values))


def opening(tenant: str) -> Publication:
    """A project that is live, for a tenant who never pays in."""
    opened = OpenProject(
        command_id="open",
        tenant_id=tenant,
        actor="operator:ann",
        reason="signed",
        project_id="project-1",
        live_from_ms=0,
    )
    return command(opened)


def oddities(known: str, poor: str) -> Iterator[Publication]:
    """A refusal, a dead letter, usage for review, a grant for two operators, and arrears."""
    yield command(VoidHold(command_id="v", tenant_id=known, actor="calls", hold_id="never placed"))
    yield Publication(USAGE_CALLS.name, known.encode(), b"not Avro")
    yield usage(call("of tomorrow", known, now_ms() + 60 * MINUTE_MS, project_id=PROJECT))
    grant = GrantCredit(
        command_id="grant",
        tenant_id=known,
        actor="operator:ann",
        reason="launch partner",
        amount_micros=5_000 * MICROS_PER_USD,
    )
    yield command(grant)
    yield usage(call("unpaid", poor, now_ms(), project_id=PROJECT))


def command(one: Command) -> Publication:
    return Publication(WALLET_COMMANDS.name, one.tenant_id.encode(), codec.asked.encode(one))


def now_ms() -> int:
    return time.time_ns() // 1_000_000
