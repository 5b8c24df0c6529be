"""The real client, before a real broker and a real processor, keeps the contract."""

import itertools
import os
import signal
import time
from collections.abc import Iterator

import pytest

from client.interface import Ledger
from client.ledger_client import LedgerClient
from client.permission import Permission, Question, Unanswered
from devstack.stack import Stack
from eventlog.reader import read_to_end
from eventlog.topics import USAGE_CALLS
from ledger.commands import GrantCredit, OpenProject
from ledger.usage import AnyUsage
from schemas import codec
from tests.client.ledger_contract import PATIENCE_S, LedgerContract, hold
from tests.system.world import Service, World

pytestmark = pytest.mark.stack

GRANTED_MICROS = 100_000_000
RETURN_S = 60.0


class RealHouse:
    """Topics and a processor; to be silent it is stopped, and so is a broker that is away."""

    def __init__(self, own: Stack, world: World) -> None:
        self._own = own
        self._world = world
        self._numbers = itertools.count(1)
        self._operator = LedgerClient(world.kafka)
        self._processor = world.start("processor")

    def open(self, source: str | None = None) -> Ledger:
        return LedgerClient(self._world.kafka, source)

    def tenant(self, *, is_funded: bool) -> str:
        tenant_id = f"tenant-{next(self._numbers)}"
        said = {"tenant_id": tenant_id, "actor": "operator:ann", "reason": "a test"}
        opened = OpenProject(command_id="o-1", project_id="clinic", live_from_ms=0, **said)
        assert self._operator.ask(opened, PATIENCE_S).refusal is None
        if is_funded:
            granted = GrantCredit(command_id="g-1", amount_micros=GRANTED_MICROS, **said)
            assert self._operator.ask(granted, PATIENCE_S).refusal is None
        return tenant_id

    def fall_silent(self) -> None:
        self._processor.signal(signal.SIGSTOP)

    def lose_broker(self) -> None:
        os.kill(pid_of(self._own), signal.SIGSTOP)

    def recover(self) -> None:
        os.kill(pid_of(self._own), signal.SIGCONT)
        self._processor.signal(signal.SIGCONT)

    def processor(self) -> Service:
        """One that runs: after a long absence of the broker it may have ended, as it should."""
        if self._processor.process.poll() is not None:
            self._processor = self._world.start("processor")
        return self._processor

    def published(self, tenant_id: str) -> list[AnyUsage]:
        found = [
            codec.calls.decode(record.value() or b"")
            for number in range(self._world.partitions)
            for record in read_to_end(self._world.kafka, USAGE_CALLS.name, number)
        ]
        return [one for one in found if one.tenant_id == tenant_id]

    def close(self) -> None:
        self.recover()
        self._operator.close()


def pid_of(stack: Stack) -> int:
    assert stack.kafka.process.pid is not None
    return stack.kafka.process.pid


@pytest.fixture(scope="module")
def real_house(own: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    world = World(own, tmp_path_factory.mktemp("house"))
    house = RealHouse(own, world)
    try:
        yield house
    finally:
        house.close()
        world.close()


class TestLedgerClient(LedgerContract):
    """The cases that the scripted ledger passes too."""

    @pytest.fixture
    def house(self, real_house: RealHouse) -> Iterator[RealHouse]:
        real_house.processor()
        yield real_house
        real_house.recover()


def test_a_client_that_heard_answers_hears_them_after_the_broker_was_killed(
    own: Stack, real_house: RealHouse
) -> None:
    tenant = real_house.tenant(is_funded=True)
    with real_house.open("voice") as ledger:
        assert ledger.ask(hold(tenant, "h-1"), PATIENCE_S).refusal is None
        # When the broker dies, a call is not kept waiting for longer than it was said to
        own.kafka.kill()
        found = ledger.may_spend(
            hold(tenant, "h-2"), unanswered=Unanswered.FAIL_OPEN, timeout_s=0.5
        )
        assert (found.is_allowed, found.is_answered) == (True, False)
        # And once it is back, with a processor, the same client asks on
        own.kafka.start()
        assert asked_until_answered(real_house, ledger, hold(tenant, "h-3")).is_allowed
        # What was asked while it was away was asked once
        assert ledger.ask(hold(tenant, "h-2"), PATIENCE_S).amount_micros == 900_000


def asked_until_answered(house: RealHouse, ledger: Ledger, question: Question) -> Permission:
    """A processor that lost its broker may end, and is started again by whoever runs it."""
    give_up_s = time.monotonic() + RETURN_S
    while True:
        house.processor()
        found = ledger.may_spend(question, unanswered=Unanswered.FAIL_OPEN, timeout_s=2.0)
        if found.is_answered:
            return found
        assert time.monotonic() < give_up_s
