"""A machine on which someone typed `ledger up`, and what is typed there."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

LEDGER = [sys.executable, "-P", "-m", "cli"]
READY_S = 120.0


def without_settings() -> dict[str, str]:
    """The environment of someone who has set nothing."""
    return {name: value for name, value in os.environ.items() if "LEDGER_" not in name}


class Machine:
    """A machine on which someone typed `ledger up`."""

    def __init__(self, data: Path, log: Path) -> None:
        self.data = data
        self._environment = without_settings() | {"LEDGER_DATA": str(data)}
        self._log = log
        with log.open("w") as output:
            self.up = subprocess.Popen(
                [*LEDGER, "up"], env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )

    def wait_ready(self) -> None:
        give_up_s = time.monotonic() + READY_S
        while "Everything runs." not in self.said():
            assert self.up.poll() is None, self.said()
            assert time.monotonic() < give_up_s, self.said()
            time.sleep(0.1)

    def said(self) -> str:
        """All that `ledger up` has printed."""
        return self._log.read_text()

    def type(self, line: str, exit_code: int = 0, by: str = "operator:ann") -> str:
        """Type a command; what it prints, errors after the rest."""
        words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]
        done = subprocess.run(
            [*LEDGER, *words],
            env=self._environment | {"LEDGER_ACTOR": by},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def ask(self, line: str) -> dict[str, Any]:
        """Type a command that prints JSON."""
        answer: dict[str, Any] = json.loads(self.type(f"{line} --json"))
        return answer

    def processes(self) -> list[psutil.Process]:
        """All that `ledger up` started, and itself."""
        up = psutil.Process(self.up.pid)
        return [up, *up.children(recursive=True)]
