"""A processor as production runs it, with something that happens at a named step of a batch.

Arguments: what happens, and at which step.

    freeze committed     this process is stopped: all its threads, there
    kill committed       it is killed
    hold commit_sent     the batch goes no further until SIGUSR2; all else goes on

SIGUSR1 arms it. It prints what a test waits for, a line each: `serves 3`, `released 3`, `armed`,
`struck 3`. Everything else is `ledger run processor`.
"""

import os
import signal
import sys
import threading

from cli.services import service
from consumers.processor.figures import SERVING, ProcessorFigures
from consumers.processor.run import run
from ledger.batch import Rules
from service.health import Health
from service.signals import Stop

SIGNALS = {"freeze": signal.SIGSTOP, "kill": signal.SIGKILL}


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


class Striker(ProcessorFigures):
    """Strikes once, when a batch reaches the step; before and after it is the usual observer."""

    def __init__(self, health: Health, what: str, step: str) -> None:
        super().__init__(health)
        self._what = what
        self._step = step
        self._is_armed = False
        self._let_go = Stop()

    def arm(self, *_: object) -> None:
        self._is_armed = True
        say("armed")

    def let_go(self, *_: object) -> None:
        self._let_go.request("told to")

    def took_over(self, partition: int, seconds: float) -> None:
        super().took_over(partition, seconds)
        say(f"serves {partition}")

    def released(self, partition: int) -> None:
        super().released(partition)
        say(f"released {partition}")

    def step_reached(self, step: str, partition: int) -> None:
        super().step_reached(step, partition)
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


def main(what: str, step: str) -> None:
    with service("processor", SERVING) as own:
        striker = Striker(own.health, what, step)
        signal.signal(signal.SIGUSR1, striker.arm)
        signal.signal(signal.SIGUSR2, striker.let_go)
        rules = Rules(deduplication_window_ms=own.settings.deduplication_window_ms)
        run(own.kafka, own.settings.partitions, rules, own.version, own.stop, striker)


if __name__ == "__main__":
    main(*sys.argv[1:])
