"""How far the ledger is: what is published and not decided, decided and not in the read models."""

import time
from collections.abc import Callable
from typing import Final

from cli.errors import Stalled
from cli.progress import bar
from cli.reading import event_ends, lag
from cli.settings import Settings
from consumers.processor.run import APP
from eventlog.admin import Admin, Place
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE, WALLET_COMMANDS
from projections.database import connected

POLL_S: Final = 0.1
STALLED_S: Final = 30.0
ATTEMPTS: Final = 5
LOOKED_AT_MAX: Final = 10
"""So few offsets are looked at: those that end or were dropped with a transaction hold no input."""


def undecided(kafka: KafkaSettings, partitions: int) -> dict[Place, int]:
    """How many inputs the processors have not decided, by topic and partition."""
    admin = Admin(kafka)
    return _undecided(kafka, admin, _input_ends(kafka, admin, partitions))


def _input_ends(kafka: KafkaSettings, admin: Admin, partitions: int) -> dict[Place, int]:
    topics = [kafka.topic(topic.name) for topic in (*USAGE, WALLET_COMMANDS)]
    return admin.ends((topic, number) for topic in topics for number in range(partitions))


def _undecided(kafka: KafkaSettings, admin: Admin, ends: dict[Place, int]) -> dict[Place, int]:
    """How many inputs before these ends the processors have not decided."""
    decided = admin.starts(ends) | _committed(admin, kafka.group(APP), list(ends))
    return {place: inputs_between(kafka, place, decided[place], end) for place, end in ends.items()}


def inputs_between(kafka: KafkaSettings, place: Place, start: int, end: int) -> int:
    """How many inputs stand between two offsets; where they are many, how many offsets."""
    gap = max(0, end - start)
    if not 0 < gap <= LOOKED_AT_MAX:
        return gap
    name, partition = place
    found = read_to_end(kafka, name.removeprefix(kafka.topic("")), partition, start)
    return sum(record.offset() < end for record in found)


def _committed(admin: Admin, group: str, places: list[Place]) -> dict[Place, int]:
    """The group's offsets; one that is being committed is not told, so that it is asked again."""
    found = admin.group_offsets(group, places)
    for _ in range(ATTEMPTS):
        if len(found) == len(places):
            break
        time.sleep(POLL_S)
        found |= admin.group_offsets(group, places)
    return found


def wait_until_decided(kafka: KafkaSettings, partitions: int) -> None:
    """Return when every input published before is decided."""
    admin = Admin(kafka)
    ends = _input_ends(kafka, admin, partitions)
    _wait("deciding", lambda: sum(_undecided(kafka, admin, ends).values()), "a processor")


def wait_until_projected(configured: Settings) -> None:
    """Return when the read models hold everything that is in the log now."""
    ends = event_ends(configured)
    with connected(configured.operator_url) as database:
        _wait("projecting", lambda: sum(lag(ends, database).values()), "the projector")


def _wait(label: str, remaining: Callable[[], int], who: str) -> None:
    """Return when nothing remains; raises Stalled when nothing moves."""
    left = total = remaining()
    moved_s = time.monotonic()
    with bar(label, total) as advance:
        while left:
            time.sleep(POLL_S)
            before, left = left, remaining()
            advance(total - left)
            if left != before:
                moved_s = time.monotonic()
            elif time.monotonic() - moved_s > STALLED_S:
                raise Stalled(
                    f"{label.capitalize()}: {left:,} records are left, and nothing moved for"
                    f" {STALLED_S:.0f} s. Is {who} running? `ledger doctor` tells."
                )
