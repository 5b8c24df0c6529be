"""Our services on one machine: started in order, watched, restarted, stopped in reverse."""

import contextlib
import http.client
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO
from urllib.parse import urlsplit

from devstack.folder import DataFolder
from devstack.log_lines import painted, readable
from devstack.processes import POLL_S, Process, describe_exit

READY_S = 60.0
STOP_S = 15.0
WATCH_S = 0.05
# A service that ends sooner than this has crashed at its start, and is given longer pauses.
STEADY_S = 10.0
PAUSE_S = 0.25
PAUSE_S_MAX = 10.0
# As many starts without getting ready are not bad luck but a mistake, which no restart mends.
FALSE_STARTS_MAX = 3
PREFIX_COLOURS = ("36", "32", "35", "34", "33", "96", "92", "95", "94", "93")


@dataclass(frozen=True)
class ServiceSpec:
    """One service: how it is started, when it is ready, and which others must be ready before."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    ready_url: str | None = None
    after: tuple[str, ...] = ()
    restart: bool = True


class _Service:
    """What the supervisor knows of one service."""

    def __init__(self, spec: ServiceSpec, folder: DataFolder) -> None:
        self.spec = spec
        self.process = Process(spec.name, spec.argv, folder, env=spec.env)
        self.wanted = False
        self.was_ready = False
        self.restarts = 0
        self.early_ends = 0
        self.started_s = 0.0
        self.restart_due_s: float | None = None
        # What an earlier run wrote is not shown again.
        self.shown_to = self.process.log.stat().st_size if self.process.log.exists() else 0

    def is_ready(self) -> bool:
        url = self.spec.ready_url
        ready = self.process.running and (url is None or answers_ok(url))
        self.was_ready |= ready
        return ready


class Supervisor:
    """Runs services over a claimed data folder: logs in files, and on `out` with a prefix.

    A service that ends by itself is started again, unless its spec says otherwise: some end on
    purpose, when going on would not be safe.
    """

    def __init__(
        self, services: Sequence[ServiceSpec], folder: DataFolder, out: TextIO = sys.stdout
    ) -> None:
        self._services = {spec.name: _Service(spec, folder) for spec in services}
        self._out = out
        colour = out.isatty() and "NO_COLOR" not in os.environ
        width = max(map(len, self._services), default=0)
        self._prefixes = {
            name: painted(f"{name:<{width}} |", paint) if colour else f"{name:<{width}} |"
            for name, paint in zip(self._services, itertools.cycle(PREFIX_COLOURS), strict=False)
        }
        self._colour = colour
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start_all(self) -> None:
        """Start every service, each once those it comes after are ready. Raises ProcessFailed."""
        sorter = TopologicalSorter({name: s.spec.after for name, s in self._services.items()})
        sorter.prepare()
        while sorter.is_active():
            wave = sorter.get_ready()
            for name in wave:
                self._launch(self._services[name])
            for name in wave:
                self.wait_ready(name)
                sorter.done(name)

    def start(self, name: str) -> None:
        """Start one that does not run, and return when it is ready. Raises ProcessFailed."""
        self._launch(self._services[name])
        self.wait_ready(name)

    def wait_ready(self, name: str, deadline_s: float = READY_S) -> None:
        """Return when the service is ready, across restarts. Raises ProcessFailed."""
        service = self._services[name]
        give_up_s = time.monotonic() + deadline_s
        while not service.is_ready():
            if not service.wanted:
                ended = describe_exit(service.process.exit_status)
                raise service.process.failure(f"ended ({ended}) and is not started again")
            if time.monotonic() > give_up_s:
                raise service.process.failure(f"was not ready after {deadline_s:g} s")
            time.sleep(POLL_S)

    def kill(self, name: str) -> None:
        """`kill -9` a service; it stays down until `start`."""
        with self._lock:
            self._let_go(name)
            self._services[name].process.kill()

    def stop(self, name: str) -> None:
        """Stop a service cleanly; it stays down until `start`."""
        with self._lock:
            self._let_go(name)
        self._services[name].process.stop(STOP_S)

    def pid(self, name: str) -> int | None:
        """The process id of a service while it runs."""
        return self._services[name].process.pid

    def restarts(self, name: str) -> int:
        """How often a service was started again after it had ended by itself."""
        return self._services[name].restarts

    def log(self, name: str) -> Path:
        """The file with all output of a service."""
        return self._services[name].process.log

    def stop_all(self) -> None:
        """Stop every service before those it came after; by force when interrupted."""
        with self._lock:
            for name in self._services:
                self._let_go(name)
        try:
            for wave in self._waves_of_the_end():
                for name in wave:
                    self._services[name].process.ask_to_stop()
                for name in wave:
                    self._services[name].process.stop(STOP_S)
        finally:
            for service in self._services.values():
                service.process.kill()
            self._ending.set()
            if self._watcher.is_alive():
                self._watcher.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop_all()

    def _launch(self, service: _Service) -> None:
        with self._lock:
            service.wanted = True
            service.was_ready = False
            service.early_ends = 0
            self._start_process(service)
            if not self._watcher.is_alive():
                self._watcher.start()

    def _start_process(self, service: _Service) -> None:
        self._show_output(service)
        service.restart_due_s = None
        service.started_s = time.monotonic()
        service.process.start()
        service.shown_to = service.process.log_start

    def _let_go(self, name: str) -> None:
        self._services[name].wanted = False
        self._services[name].restart_due_s = None

    def _waves_of_the_end(self) -> Iterator[tuple[str, ...]]:
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for name, service in self._services.items():
            sorter.add(name)
            for earlier in service.spec.after:
                sorter.add(earlier, name)
        sorter.prepare()
        while sorter.is_active():
            wave = sorter.get_ready()
            yield wave
            sorter.done(*wave)

    def _watch(self) -> None:
        while not self._ending.wait(WATCH_S):
            with self._lock:
                for service in self._services.values():
                    self._show_output(service)
                    self._mend(service)
        for service in self._services.values():
            self._show_output(service)

    def _mend(self, service: _Service) -> None:
        """Start the service again when it has ended by itself, after a pause."""
        now_s = time.monotonic()
        if not service.wanted or service.process.running:
            return
        if service.restart_due_s is not None:
            if now_s >= service.restart_due_s:
                service.restarts += 1
                self._start_process(service)
            return
        steady = now_s - service.started_s > STEADY_S
        service.early_ends = 0 if steady else service.early_ends + 1
        ended = describe_exit(service.process.exit_status)
        hopeless = not service.was_ready and service.early_ends >= FALSE_STARTS_MAX
        if hopeless or not service.spec.restart:
            service.wanted = False
            self._show(service, f"-- ended ({ended}), is not started again")
            return
        pause_s = min(PAUSE_S * 2 ** max(service.early_ends - 1, 0), PAUSE_S_MAX)
        service.restart_due_s = now_s + pause_s
        self._show(service, f"-- ended ({ended}), starts again in {pause_s:g} s")

    def _show_output(self, service: _Service) -> None:
        """Copy the lines that are complete from the log to the terminal.

        From the file, not a pipe: a terminal that stands still must not hold up a service.
        """
        if not service.process.log.exists():
            return
        with service.process.log.open("rb") as log:
            log.seek(service.shown_to)
            complete, newline, _ = log.read().rpartition(b"\n")
        service.shown_to += len(complete) + len(newline)
        for line in complete.decode(errors="replace").splitlines():
            for row in readable(line, colour=self._colour):
                self._show(service, row)

    def _show(self, service: _Service, row: str) -> None:
        # Nobody may be reading any more (`… | head`); that is no reason to stop the services.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(f"{self._prefixes[service.spec.name]} {row}\n")
            self._out.flush()


def answers_ok(url: str) -> bool:
    """Whether GET answers 200; straight to the host, whatever proxy the environment names."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def stopped_by_signals() -> Generator[None]:
    """Have SIGTERM and the end of the terminal interrupt the main thread as Ctrl-C does."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
