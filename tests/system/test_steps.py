"""Processors killed and frozen at each step of a batch: all is decided once, none decides twice.

All at the same time, a partition each: the dead and the frozen keep theirs until their sessions
end, and only the one who takes them all over is spared.
"""

import signal
from dataclasses import dataclass

import pytest

from devstack.stack import Stack
from eventlog.logic import STEPS
from tests.system.struck import REFUSED, Struck, ended_as_documented, strike_all
from tests.system.work import Work
from tests.system.world import Outcome, World

pytestmark = pytest.mark.stack

UNTIL_COMMITTED = STEPS[: STEPS.index("committed")]
KILLS = [f"kill {step}" for step in (*UNTIL_COMMITTED, "committed")]
FREEZES = [f"freeze {step}" for step in UNTIL_COMMITTED]
FREEZE_BEFORE_THE_MERGE = "freeze committed"
ALL = [*KILLS, *FREEZES, FREEZE_BEFORE_THE_MERGE]
CALLS = 600
CALLS_AFTERWARDS = 60


@dataclass(frozen=True)
class Ending:
    """What became of one that was struck."""

    partition: int
    status: int | None
    """None if it still runs."""
    said: list[str]
    """Since it was struck."""
    wrote: bool
    """Whether it wrote anything once it woke."""


@dataclass(frozen=True)
class Story:
    """What became of all."""

    endings: dict[str, Ending]
    heir_status: int | None
    outcome: Outcome


@pytest.fixture(scope="module")
def story(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Story:
    world = World(stack, tmp_path_factory.mktemp("steps"), len(ALL))
    try:
        return told(world)
    finally:
        world.close()


def told(world: World) -> Story:
    work = Work(world.partitions)
    struck = {strike: Struck(world, strike) for strike in ALL}
    # Given each was struck in a batch of its own, and another has decided what they left
    strike_all(world, work, struck.values(), CALLS)
    heir = world.start("processor")
    world.wait_until_decided()
    before = {strike: world.written(one.partition) for strike, one in struck.items()}
    # When the frozen wake, all that was published comes again, and more
    for strike in (*FREEZES, FREEZE_BEFORE_THE_MERGE):
        struck[strike].service.signal(signal.SIGCONT)
    world.wait_for(lambda: all(has_ended(struck[strike]) for strike in FREEZES))
    unmerged = struck[FREEZE_BEFORE_THE_MERGE]
    world.wait_for(lambda: has_ended(unmerged) or dropped(unmerged.said_since("struck")))
    endings = {
        strike: Ending(
            one.partition,
            one.service.process.poll(),
            one.said_since("struck"),
            world.written(one.partition) != before[strike],
        )
        for strike, one in struck.items()
    }
    world.publish(work.again())
    world.publish(work.more(CALLS_AFTERWARDS))
    world.wait_until_decided()
    return Story(endings, heir.process.poll(), world.outcome())


def has_ended(one: Struck) -> bool:
    return one.service.process.poll() is not None


def dropped(said: list[str]) -> bool:
    """Whether it let its partition go, for it heard that others have it."""
    return any(line.startswith("released") for line in said)


@pytest.mark.parametrize("strike", KILLS)
def test_what_a_killed_processor_leaves_is_decided_once(story: Story, strike: str) -> None:
    ending = story.endings[strike]
    assert ending.status == -signal.SIGKILL
    story.outcome.check_partition(ending.partition)


@pytest.mark.parametrize("strike", FREEZES)
def test_a_frozen_processor_wakes_up_fenced(story: Story, strike: str) -> None:
    ending = story.endings[strike]
    assert not ending.wrote
    assert is_fenced(ending), ending
    story.outcome.check_partition(ending.partition)


def test_one_that_slept_between_commit_and_merge_decides_nothing_from_memory(story: Story) -> None:
    ending = story.endings[FREEZE_BEFORE_THE_MERGE]
    assert not ending.wrote
    # It has nothing in flight: it is fenced in its next batch, unless it hears of its loss first.
    assert is_fenced(ending) or dropped(ending.said), ending
    story.outcome.check_partition(ending.partition)


def is_fenced(ending: Ending) -> bool:
    return ending.status == REFUSED and ended_as_documented(ending.said)


def test_who_took_over_is_never_disturbed(story: Story) -> None:
    assert story.heir_status is None
