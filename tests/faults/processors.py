"""What happens to processors: killed, paused, fenced off, coming and going."""

import random
import signal
import time
from collections.abc import Callable

from consumers.processor.run import APP
from eventlog.logic import STEPS
from eventlog.transactions import PartitionProducer
from tests.faults.run import PARTITIONS, Failed, Run
from tests.system.struck import REFUSED, Struck, ended_as_documented

SEED = 7
CHANGES = 8
BETWEEN_CHANGES_S = 1.2
KILLS = 3
MOMENT_S = 0.4
REBALANCE_S = 3.0
LATE_S = 4.0
SPARE = "processor-2"

UNTIL_COMMITTED = STEPS[: STEPS.index("committed")]
STRUCK_STEPS = (*UNTIL_COMMITTED, "committed")
"""All that is before the merge."""


def at_its_step(run: Run, struck: Struck) -> set[int]:
    """Let it be struck in its next batch; the partitions that it serves."""
    serves = set(struck.serves)
    struck.arm()
    run.wait_for(lambda: struck.partition >= 0, "the step is reached")
    return serves


def killed(run: Run) -> None:
    """Its partitions wait for the end of its session; another goes on with them."""
    [struck] = run.struck
    strike = run.strike(at_its_step(run, struck))
    run.wait_for(lambda: struck.service.process.poll() is not None, "it is dead")
    run.start(SPARE)
    run.recover(strike)


def paused(run: Run) -> None:
    """Another takes over meanwhile; when it wakes, it can write nothing any more."""
    [struck] = run.struck
    partitions = at_its_step(run, struck)
    run.recover(run.strike(partitions))
    struck.service.signal(signal.SIGCONT)

    def is_out() -> bool:
        ended = struck.service.process.poll() is not None
        # With nothing in flight it may hear of its loss before its next batch.
        return ended or any(line.startswith("released") for line in struck.said_since("struck"))

    run.wait_for(is_out, "the one that woke is fenced off, or lets go")
    status = struck.service.process.poll()
    if status is not None and not (status == REFUSED and ended_as_documented(struck.service.lines)):
        raise Failed(f"it woke and ended with {status}:\n" + "\n".join(struck.service.lines[-9:]))


def claimed_by_another(run: Run) -> None:
    """Somebody does what a take-over does first, while its owner is well and at work."""
    strike = run.strike()
    for number in range(PARTITIONS):
        while not PartitionProducer(run.world.kafka, APP, number).fence():
            time.sleep(0.1)
    run.wait_for(
        lambda: "cannot go on" in run.said("processor"), "an owner notices that it was fenced"
    )
    run.settle(strike)


def paused_while(step: str) -> Callable[[Run], None]:
    """One that joins is paused in its take-over, past its session, and goes on with it late."""

    def strike(run: Run) -> None:
        late = run.start_struck(f"freeze {step}")
        run.wait_for(lambda: is_struck(late), "it is paused")
        run.settle(run.strike())
        strike = run.strike()
        late.service.signal(signal.SIGCONT)
        run.wait(LATE_S)
        run.settle(strike)

    return strike


def killed_while_restoring(run: Run) -> None:
    """One that joins dies between fencing the owner and serving."""
    joining = run.start_struck("kill restoring")
    run.wait_for(lambda: joining.service.process.poll() is not None, "it is dead")
    run.settle(run.strike())


def rebalanced_in_a_batch(run: Run) -> None:
    """Another joins while a batch is decided, and is given partitions that are amid one."""
    [struck] = run.struck
    at_its_step(run, struck)
    strike = run.strike()
    run.start(SPARE)
    run.wait(REBALANCE_S)
    struck.let_go()
    run.wait(REBALANCE_S)
    run.settle(strike)


def rebalanced_while_restoring(run: Run) -> None:
    """Another comes and goes while one that joined restores."""
    joining = run.start_struck("hold restoring")
    run.wait_for(lambda: is_struck(joining), "it restores")
    strike = run.strike()
    run.start("processor-3")
    run.wait(REBALANCE_S)
    leaving = run.let_go("processor-3")
    leaving.signal(signal.SIGTERM)
    run.wait(BETWEEN_CHANGES_S)
    joining.let_go()
    run.wait(REBALANCE_S)
    run.settle(strike)


def come_and_go(run: Run) -> None:
    """Every second one joins, and another leaves or dies."""
    strike = run.strike()
    for number in range(CHANGES):
        run.start(f"processor-{number + 3}")
        run.wait(BETWEEN_CHANGES_S)
        oldest = run.let_go(next(name for name in run.running if name.startswith("processor")))
        if number % 2:
            oldest.kill()
        else:
            oldest.signal(signal.SIGTERM)
    run.settle(strike)


def told_to_stop(run: Run) -> None:
    """SIGTERM under load: what is in flight is finished, and handed over."""
    strike = run.strike()
    service = run.let_go("processor-1")
    service.signal(signal.SIGTERM)
    run.start(SPARE)
    run.wait_for(lambda: service.process.poll() is not None, "it has handed over")
    run.settle(strike)
    if service.ended() != 0:
        raise Failed(f"it ended with {service.process.returncode}: {service.lines[-3:]}")


def killed_at_random(run: Run) -> None:
    """All at once, again and again, as soon as something was decided."""
    chance = random.Random(SEED)
    for _ in range(KILLS):
        run.wait(chance.random() * MOMENT_S)
        strike = run.strike()
        for name in [name for name in run.running if name.startswith("processor")]:
            run.let_go(name).kill()
            run.start(name)
        run.recover(strike)


def is_struck(one: Struck) -> bool:
    """Whether it said so."""
    return any(line.startswith("struck ") for line in one.service.lines)
