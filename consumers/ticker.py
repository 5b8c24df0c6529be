"""The ticker: moves the logical time of every partition, so that what has come due is decided.

Ticks are records like any other: one lost is made up for by the next, one too many is harmless.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

from prometheus_client import Counter

from eventlog import topics
from eventlog.errors import Undelivered
from eventlog.producer import Publication, Publisher
from eventlog.settings import KafkaSettings
from ledger.commands import Tick
from schemas.codec import asked
from service.health import Health
from service.logs import log
from service.signals import Stop

COMMANDS: Final = topics.WALLET_COMMANDS.name
ACTOR: Final = "service:ticker"
BROKER: Final = "broker"
"""The condition of readiness: the last ticks were acknowledged."""

_TICKS: Final = Counter("ledger_ticks_total", "Ticks acknowledged.")
_FAILED: Final = Counter("ledger_ticks_failed_total", "Rounds of ticks not acknowledged in time.")


class Publishes(Protocol):
    """What ticks are sent through: `eventlog.producer.Publisher`."""

    def publish(self, publications: list[Publication]) -> int: ...


def run(kafka: KafkaSettings, partitions: int, every_s: float, stop: Stop, health: Health) -> None:
    """Send a tick to each partition of `wallet.commands` every so many seconds until stopped."""
    tick_on(Publisher(kafka), partitions, every_s, stop, health)


def tick_on(
    publisher: Publishes,
    partitions: int,
    every_s: float,
    stop: Stop,
    health: Health,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> None:
    """The same through any publisher. While the broker is away, rounds fail and the next try."""
    while not stop:
        health.beat()
        try:
            _TICKS.inc(publisher.publish(ticks(partitions, now_ms())))
        except Undelivered as error:
            _FAILED.inc()
            health.miss(BROKER, str(error))
            log().warning("ticks not acknowledged", reason=str(error))
        else:
            health.meet(BROKER)
        stop.wait(every_s)


def ticks(partitions: int, now_ms: int) -> list[Publication]:
    """One tick for each partition."""
    return [
        Publication(COMMANDS, None, asked.encode(_tick(now_ms, partition)), partition=partition)
        for partition in range(partitions)
    ]


def _tick(now_ms: int, partition: int) -> Tick:
    return Tick(command_id=f"tick-{now_ms}-{partition}", tenant_id="", actor=ACTOR)
