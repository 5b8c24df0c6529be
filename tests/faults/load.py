"""A steady workload: the same inputs in every run, some of each kind every moment, for each tenant.

A rich and a poor tenant live on each partition. Calls with holds and without, crawls, grants that
collect arrears, and repeats of what came before; what is not acknowledged is sent again.
"""

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventlog.errors import Undelivered
from eventlog.partitioner import partition_of
from eventlog.producer import Publication, Publisher
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE_CALLS, USAGE_CRAWLS, WALLET_COMMANDS
from ledger.commands import Command, GrantCredit, OpenProject, PlaceHold, SettleTopUp
from ledger.usage import CallUsage, CrawlUsage, Tier
from schemas import codec

PROJECT = "project-1"
RICH_MICROS, POOR_MICROS = 5_000_000_000, 20_000_000
GRANT_MICROS = 1_234_567
CALLS_A_ROUND = 3
ROUND_S = 0.1
ROUNDS_A_REPEAT = 5
CALLS_A_HOLD, CALLS_A_GRANT, CALLS_A_CRAWL = 4, 10, 8
HOLDS = 40
DAY_MS = 86_400_000
CAP_MS = 600_000
TIERS = list(Tier)


class Tenant(NamedTuple):
    """One whose wallet the workload moves."""

    name: str
    top_up_micros: int


class Workload:
    """What is published, round by round; the same every time, but for when it begins."""

    def __init__(self, partitions: int, began_ms: int) -> None:
        self._tenants = [
            Tenant(_name_on(number, partitions, kind), micros)
            for number in range(partitions)
            for kind, micros in (("rich", RICH_MICROS), ("poor", POOR_MICROS))
        ]
        self._began_ms = began_ms
        self._numbers = itertools.count(1)

    def opening(self) -> Iterator[Publication]:
        """What must be decided before the rest."""
        return (_command(one) for tenant in self._tenants for one in self._opening(tenant))

    def round(self) -> list[Publication]:
        """The next calls of every tenant, and what goes with them."""
        return [
            record
            for number in itertools.islice(self._numbers, CALLS_A_ROUND)
            for tenant in self._tenants
            for record in self._inputs(tenant.name, number)
        ]

    def tenant_on(self, partition: int) -> str:
        """The rich tenant of a partition."""
        return self._tenants[2 * partition].name

    def call(self, tenant: str, number: int) -> CallUsage:
        """A call of that number; the same number is the same call."""
        # Every length there is, up to a minute beyond the cap.
        lasted_ms = number * 1_001 % (CAP_MS + 60_000)
        ended_ms = self._began_ms - number
        hold, without = divmod(number, CALLS_A_HOLD)
        return CallUsage(
            event_id=f"call-{number}",
            tenant_id=tenant,
            project_id=PROJECT,
            corrects=None,
            withdrawn=False,
            call_id=f"platform-call-{number}",
            scenario_id="scenario-1",
            started_at=ended_ms - lasted_ms,
            ended_at=ended_ms,
            tier=TIERS[number % len(TIERS)],
            goal_reached=number % 4 == 0,
            flagged_spam=number % 7 == 0,
            duration_ms=lasted_ms,
            duration_cap_ms=CAP_MS,
            user_turns=number % 9,
            hold_id=None if without or hold >= HOLDS else f"hold-{hold}",
        )

    def _inputs(self, tenant: str, number: int) -> Iterator[Publication]:
        yield usage(self.call(tenant, number))
        if number % CALLS_A_CRAWL == 0:
            crawl = codec.crawls.encode(self._crawl(tenant, number))
            yield Publication(USAGE_CRAWLS.name, tenant.encode(), crawl)
        if number % CALLS_A_GRANT == 0:
            yield _command(
                GrantCredit(
                    command_id=f"grant-{number}",
                    tenant_id=tenant,
                    actor="operator:ann",
                    reason="goodwill",
                    amount_micros=GRANT_MICROS,
                )
            )

    def _crawl(self, tenant: str, number: int) -> CrawlUsage:
        ended_ms = self._began_ms - number
        return CrawlUsage(
            event_id=f"crawl-{number}",
            tenant_id=tenant,
            project_id=PROJECT,
            corrects=None,
            withdrawn=False,
            crawl_id=f"platform-crawl-{number}",
            started_at=ended_ms - 1_000 * number,
            ended_at=ended_ms,
            pages_fetched=number % 300,
            duration_ms=977 * number,
            is_recrawl=number % 16 == 0,
        )

    def _opening(self, tenant: Tenant) -> Iterator[Command]:
        yield OpenProject(
            command_id="open",
            tenant_id=tenant.name,
            actor="operator:ann",
            reason="signed",
            project_id=PROJECT,
            live_from_ms=self._began_ms - DAY_MS,
        )
        yield SettleTopUp(
            command_id="top-up",
            tenant_id=tenant.name,
            actor="payments",
            payment_id="payment-1",
            amount_micros=tenant.top_up_micros,
        )
        for number in range(HOLDS):
            yield PlaceHold(
                command_id=f"hold-{number}",
                tenant_id=tenant.name,
                actor="calls",
                project_id=PROJECT,
                tier=Tier.STANDARD,
                duration_cap_ms=CAP_MS,
            )


class Load:
    """Publishes the workload in a thread, from `start` to `finish`."""

    def __init__(self, kafka: KafkaSettings, workload: Workload) -> None:
        self._kafka = kafka
        self._workload = workload
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._is_abandoned = False
        self._error: BaseException | None = None
        self.acknowledged: list[Publication] = []
        """What the broker has said it holds."""

    def start(self) -> None:
        """Begin with the rounds."""
        self._thread.start()

    def finish(self) -> None:
        """End once all that was begun is acknowledged."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """End, whatever is left over."""
        self._is_abandoned = True
        self._ending.set()

    def publish(self, records: Iterable[Publication]) -> None:
        """Publish until all is acknowledged, however often; the broker may be away."""
        left = list(records)
        while left and not self._is_abandoned:
            try:
                Publisher(self._kafka).publish(left)
            except Undelivered as error:
                failed = {place for place, _ in error.failures}
                self.acknowledged += [one for at, one in enumerate(left) if at not in failed]
                left = [left[place] for place in sorted(failed)]
            else:
                self.acknowledged += left
                left = []

    def _run(self) -> None:
        publisher = Publisher(self._kafka)
        before: list[Publication] = []
        try:
            for number in itertools.count(1):
                if self._ending.wait(ROUND_S):
                    return
                records = self._workload.round()
                if number % ROUNDS_A_REPEAT == 0:
                    records += before
                try:
                    publisher.publish(records)
                except Undelivered:
                    # All of it again: some may be there already, and then come twice.
                    self.publish(records)
                    publisher = Publisher(self._kafka)
                else:
                    self.acknowledged += records
                before = records
        except BaseException as error:  # noqa: BLE001 - raised where the load is finished
            self._error = error


def usage(call: CallUsage) -> Publication:
    """A call as upstream publishes it."""
    return Publication(USAGE_CALLS.name, call.tenant_id.encode(), codec.calls.encode(call))


def _name_on(partition: int, partitions: int, kind: str) -> str:
    names = map(f"{kind}-{{}}".format, itertools.count())
    return next(name for name in names if partition_of(name.encode(), partitions) == partition)


def _command(command: Command) -> Publication:
    key, value = command.tenant_id.encode(), codec.asked.encode(command)
    return Publication(WALLET_COMMANDS.name, key, value)
