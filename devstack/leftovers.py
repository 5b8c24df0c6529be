"""Which processes a data folder started, written down so that a crash leaves none behind."""

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict, cast

import psutil

# The system derives a start time from its boot time, which clock corrections move a little;
# a number is not given out again within so short a time.
SAME_START_S = 2.0
END_S = 10.0


class _Record(TypedDict):
    pid: int
    started_s: float


def record(run: Path, name: str, pid: int) -> None:
    """Write down that `pid` runs as `name`, and since when: a number alone may be another's."""
    with contextlib.suppress(psutil.NoSuchProcess):
        written = _Record(pid=pid, started_s=psutil.Process(pid).create_time())
        (run / f"{name}.json").write_text(json.dumps(written))


def forget(run: Path, name: str) -> None:
    """Strike the record of `name`, which has ended."""
    (run / f"{name}.json").unlink(missing_ok=True)


def end_leftovers(run: Path, say: Callable[[str], None]) -> None:
    """End every process recorded in `run` that still is the one recorded."""
    for file in sorted(run.glob("*.json")):
        process = _still_running(file)
        if process is not None:
            say(f"ending {file.stem} (process {process.pid}), left by a run that was cut short")
            end_tree(process)
        file.unlink(missing_ok=True)


def end_tree(process: psutil.Process) -> None:
    """Kill a process and all it started, and return when they are gone.

    By the tree, not the group: Postgres gives each of its children a group of its own.
    """
    tree = [process]
    with contextlib.suppress(psutil.NoSuchProcess):
        tree += process.children(recursive=True)
    for member in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    _await_end(tree)


def await_nobody_in(folder: Path) -> bool:
    """Whether, within a moment, no process has this as its working folder."""
    inside = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(folder)]
    return _await_end(inside)


def _still_running(file: Path) -> psutil.Process | None:
    try:
        written = cast(_Record, json.loads(file.read_text()))
        process = psutil.Process(written["pid"])
        same = abs(process.create_time() - written["started_s"]) < SAME_START_S
    except (ValueError, KeyError, psutil.NoSuchProcess):
        return None
    return process if same and _is_alive(process) else None


def _await_end(processes: Sequence[psutil.Process]) -> bool:
    give_up_s = time.monotonic() + END_S
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > give_up_s:
            return False
        time.sleep(0.01)
    return True


def _is_alive(process: psutil.Process) -> bool:
    try:
        # In a container without an init the dead stay listed until someone asks after them.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
