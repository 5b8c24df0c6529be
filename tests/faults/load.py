"""A steady workload: the same inputs in every run, some of each kind every moment, for each tenant.

A rich and a poor tenant live on each partition. Calls with holds and without, crawls, grants that
collect arrears, and repeats of what came before; what is not acknowledged is sent again.
"""

import itertools
import threading
from collections.abc import Iterable, Iterator

from eventlog.errors import Undelivered
from eventlog.producer import Publication, Publisher
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE_CRAWLS
from ledger.usage import CallUsage, CrawlUsage
from schemas import codec
from tests.system import work

TOP_UPS_MICROS = {"rich": 5_000_000_000, "poor": 20_000_000}
CALLS_A_ROUND = 3
CALLS_A_CRAWL = 8
ROUND_S = 0.1
ROUNDS_A_REPEAT = 5


class Workload:
    """What is published, round by round; the same every time, but for when it begins."""

    def __init__(self, partitions: int, began_ms: int) -> None:
        self._tenants = {
            work.tenant_on(number, partitions, kind): micros
            for number in range(partitions)
            for kind, micros in TOP_UPS_MICROS.items()
        }
        self._partitions = partitions
        self._began_ms = began_ms
        self._numbers = itertools.count(1)

    def opening(self) -> Iterator[Publication]:
        """What must be decided before the rest."""
        return (
            record
            for tenant, micros in self._tenants.items()
            for record in work.opening(tenant, micros, self._began_ms)
        )

    def round(self) -> list[Publication]:
        """The next calls of every tenant, and what goes with them."""
        return [
            record
            for number in itertools.islice(self._numbers, CALLS_A_ROUND)
            for tenant in self._tenants
            for record in self._inputs(tenant, number)
        ]

    def tenant_on(self, partition: int) -> str:
        """The rich tenant of a partition."""
        return work.tenant_on(partition, self._partitions, "rich")

    def call(self, tenant: str, number: int) -> CallUsage:
        """A call of that number; the same number is the same call."""
        return work.call(tenant, number, self._began_ms)

    def _inputs(self, tenant: str, number: int) -> Iterator[Publication]:
        yield from work.call_and_grant(tenant, number, self._began_ms)
        if number % CALLS_A_CRAWL == 0:
            crawl = codec.crawls.encode(self._crawl(tenant, number))
            yield Publication(USAGE_CRAWLS.name, tenant.encode(), crawl)

    def _crawl(self, tenant: str, number: int) -> CrawlUsage:
        ended_ms = self._began_ms - number
        return CrawlUsage(
            event_id=f"crawl-{number}",
            tenant_id=tenant,
            project_id=work.PROJECT,
            corrects=None,
            withdrawn=False,
            crawl_id=f"platform-crawl-{number}",
            started_at=ended_ms - 1_000 * number,
            ended_at=ended_ms,
            pages_fetched=number % 300,
            duration_ms=977 * number,
            is_recrawl=number % 16 == 0,
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
