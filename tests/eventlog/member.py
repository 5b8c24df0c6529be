"""A process that drives a tally; it can freeze or kill itself at a named step of a batch.

Arguments: bootstrap servers, prefix, then `kill=STEP` or `freeze=STEP` or nothing. It prints what
happens, a line each; its exit code is 0 after a clean hand-over and 70 after StopProcess.
"""

import os
import signal
import sys

from eventlog.driver import Driver
from eventlog.errors import StopProcess
from eventlog.logic import Observer
from eventlog.settings import KafkaSettings
from service.signals import stop_on_signals
from tests.eventlog.harness import WIRING
from tests.eventlog.tally import Tally

STOPPED = 70


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


class Reporter(Observer):
    """Says what happens; ends or freezes its own process at a step."""

    def __init__(self, at_step: str) -> None:
        how, _, self._step = at_step.partition("=")
        self._signal = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}.get(how)

    def took_over(self, partition: int, seconds: float) -> None:
        say(f"took_over {partition}")

    def released(self, partition: int) -> None:
        say(f"released {partition}")

    def step_reached(self, step: str, partition: int) -> None:
        if step == self._step and self._signal is not None:
            struck, self._signal = self._signal, None
            say(f"struck {partition}")
            os.kill(os.getpid(), struck)


def main(bootstrap_servers: str, prefix: str, at_step: str = "") -> int:
    kafka = KafkaSettings(bootstrap_servers, prefix)
    try:
        Driver(kafka, WIRING, Tally, stop_on_signals(), Reporter(at_step)).run()
    except StopProcess as error:
        say(f"stopped {error}")
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
