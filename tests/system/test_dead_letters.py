"""Dead letters are resent once: whoever is at it at the same time, and wherever one is killed."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.command import Position
from cli.dead_letters import (
    LetterState,
    Wanted,
    every_letter,
    every_resolution,
    letters_at,
)
from cli.resolving import Answer, Asked, resolve
from cli.waiting import undecided
from eventlog.errors import EventLogError, Overtaken, Unconfirmed
from eventlog.exclusive import ExclusiveWriter
from eventlog.partitioner import partition_of
from eventlog.producer import Publication
from eventlog.reader import read_to_end
from eventlog.topics import LEDGER_RESOLUTIONS, USAGE_CALLS, WALLET_EVENTS
from ledger.events import CallCharged
from schemas.codec import ResolutionKind, wallet_events
from tests.system.work import Work
from tests.system.world import PARTITIONS, Service, World

pytestmark = pytest.mark.stack

CALLS = 30
AGAIN_S = 3.0
RESEND = Asked(ResolutionKind.RESENT, "operator:ann", "the partitioner is mended")


@pytest.fixture
def misplaced(world: World) -> list[Position]:
    """A world whose processor has set aside calls that stood on the wrong partition."""
    work = Work(PARTITIONS)
    world.start("processor")
    world.publish(work.opening())
    world.wait_until_decided()
    world.publish(
        record._replace(partition=(home(record) + 1) % PARTITIONS)
        for record in work.more(CALLS)
        if record.topic == USAGE_CALLS.name
    )
    world.wait_until_decided()
    found = [one.position for one in every_letter(world.kafka, PARTITIONS, Wanted())]
    assert len(found) == CALLS * PARTITIONS
    return sorted(found)


def test_operators_at_once_resend_each_once_and_each_is_charged_once(
    world: World, misplaced: list[Position]
) -> None:
    # Given several operators who find the same dead letters
    done: Counter[Position] = Counter()

    def insist() -> None:
        letters = letters_at(world.kafka, PARTITIONS, misplaced)
        while True:
            try:
                for answer in resolve(world.kafka, PARTITIONS, letters, RESEND):
                    done[answer.position] += answer.is_done
            except EventLogError:
                # As people do: not at once, and not all at the same moment.
                time.sleep(random.random() * AGAIN_S)
            else:
                return

    # When all resend them at the same moment, and again where that failed
    at_once(4, insist)
    # Then each was resent once, and is decided as if it had come rightly
    assert set(done.values()) <= {0, 1}
    assert resent(world) == Counter(dict.fromkeys(sent(world), 1))
    settle(world)
    assert set(charged(world).values()) == {1}
    assert len(charged(world)) == CALLS * PARTITIONS
    assert states(world) == {LetterState.RESENT}
    assert world.outcome().report.findings == ()


def test_who_read_before_another_began_writes_nothing(
    world: World, misplaced: list[Position]
) -> None:
    # Given one operator who has looked, and found the letter open
    position = misplaced[0]
    late = ExclusiveWriter(world.kafka, LEDGER_RESOLUTIONS.name, position.partition)
    assert list(late.read()) == []
    # When another resends it meanwhile
    assert [one.is_done for one in resend(world, [position])] == [True]
    # Then nothing that the first one writes counts
    [first] = list(read_to_end(world.kafka, LEDGER_RESOLUTIONS.name, position.partition))
    record = Publication(
        LEDGER_RESOLUTIONS.name, b"late", first.value() or b"", None, position.partition
    )
    with pytest.raises((Overtaken, Unconfirmed)):
        late.write([record])
    records = read_to_end(world.kafka, LEDGER_RESOLUTIONS.name, position.partition)
    assert [one.key() for one in records] == [str(position).encode()]
    # And a third one finds it done
    assert [one.is_done for one in resend(world, [position])] == [False]


@pytest.mark.parametrize(("moment", "is_open"), [("before", True), ("after", False)])
def test_an_operator_killed_at_the_commit_leaves_all_of_it_or_nothing(
    world: World, misplaced: list[Position], tmp_path: Path, moment: str, is_open: bool
) -> None:
    # Given an operator who is killed where the transaction ends
    position = misplaced[0]
    kafka = world.kafka
    killed = Service(
        [
            "tests.system.killed_operator",
            kafka.bootstrap_servers,
            kafka.prefix,
            str(position),
            moment,
        ],
        {},
        tmp_path / "operator.log",
    )
    assert killed.ended() == -signal.SIGKILL, killed.lines
    # When another one asks for the same
    answers = resend(world, [position])
    # Then it is resent now if it was not before, and in any case once
    assert [one.is_done for one in answers] == [is_open]
    assert sum(resent(world).values()) == 1
    settle(world)
    assert sum(charged(world).values()) == 1
    assert [one.is_done for one in resend(world, [position])] == [False]


def settle(world: World) -> None:
    """Wait until all is decided; the ends of our transactions take offsets among the inputs."""
    world.wait_for(lambda: not any(undecided(world.kafka, PARTITIONS).values()))


def home(record: Publication) -> int:
    return partition_of(record.key or b"", PARTITIONS)


def resend(world: World, positions: list[Position]) -> list[Answer]:
    letters = letters_at(world.kafka, PARTITIONS, positions)
    return list(resolve(world.kafka, PARTITIONS, letters, RESEND))


def at_once(count: int, task: Callable[[], None]) -> None:
    begin = threading.Barrier(count)

    def run() -> None:
        begin.wait()
        task()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def usage_values(world: World, *, at_home: bool) -> list[bytes]:
    """The calls that stand where they belong, or where they do not."""
    return [
        record.value() or b""
        for number in range(PARTITIONS)
        for record in read_to_end(world.kafka, USAGE_CALLS.name, number)
        if (partition_of(record.key() or b"", PARTITIONS) == number) is at_home
    ]


def sent(world: World) -> list[bytes]:
    return usage_values(world, at_home=False)


def resent(world: World) -> Counter[bytes]:
    return Counter(usage_values(world, at_home=True))


def charged(world: World) -> Counter[tuple[str, str]]:
    """How often each call was charged, by tenant and id."""
    events = (
        wallet_events.decode(record.value() or b"")[0]
        for number in range(PARTITIONS)
        for record in read_to_end(world.kafka, WALLET_EVENTS.name, number)
    )
    return Counter(
        (event.originator_id, event.usage.event_id)
        for event in events
        if isinstance(event, CallCharged)
    )


def states(world: World) -> set[LetterState]:
    done = every_resolution(world.kafka, PARTITIONS)
    return {done.state(one) for one in every_letter(world.kafka, PARTITIONS, Wanted())}
