"""One scenario: a ledger at work, struck; how long until it works again; whether all is there.

Every service is a process of its own by its own subcommand, and is started again when it ends, as
whoever runs it would. The check at the end is the same whatever happened.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devstack.stack import Stack
from tests import oracle
from tests.faults import models, proof
from tests.faults.load import Load, Workload
from tests.faults.watch import Strike, Watch
from tests.system.struck import Struck, ended_as_documented
from tests.system.world import Service, World

PARTITIONS = 4
PATIENCE_S = 90.0
POLL_S = 0.02
PAUSE_S = 0.5
DOUBTS_MAX = 5


class Failed(Exception):
    """Something that must hold did not; the message says what, and what the services said."""


class Run:
    """The world of one scenario, and what strikes do to it."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.world = World(stack, folder, PARTITIONS)
        self.workload = Workload(PARTITIONS, time.time_ns() // 1_000_000)
        self.load = Load(self.world.kafka, self.workload)
        self.watch = Watch(self.world.kafka, PARTITIONS, self.world.urls.owner)
        self.running: dict[str, Service] = {}
        self.excused: list[Service] = []
        """Processes that a strike ended or stopped; how they end is the strike's to judge."""
        self.broken: set[int] = set()
        """Partitions whose inputs or log were damaged: refused, and left out of the proof."""
        self.recovery_s: list[float] = []
        self.struck: list[Struck] = []
        self._ended: list[Service] = []
        self._started_s: dict[str, float] = {}

    def begin(self, processors: Sequence[str], *, is_loud: bool) -> None:
        """Have everything at work; each processor is named by how it will be struck, or ''."""
        self.watch.start()
        self.start("projector")
        for number, strike in enumerate(processors, 1):
            if strike:
                self.struck.append(self.start_struck(strike, is_loud=is_loud))
            else:
                self.start(f"processor-{number}")
        self.load.publish(self.workload.opening())
        share = PARTITIONS // len(processors)

        def are_at_work() -> bool:
            for one in self.struck:
                # While a group forms, one that takes over late may fence the next owner.
                one.keep_alive()
            return all(len(one.serves) == share for one in self.struck)

        self.wait_for(are_at_work, "the partitions are shared out")
        self.wait_until_decided()
        self.load.start()
        strike = self.strike()
        self.wait_for(
            lambda: (
                are_at_work()
                and len(self.watch.decided_again(strike)) == PARTITIONS
                and len(self.watch.visible_again(strike)) == PARTITIONS
            ),
            "every partition is at work",
        )

    # ── Services ──

    def start(self, name: str) -> Service:
        """Start `processor-2` and the like, and start it again whenever it ends by itself."""
        self.running[name] = self.world.start(name.rstrip("-0123456789"))
        self._started_s[name] = time.monotonic()
        return self.running[name]

    def start_struck(self, strike: str, *, is_loud: bool = False) -> Struck:
        """Start a processor that is struck at a step; it is not started again."""
        struck = Struck(self.world, strike, is_loud=is_loud)
        self.excused.append(struck.service)
        return struck

    def let_go(self, name: str) -> Service:
        """Start it no more."""
        service = self.running.pop(name)
        self.excused.append(service)
        return service

    def mend(self) -> None:
        """Start again what has ended."""
        for name, service in list(self.running.items()):
            if service.process.poll() is None:
                continue
            if time.monotonic() - self._started_s[name] > PAUSE_S:
                self._ended.append(service)
                self.start(name)

    # ── Waiting ──

    def wait_for(
        self, what: Callable[[], bool], until: str, patience_s: float = PATIENCE_S
    ) -> None:
        """Wait, and mend meanwhile; `until` is for the error."""
        give_up_s = time.monotonic() + patience_s
        while not what():
            if time.monotonic() > give_up_s:
                raise Failed(f"after {patience_s:.0f} s not yet: {until}\n{self._said()}")
            self.mend()
            time.sleep(POLL_S)

    def wait(self, seconds: float) -> None:
        """Let time pass, and mend meanwhile."""
        over_s = time.monotonic() + seconds
        while time.monotonic() < over_s:
            self.mend()
            time.sleep(POLL_S)

    def wait_until_decided(self) -> None:
        """Until all that is published now is."""
        ends = {
            place: end
            for place, end in self.world.input_ends().items()
            if place[1] not in self.broken
        }
        self.wait_for(lambda: self.world.are_decided(ends), "all inputs are decided")

    def strike(self, partitions: set[int] | None = None) -> Strike:
        """Note this moment, for all partitions or for these."""
        return self.watch.strike(set(range(PARTITIONS)) if partitions is None else partitions)

    def recover(self, strike: Strike) -> None:
        """Wait until all partitions struck decide again, and note how long it took each."""
        self._recover(strike, self.watch.decided_again, "the partitions struck decide again")

    def settle(self, strike: Strike) -> None:
        """Wait until all partitions decide after now; note the longest silence since the strike."""
        self._await(self.strike(set(strike.offsets)), self.watch.decided_again, "all decide again")
        self.recovery_s += self.watch.silences(strike).values()

    def recover_rows(self, strike: Strike) -> None:
        """The same of the rows in Postgres."""
        self._recover(strike, self.watch.visible_again, "new rows are visible again")

    def _recover(
        self, strike: Strike, seconds: Callable[[Strike], dict[int, float]], until: str
    ) -> None:
        self._await(strike, seconds, until)
        found = seconds(strike)
        self.recovery_s += [found[number] for number in strike.offsets.keys() - self.broken]

    def _await(
        self, strike: Strike, seconds: Callable[[Strike], dict[int, float]], until: str
    ) -> None:
        concerned = strike.offsets.keys() - self.broken
        self.wait_for(lambda: concerned <= seconds(strike).keys(), until)

    def said(self, name: str) -> str:
        """All that services wrote whose names begin so, in all their lives."""
        return "\n".join(
            service.log.read_text()
            for service in (*self.running.values(), *self._ended, *self.excused)
            if service.log.name.startswith(name)
        )

    def _said(self) -> str:
        services = [*self.running.values(), *self.excused, *self._ended][:8]
        return "\n".join(f"-- {one.log}:\n{one.log.read_text()[-1_500:]}" for one in services)

    # ── The end ──

    def finish(self) -> None:
        """Let all be decided and folded in, and check everything. Raises Failed."""
        self.load.finish()
        self.wait_until_decided()
        self.world.wait_until_projected()
        found = [*self._doubts()]
        if found:
            raise Failed("\n".join(found[:DOUBTS_MAX]) + f"\n({len(found)} in all)")

    def _doubts(self) -> Iterator[str]:
        report, log, wanted, inputs = self.world.outcome(self.broken)
        yield from map(str, report.findings)
        inputs = [one for one in inputs if one.partition not in self.broken]
        events, letters = (
            [one for one in self.world.records(topic) if one.partition not in self.broken]
            for topic in (oracle.EVENTS, proof.DEAD_LETTERS)
        )
        # 1. What the broker acknowledged is there.
        there = {(one.topic, one.key, one.value) for one in inputs}
        yield from (
            f"acknowledged and lost: {one.topic} {one.key!r}"
            for one in self.load.acknowledged
            if (one.topic, one.key, one.value) not in there
            and self.partition_of(one.key) not in self.broken
        )
        # 2. Each input has one outcome, and the chains hold.
        values = proof.logged(events)
        yield from proof.doubts(inputs, values, letters, PARTITIONS)
        # 3. The balances are the oracle's.
        for name, pair in oracle.differing(log.tenants, wanted).items():
            if self.partition_of(name.encode()) not in self.broken:
                yield f"{name} has {pair[0]}, and the inputs come to {pair[1]}"
        # 4. The rows are those of the log, folded by other code.
        rows = {
            table: [row for row in found if self._is_whole(row["tenant_id"])]
            for table, found in models.found(self.world.urls.owner).items()
        }
        yield from models.differing(rows, models.folded(values))
        # 5. Nobody crashed.
        for service in self._ended:
            if not ended_as_documented(service.lines) and service.process.poll() != 0:
                yield f"{service.log.name} crashed: {service.log.read_text()[-600:]}"

    def _is_whole(self, tenant_id: str) -> bool:
        return self.partition_of(tenant_id.encode()) not in self.broken

    @staticmethod
    def partition_of(key: bytes | None) -> int:
        """Where a tenant lives."""
        return proof.partition_of(key or b"", PARTITIONS)

    def close(self) -> None:
        """End everything."""
        self.load.abandon()
        self.watch.stop()
        self.world.close()


@contextmanager
def running(stack: Stack, folder: Path) -> Generator[Run]:
    """A ledger with nothing in it yet."""
    run = Run(stack, folder)
    try:
        yield run
    finally:
        run.close()
