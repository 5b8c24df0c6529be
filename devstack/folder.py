"""The data folder: one stack owns it while it runs, and finds there what the last one left."""

import fcntl
import json
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

from devstack.errors import FolderInUse
from devstack.leftovers import end_leftovers

Say = Callable[[str], None]

# Below every system's range for outgoing connections: a client that keeps calling a dead server
# on a port of that range sooner or later is given the port itself, and the server cannot return.
PORTS = range(20_000, 32_000)


class DataFolder:
    """Where one stack keeps its data, logs, ports and the record of its processes."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self._lock: int | None = None

    def claim(self, say: Say) -> None:
        """Take the folder for this process and end what a crash left running in it.

        Raises FolderInUse when another process holds it, or when it holds something else.
        """
        make_private(self.path)
        if any(self.path.iterdir()) and not (self.path / "lock").exists():
            raise FolderInUse(
                f"{self.path} is not empty and no data folder: name one that is, or an empty one"
            )
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode() or "unknown"
            os.close(lock)
            raise FolderInUse(
                f"{self.path} is in use by process {holder}: stop it, or name another data folder"
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock
        make_private(self.logs)
        make_private(self.run)
        end_leftovers(self.run, say)

    def release(self) -> None:
        """Let another process claim the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def port(self, name: str) -> int:
        """The loopback port `name` had here before, if it is free; else a new one, remembered."""
        file = self.path / "ports.json"
        ports = cast(dict[str, int], json.loads(file.read_text())) if file.exists() else {}
        if name not in ports or not _is_free(ports[name]):
            taken = set(ports.values())
            candidates = random.sample(PORTS, len(PORTS))
            ports[name] = next(p for p in candidates if p not in taken and _is_free(p))
            file.write_text(json.dumps(ports))
        return ports[name]


def make_private(folder: Path) -> None:
    """Create the folder, if it is missing, for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections of the last run that still linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
