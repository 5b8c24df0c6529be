"""What happens to the broker: killed in mid-commit, away, its disk full, its clock set."""

import os
import signal
from collections.abc import Callable

from tests.faults.machines import OnASmallDisk, WithAClock
from tests.faults.processors import at_its_step
from tests.faults.run import Failed, Run
from tests.system.struck import Struck

AWAY_S = 60.0
AHEAD_S = 300
TOO_FAR_AHEAD_S = 612
BACK_S = -3_600
JUMP_S = 4.0


def killed(run: Run) -> None:
    """`kill -9`, and started again by hand at once."""
    _kill(run)


def killed_before_the_commit_is_sent(run: Run) -> None:
    """The records are there; that they count is asked of a broker that is dead."""
    _kill(run, meanwhile=_at_its_commit(run).let_go)


def killed_before_the_commit_is_read(run: Run) -> None:
    """The request is on its way, and the broker dies without having read it."""
    _send_to_one_that_hangs(run, _at_its_commit(run))
    _kill(run)


def killed_with_the_one_who_asked(run: Run) -> None:
    """The broker commits what was asked by one that did not live to hear of it, and dies too."""
    struck = _at_its_commit(run)
    before = run.world.decided(struck.partition)
    _send_to_one_that_hangs(run, struck)
    struck.service.kill()
    go_on(run)
    run.wait_for(lambda: run.world.decided(struck.partition) > before, "it is committed")
    _kill(run)


def killed_after_the_commit(run: Run) -> None:
    """What was committed and confirmed is not merged yet when the broker dies."""
    [struck] = run.struck
    at_its_step(run, struck)
    _kill(run, meanwhile=struck.let_go)


def away(run: Run) -> None:
    """Stopped for a minute; recovery is from its return."""
    hang(run)
    run.wait(AWAY_S)
    go_on(run)
    run.world.connect()
    run.recover(run.strike())


def out_of_space(run: Run) -> None:
    """The disk fills; the broker gives up. Recovery is from its start with space again."""
    disk = run.stack
    assert isinstance(disk, OnASmallDisk)
    disk.fill()
    run.wait_for(lambda: not run.stack.kafka.process.running, "the broker gave up")
    disk.free()
    strike = run.strike()
    return_of_the_broker(run)
    run.recover(strike)


def clock_ahead_and_back(run: Run) -> None:
    """Five minutes ahead, then an hour back, then right: time in the log only goes on."""
    assert isinstance(run.stack, WithAClock)
    for seconds in (AHEAD_S, BACK_S, 0):
        run.stack.set_clock(seconds)
        run.wait(JUMP_S)
    run.recover(run.strike())


def clock_too_far_ahead(run: Run) -> None:
    """More than ten minutes: partitions stop and say so, until an engineer has put it right."""
    assert isinstance(run.stack, WithAClock)
    run.stack.set_clock(TOO_FAR_AHEAD_S)
    run.wait_for(
        lambda: "more than ten minutes ahead" in run.said("processor"), "a partition is refused"
    )
    run.stack.set_clock(0)
    # Until what was appended meanwhile is less than ten minutes ahead.
    run.wait(TOO_FAR_AHEAD_S - 600 + JUMP_S)
    strike = run.strike()
    for name in [name for name in run.running if name.startswith("processor")]:
        service = run.let_go(name)
        service.signal(signal.SIGTERM)
        if service.ended() != 0:
            raise Failed(f"{name} ended with {service.process.returncode}")
        run.start(name)
    run.recover(strike)


def return_of_the_broker(run: Run) -> None:
    """Start it, and meet it again."""
    run.stack.kafka.start()
    run.world.connect()


def hang(run: Run) -> None:
    """Let the broker take what is sent to it, and do nothing."""
    os.kill(_pid(run), signal.SIGSTOP)


def go_on(run: Run) -> None:
    """Let it go on."""
    os.kill(_pid(run), signal.SIGCONT)


def _kill(run: Run, meanwhile: Callable[[], None] | None = None) -> None:
    """What happens `meanwhile` finds it dead; recovery is from its end."""
    strike = run.strike()
    run.stack.kafka.kill()
    if meanwhile is not None:
        meanwhile()
    return_of_the_broker(run)
    run.recover(strike)


def _at_its_commit(run: Run) -> Struck:
    """The one that is struck, once the broker has all that its commit is about."""
    [struck] = run.struck
    at_its_step(run, struck)
    run.wait_for(lambda: struck.is_acknowledged, "the broker has the batch's records")
    return struck


def _send_to_one_that_hangs(run: Run, struck: Struck) -> None:
    hang(run)
    struck.let_go()
    run.wait_for(lambda: struck.has_sent_commit, "the commit is under way")


def _pid(run: Run) -> int:
    pid = run.stack.kafka.process.pid
    assert pid is not None
    return pid
