"""Every service restarted in turn, while holds are asked: no asker gets an error, none is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack

import pytest

from client.ledger_client import LedgerClient
from client.permission import Permission, Unanswered
from ledger.commands import PlaceHold
from ledger.usage import Tier
from tests.system.work import CAP_MS, PROJECT, Work, tenant_on
from tests.system.world import PATIENCE_S, Service, World

pytestmark = pytest.mark.stack

PROCESSORS = 2
CALLS = 400
ANSWER_S_MAX = 20.0
"""No answer may take longer, restart or not: a call's start waits for it."""
BETWEEN_S = 0.01


class Askers:
    """A platform: for a tenant on each partition one call after another asks for its hold."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._client = LedgerClient(world.kafka)
        self._pool = ThreadPoolExecutor(world.partitions)
        self.asked: list[Permission] = []
        self._running = [
            self._pool.submit(self._ask_on, tenant_on(number, world.partitions))
            for number in range(world.partitions)
        ]

    def stop(self) -> None:
        """Let each get its last answer; raises what an asker got instead of one."""
        self._stop.set()
        for asker in self._running:
            asker.result(PATIENCE_S)
        self._client.close()

    def close(self) -> None:
        self._stop.set()
        wait(self._running)
        self._pool.shutdown()

    def _ask_on(self, tenant: str) -> None:
        number = 0
        while not self._stop.is_set():
            self.asked.append(self._hold(tenant, f"hold-rolling-{number}"))
            number += 1
            self._stop.wait(BETWEEN_S)

    def _hold(self, tenant: str, hold_id: str) -> Permission:
        """As a platform asks that turns away whom the ledger does not answer in time."""
        question = PlaceHold(
            command_id=hold_id,
            tenant_id=tenant,
            actor="calls",
            project_id=PROJECT,
            tier=Tier.ECONOMY,
            duration_cap_ms=CAP_MS,
        )
        return self._client.may_spend(
            question, unanswered=Unanswered.FAIL_CLOSED, timeout_s=ANSWER_S_MAX
        )


def test_a_rolling_restart_is_not_felt_by_those_who_ask(world: World) -> None:
    # Given two processors that share the partitions, a projector and a ticker, under load
    work = Work(world.partitions)
    running = [world.start("processor") for _ in range(PROCESSORS)]
    projector, ticker = world.start("projector"), world.start("ticker")
    world.wait_until_ready(*running, projector, ticker)
    world.publish(work.opening())
    world.wait_until_decided()
    with ExitStack() as ending:
        askers = Askers(world)
        ending.callback(askers.close)
        world.publish(work.more(CALLS))
        # When each is restarted, the next one only once the one before is ready
        for place, service in enumerate(running):
            running[place] = restarted(world, service, "processor")
            world.publish(work.more(CALLS))
        projector = restarted(world, projector, "projector")
        ticker = restarted(world, ticker, "ticker")
        world.publish(work.more(CALLS))
        askers.stop()
    # Then every hold was answered, in time, and allowed
    assert len(askers.asked) > 20 * world.partitions
    assert [one for one in askers.asked if not one.is_allowed] == []
    # And no service ended but those that were told to
    assert [ended(service) for service in (*running, projector, ticker)] == [None] * 4
    # And all inputs are decided once, the read models equal to the log
    world.wait_until_decided()
    world.wait_until_projected()
    world.check()


def restarted(world: World, service: Service, name: str) -> Service:
    """Stop a service as whoever upgrades it would, and wait until the next one is ready."""
    service.process.terminate()
    assert service.ended() == 0, service.log.read_text()
    following = world.start(name)
    world.wait_until_ready(following)
    return following


def ended(service: Service) -> int | None:
    return service.process.poll()
