"""Members die, freeze, come and go: nothing is lost, nothing is doubled, two never both decide."""

import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from devstack.stack import Stack
from eventlog import topics
from eventlog.errors import StopProcess
from eventlog.logic import STEPS
from eventlog.reader import read_to_end
from eventlog.records import Output
from eventlog.settings import KafkaSettings
from eventlog.transactions import PartitionProducer
from tests.eventlog.harness import (
    PARTITIONS,
    WIRING,
    ProcessMember,
    ThreadMember,
    all_counted,
    member,
    publish,
    wait_for,
)
from tests.eventlog.member import STOPPED
from tests.eventlog.tally import COMMANDS, EVENTS

pytestmark = pytest.mark.stack

INPUTS = [str(number) for number in range(1_000)]
KILLS = [f"kill={step}" for step in STEPS]
FREEZES = ["freeze=decided", "freeze=produced", "freeze=commit_sent"]


class Story:
    """One member is struck in the middle of a batch; another takes over what it leaves."""

    def __init__(self, kafka: KafkaSettings, strike: str) -> None:
        topics.create(kafka, PARTITIONS, replication=1)
        self.kafka = kafka
        self.struck = ProcessMember(kafka, strike)

    def begin(self) -> None:
        wait_for(lambda: len(self.struck.serving) == PARTITIONS, "the first member serves")
        publish(self.kafka, *INPUTS[:500])
        publish(self.kafka, *INPUTS[500:], topic=COMMANDS)
        wait_for(lambda: bool(self.struck.said("struck")), "it is struck")
        self.heir = ThreadMember(self.kafka)

    def end(self) -> None:
        self.heir.stop()
        self.struck.kill()


@pytest.fixture(scope="module")
def stories(stack: Stack) -> Iterator[dict[str, Story]]:
    """Side by side, as the dead keep their partitions until their sessions end."""
    settings = KafkaSettings(stack.bootstrap_servers)
    stories = {
        strike: Story(replace(settings, prefix=f"{strike.replace('=', '.')}."), strike)
        for strike in (*KILLS, *FREEZES)
    }
    for story in stories.values():
        story.begin()
    yield stories
    for story in stories.values():
        story.end()


@pytest.mark.parametrize("strike", KILLS)
def test_after_a_kill_every_input_counts_once(stories: dict[str, Story], strike: str) -> None:
    story = stories[strike]
    assert story.struck.end() == -signal.SIGKILL
    wait_for(lambda: len(all_counted(story.kafka)) >= len(INPUTS), "the heir counted the rest")
    assert sorted(all_counted(story.kafka), key=int) == INPUTS


@pytest.mark.parametrize("strike", FREEZES)
def test_a_frozen_member_wakes_up_fenced(stories: dict[str, Story], strike: str) -> None:
    story = stories[strike]
    wait_for(lambda: len(all_counted(story.kafka)) >= len(INPUTS), "the heir counted the rest")
    story.struck.signal(signal.SIGCONT)
    assert story.struck.end() == STOPPED
    assert sorted(all_counted(story.kafka), key=int) == INPUTS


def test_of_two_owners_the_older_cannot_commit(kafka: KafkaSettings) -> None:
    older, newer = (PartitionProducer(kafka, WIRING.app, 0) for _ in range(2))
    assert older.fence()
    older.begin()
    older.write([Output(EVENTS, None, b"older", [])])
    assert newer.fence()
    newer.begin()
    newer.write([Output(EVENTS, None, b"newer", [])])
    newer.commit()
    with pytest.raises(StopProcess, match="the commit's outcome is unknown"):
        older.commit()
    assert [event.value() for event in read_to_end(kafka, EVENTS, 0)] == [b"newer"]


def test_members_that_come_and_go_hand_over_without_loss(kafka: KafkaSettings) -> None:
    published = 0

    def publish_some() -> None:
        nonlocal published
        publish(kafka, *(str(number) for number in range(published, published + 100)))
        published += 100

    first = ProcessMember(kafka)
    wait_for(lambda: len(first.serving) == PARTITIONS, "the first member serves all")
    publish_some()
    with member(kafka) as second:
        while not len(first.serving) == len(second.notes.serving) == 1:
            publish_some()
        first.signal(signal.SIGTERM)
        while len(second.notes.serving) < PARTITIONS:
            publish_some()
        assert first.end() == 0
        wait_for(lambda: len(all_counted(kafka)) >= published, "all is counted")
    assert sorted(all_counted(kafka), key=int) == [str(number) for number in range(published)]
