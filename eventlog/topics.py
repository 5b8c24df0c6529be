"""The topics: what each holds is in the design, how each is kept is here; made and checked."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka.cimpl import NewTopic

from eventlog.admin import Admin
from eventlog.errors import LogUnavailable
from eventlog.settings import RECORD_BYTES_MAX, KafkaSettings

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
KIB = 1024
FOR_EVER = -1

KNOWN_S_MAX = 30.0

CO_PARTITIONED = 0
"""As many partitions as all topics that are keyed by tenant."""


@dataclass(frozen=True)
class Topic:
    """One topic, by its logical name."""

    name: str
    retention_ms: int
    batch_bytes_max: int
    partitions: int = CO_PARTITIONED
    also: Mapping[str, str] = field(default_factory=dict[str, str])

    def settings(self, replication: int) -> dict[str, str]:
        """What the broker is told, and what `check` expects to find."""
        return {
            # With the producer's time, a record stamped in the past is acknowledged and deleted.
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            "max.message.bytes": str(self.batch_bytes_max),
            # With one copy there is nothing to be in sync with.
            "min.insync.replicas": "1" if replication == 1 else "2",
            "unclean.leader.election.enable": "false",
            **self.also,
        }


USAGE_CALLS = Topic("usage.calls", 60 * DAY_MS, 64 * KIB)
USAGE_CRAWLS = Topic("usage.crawls", 60 * DAY_MS, 64 * KIB)
USAGE_CHAT = Topic("usage.chat", 60 * DAY_MS, 64 * KIB)
WALLET_COMMANDS = Topic("wallet.commands", 60 * DAY_MS, 256 * KIB)
WALLET_EVENTS = Topic("wallet.events", FOR_EVER, RECORD_BYTES_MAX)
WALLET_REPLIES = Topic(
    "wallet.replies", HOUR_MS, 1024 * KIB, also={"segment.ms": str(10 * MINUTE_MS)}
)
RATE_CARDS = Topic("rate.cards", FOR_EVER, RECORD_BYTES_MAX, partitions=1)
LEDGER_DLQ = Topic("ledger.dlq", 90 * DAY_MS, RECORD_BYTES_MAX)
LEDGER_RESOLUTIONS = Topic("ledger.resolutions", FOR_EVER, RECORD_BYTES_MAX)

USAGE = (USAGE_CALLS, USAGE_CRAWLS, USAGE_CHAT)
TOPICS = (
    *USAGE,
    WALLET_COMMANDS,
    WALLET_EVENTS,
    WALLET_REPLIES,
    RATE_CARDS,
    LEDGER_DLQ,
    LEDGER_RESOLUTIONS,
)


class Drift(NamedTuple):
    """One difference between a topic as it should be and as the broker has it."""

    topic: str
    setting: str
    expected: str
    found: str


def create(kafka: KafkaSettings, partitions: int, replication: int) -> list[str]:
    """Make the topics that are missing, leave the others as they are; the names of those made."""
    admin = Admin(kafka)
    wanted = [
        NewTopic(
            kafka.topic(topic.name),
            topic.partitions or partitions,
            replication,
            config=topic.settings(replication),
        )
        for topic in TOPICS
    ]
    made = admin.create(wanted)
    _await_known(admin, [topic.topic for topic in wanted])
    return made


def check(kafka: KafkaSettings, partitions: int, replication: int) -> list[Drift]:
    """Every way in which the broker's topics are not as defined; a service with any must not run.

    More copies than asked for are no drift.
    """
    admin = Admin(kafka)
    described = admin.describe(kafka.topic(topic.name) for topic in TOPICS)
    found_settings = admin.settings(described)
    drifts: list[Drift] = []
    for topic in TOPICS:
        name = kafka.topic(topic.name)
        if name not in described:
            drifts.append(Drift(name, "topic", "present", "missing"))
            continue
        placed = described[name].partitions
        copies = min(len(partition.replicas) for partition in placed)
        if copies < replication:
            drifts.append(Drift(name, "replication", str(replication), str(copies)))
        expected = {
            "partitions": str(topic.partitions or partitions),
            **topic.settings(replication),
        }
        found = {**found_settings[name], "partitions": str(len(placed))}
        drifts += [
            Drift(name, setting, value, found.get(setting, "unset"))
            for setting, value in expected.items()
            if found.get(setting) != value
        ]
    return drifts


def ids(kafka: KafkaSettings, names: Iterable[str]) -> dict[str, str]:
    """The broker's id of each topic, by logical name: another id is another log."""
    asked = {kafka.topic(name): name for name in names}
    return {
        asked[name]: str(found.topic_id) for name, found in Admin(kafka).describe(asked).items()
    }


def partition_count(kafka: KafkaSettings, name: str) -> int:
    """How many partitions a topic has, 0 if there is no such topic."""
    return sum(
        len(found.partitions) for found in Admin(kafka).describe([kafka.topic(name)]).values()
    )


def _await_known(admin: Admin, names: list[str]) -> None:
    """A broker knows of a topic a moment after it was made."""
    give_up_s = time.monotonic() + KNOWN_S_MAX
    while len(admin.describe(names)) < len(names):
        if time.monotonic() > give_up_s:
            raise LogUnavailable(f"topics are not known to the broker after {KNOWN_S_MAX:.0f} s")
        time.sleep(0.05)
