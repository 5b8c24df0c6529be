"""The broker killed while batches are being committed, and started again: all is decided once."""

import os
import signal
from dataclasses import dataclass, field

import pytest

from devstack.stack import Stack
from tests.system.struck import Struck, ended_as_documented, strike_all
from tests.system.work import Work
from tests.system.world import Outcome, Service, World

pytestmark = pytest.mark.stack

UNSENT = "asked for once the broker is dead"
UNREAD = "sent, and not read by the broker"
UNHEARD = "done, and its processor did not live to hear of it"
DONE = "done and confirmed, and not merged"
CASES = {
    UNSENT: "hold commit_sent",
    UNREAD: "hold commit_sent",
    UNHEARD: "hold commit_sent",
    DONE: "hold committed",
}
CALLS = 600
CALLS_AFTERWARDS = 60


@dataclass
class Supervised:
    """Processors, each started again when it ends, as whoever runs them would."""

    world: World
    running: dict[str, Service]
    ended: list[Service] = field(default_factory=list[Service])

    def wait_until_decided(self) -> None:
        ends = self.world.input_ends()

        def decided() -> bool:
            for name, service in self.running.items():
                if service.process.poll() is not None:
                    self.ended.append(service)
                    self.running[name] = self.world.start("processor")
            return self.world.are_decided(ends)

        self.world.wait_for(decided)


@dataclass(frozen=True)
class Story:
    """What came of it all."""

    partitions: dict[str, int]
    ended: list[list[str]]
    """What each said that ended by itself."""
    outcome: Outcome


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Side by side, a partition each: one broker, of a stack of its own, dies for all of them."""
    with Stack(tmp_path_factory.mktemp("own")) as own:
        own.start()
        world = World(own, tmp_path_factory.mktemp("broker"), len(CASES))
        try:
            return told(own, world)
        finally:
            world.close()


def told(own: Stack, world: World) -> Story:
    work = Work(world.partitions)
    struck = {name: Struck(world, strike, is_loud=True) for name, strike in CASES.items()}
    # Given each is held in a batch of its own, whose records the broker has
    strike_all(world, work, struck.values(), CALLS)
    world.wait_for(lambda: all(one.is_acknowledged for one in struck.values()))
    world.wait_for(lambda: not world.is_open(struck[DONE].partition))
    ask_and_die(own, world, struck[UNHEARD])
    # When the broker dies with one more commit before it, and is started again
    hang(own)
    struck[UNREAD].let_go()
    world.wait_for(lambda: struck[UNREAD].has_sent_commit)
    own.kafka.kill()
    struck[UNSENT].let_go()
    struck[DONE].let_go()
    own.kafka.start()
    world.connect()
    # Then all is decided, and all that was published may come again
    supervised = Supervised(world, {name: one.service for name, one in struck.items()})
    supervised.wait_until_decided()
    world.publish(work.again())
    world.publish(work.more(CALLS_AFTERWARDS))
    supervised.wait_until_decided()
    return Story(
        {name: one.partition for name, one in struck.items()},
        [one.lines for one in supervised.ended if one is not struck[UNHEARD].service],
        world.outcome(),
    )


def ask_and_die(own: Stack, world: World, asking: Struck) -> None:
    """Let the broker commit what was asked by one that does not live to hear of it."""
    before = world.decided(asking.partition)
    hang(own)
    asking.let_go()
    world.wait_for(lambda: asking.has_sent_commit)
    asking.service.kill()
    go_on(own)
    world.wait_for(lambda: world.decided(asking.partition) > before)
    world.wait_for(lambda: not world.is_open(asking.partition))


@pytest.mark.parametrize("commit", CASES)
def test_a_broker_killed_in_mid_commit_leaves_every_input_decided_once(
    story: Story, commit: str
) -> None:
    story.outcome.check_partition(story.partitions[commit])


def test_processors_survive_a_broker_or_say_that_they_cannot(story: Story) -> None:
    assert [lines for lines in story.ended if not ended_as_documented(lines)] == []


def hang(stack: Stack) -> None:
    """Let the broker take what is sent to it, and do nothing."""
    os.kill(pid(stack), signal.SIGSTOP)


def go_on(stack: Stack) -> None:
    os.kill(pid(stack), signal.SIGCONT)


def pid(stack: Stack) -> int:
    assert stack.kafka.process.pid is not None
    return stack.kafka.process.pid
