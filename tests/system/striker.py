"""A processor as production runs it, with something that happens at a named step.

Arguments: what happens, and at which step.

    freeze committed     this process is stopped: all its threads, there
    kill committed       it is killed
    hold commit_sent     the batch goes no further until SIGUSR2; all else goes on

SIGUSR1 arms it. It prints what a test waits for, a line each: `serves 3`, `released 3`, `armed`,
`struck 3`. Everything else is `ledger run processor`.

Besides the steps of a batch there are two of a take-over, for which it is armed from its start:
`assigned`, before the previous owner is fenced, and `restoring`, after that.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial

from cli import main as program
from consumers.processor import figures
from consumers.processor.figures import ProcessorFigures
from consumers.processor.step import PartitionProcessor
from eventlog.logic import Position
from eventlog.records import InputRecord
from service.health import Health
from service.signals import Stop

SIGNALS = {"freeze": signal.SIGSTOP, "kill": signal.SIGKILL}
ASSIGNED, RESTORING = "assigned", "restoring"


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


class Strike:
    """What happens once, when the step is reached."""

    def __init__(self, what: str, step: str) -> None:
        self._what = what
        self._step = step
        self._is_armed = step in (ASSIGNED, RESTORING)
        self._let_go = Stop()

    def arm(self, *_: object) -> None:
        self._is_armed = True
        say("armed")

    def let_go(self, *_: object) -> None:
        self._let_go.request("told to")

    def reach(self, step: str, partition: int) -> None:
        if self._is_armed and step == self._step:
            self._is_armed = False
            say(f"struck {partition}")
            self._strike()

    def _strike(self) -> None:
        if self._what == "hold":
            self._let_go.wait()
        else:
            # To this thread, which thereby goes no further; the others stop or end with it.
            signal.pthread_kill(threading.get_ident(), SIGNALS[self._what])


class Striker(ProcessorFigures):
    """The usual observer, who also says what happens, and strikes."""

    def __init__(self, health: Health, strike: Strike) -> None:
        super().__init__(health)
        self._strike = strike

    def assigned(self, partition: int) -> None:
        super().assigned(partition)
        self._strike.reach(ASSIGNED, partition)

    def took_over(self, partition: int, seconds: float) -> None:
        super().took_over(partition, seconds)
        say(f"serves {partition}")

    def released(self, partition: int) -> None:
        super().released(partition)
        say(f"released {partition}")

    def step_reached(self, step: str, partition: int) -> None:
        super().step_reached(step, partition)
        self._strike.reach(step, partition)


def _striker(strike: Strike, health: Health) -> Striker:
    return Striker(health, strike)


def main(what: str, step: str) -> None:
    strike = Strike(what, step)
    signal.signal(signal.SIGUSR1, strike.arm)
    signal.signal(signal.SIGUSR2, strike.let_go)
    restore = PartitionProcessor.restore

    def restored(self: PartitionProcessor, events: Iterator[InputRecord]) -> dict[str, Position]:
        strike.reach(RESTORING, -1)
        return restore(self, events)

    PartitionProcessor.restore = restored
    # By that name `ledger run processor` looks its observer up.
    figures.ProcessorFigures = partial(_striker, strike)
    program.cli(["run", "processor"])


if __name__ == "__main__":
    main(*sys.argv[1:])
