"""Processes killed and stopped at random moments of real work: nothing is lost or doubled."""

import random
import signal
import time
from pathlib import Path

import pytest

from cli import workload
from devstack import traffic
from eventlog.producer import Publication
from tests.system.world import Service, World

pytestmark = pytest.mark.stack

CROWD = traffic.Options(seed=3, events=60_000, days=5, tenants=200)
KILLS = 3
MOMENT_S = 0.4


@pytest.fixture
def waiting(world: World, tmp_path: Path) -> list[Publication]:
    """A world whose projects and funds are decided, and where much usage waits; what comes last."""
    traffic.write(tmp_path, CROWD)
    files = sorted(tmp_path.glob("*.jsonl"))
    first, usage, last = [records for _, records in workload.read(files, _now_ms())]
    world.publish(first)
    processor = world.start("processor")
    world.wait_until_decided()
    processor.process.terminate()
    assert processor.ended() == 0
    world.publish(usage)
    return last


def test_killed_in_mid_batch_again_and_again_nothing_is_lost_or_doubled(
    world: World, waiting: list[Publication]
) -> None:
    for _ in range(KILLS):
        processor, projector = world.start("processor"), world.start("projector")
        log_size, rows_from = world.log_size(), world.rows_from()
        world.wait_for(lambda before=log_size: world.log_size() > before)
        at_a_random_moment(processor)
        world.wait_for(lambda before=rows_from: world.rows_from() > before)
        at_a_random_moment(projector)

    world.start("processor")
    world.start("projector")
    finish(world, waiting)


def test_a_stopped_process_that_comes_back_is_fenced(
    world: World, waiting: list[Publication]
) -> None:
    # Given one processor, stopped in the middle of its work
    zombie = world.start("processor")
    log_size = world.log_size()
    world.wait_for(lambda: world.log_size() > log_size)
    time.sleep(random.random() * MOMENT_S)
    zombie.signal(signal.SIGSTOP)
    # When another has taken over and decided the rest, and the first one wakes
    world.start("processor")
    world.wait_until_decided()
    zombie.signal(signal.SIGCONT)
    # Then it ends by itself, and what it had begun is nowhere
    assert zombie.ended() != 0, zombie.log.read_text()
    world.start("projector")
    finish(world, waiting)


def test_a_second_processor_shares_the_work(world: World, waiting: list[Publication]) -> None:
    first, second = world.start("processor"), world.start("processor")
    # Given both serve some of the partitions, and one or both were given them step by step
    for service in (first, second):
        world.wait_for(lambda service=service: "taken over" in service.log.read_text())
    # When there is work for all partitions
    world.publish(waiting)
    world.wait_until_decided()
    # Then neither was fenced off by the other
    assert (first.process.poll(), second.process.poll()) == (None, None)
    world.start("projector")
    world.wait_until_projected()
    world.check()


def at_a_random_moment(service: Service) -> None:
    time.sleep(random.random() * MOMENT_S)
    service.kill()


def finish(world: World, last: list[Publication]) -> None:
    """Let all be decided, the last phase too, and ask everything."""
    world.wait_until_decided()
    world.publish(last)
    world.wait_until_decided()
    world.wait_until_projected()
    world.check()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
