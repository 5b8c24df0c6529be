"""One child process: apart from the terminal, logged, awaited, ended, and never left behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from devstack import leftovers
from devstack.errors import ProcessFailed
from devstack.folder import DataFolder

LOG_BYTES_MAX = 16 * 1024 * 1024
POLL_S = 0.03

# Waits for a line or for our end, whichever is first. The pipe closes however we end, so a child
# does not outlive even a `kill -9` of ours; the record in the data folder is for what slips by.
GUARD = 'read -r _ || kill -s KILL -- "-$0"'


class Process:
    """A child in a session of its own (Ctrl-C does not reach it), its output in `log`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        folder: DataFolder,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = folder.logs / f"{name}.log"
        self.log_start = 0
        self._argv = list(argv)
        self._folder = folder
        self._cwd = cwd
        self._env = dict(os.environ) | dict(env or {})
        self._user = user
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child is not None and self.running else None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_status(self) -> int | None:
        """As the system tells it, negative for a signal; None while it runs or never ran."""
        return self._child.poll() if self._child is not None else None

    def start(self) -> None:
        """Start the child; returns at once, see `wait_ready`."""
        assert not self.running, f"{self.name} already runs"
        self._end_guard()
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            self.log_start = output.tell()
            self._child = subprocess.Popen(
                self._argv,
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
        leftovers.record(self._folder.run, self.name, self._child.pid)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, str(self._child.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_ready(self, probe: Callable[[], bool], deadline_s: float) -> None:
        """Return once `probe` is true. Raises ProcessFailed when the child ends, or time is up."""
        give_up_s = time.monotonic() + deadline_s
        while not probe():
            if not self.running:
                raise self.failure(f"ended ({describe_exit(self.exit_status)}) before it was ready")
            if time.monotonic() > give_up_s:
                raise self.failure(f"was not ready after {deadline_s:g} s")
            time.sleep(POLL_S)

    def failure(self, what: str) -> ProcessFailed:
        """The error that says `what` about this process and shows its log's last lines."""
        lines = self._lines_since_start()[-20:]
        shown = "".join(f"\n    {line}" for line in lines) or " (it wrote nothing)"
        return ProcessFailed(f"{self.name} {what}. The last lines of {self.log}:{shown}")

    def ask_to_stop(self) -> None:
        """Send the signal that means a clean stop; returns at once, see `stop`."""
        if self._child is not None and self.running:
            self._child.send_signal(self._stop_signal)

    def stop(self, deadline_s: float = 10.0) -> None:
        """Stop cleanly, or by force after `deadline_s` or a Ctrl-C."""
        try:
            self.ask_to_stop()
            if self._child is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(deadline_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """`kill -9` the child and all it started; returns when they are gone."""
        if self._child is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                if self.running:
                    leftovers.end_tree(psutil.Process(self._child.pid))
            self._child.wait()
            leftovers.forget(self._folder.run, self.name)
        self._end_guard()

    def _end_guard(self) -> None:
        if self._guard is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.communicate(b"\n")
            self._guard = None

    def _lines_since_start(self) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace").splitlines()


def describe_exit(status: int | None) -> str:
    """An exit status in words: `exit status 3`, `killed by SIGKILL`."""
    if status is not None and status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
