"""A child process: awaited, explained when it fails, and never left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devstack.errors import ProcessFailed
from devstack.folder import DataFolder
from devstack.processes import Process
from devstack.stack import silent

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    folder.claim(silent)
    yield folder
    folder.release()


def python(program: str) -> list[str]:
    return [sys.executable, "-u", "-c", program]


def until(condition: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_child_that_fails_shows_its_last_lines_and_where_the_rest_is(folder: DataFolder) -> None:
    child = Process("bad", python("print('no disk'); raise SystemExit(3)"), folder)
    child.start()
    with pytest.raises(ProcessFailed) as raised:
        child.wait_ready(lambda: False, 10)
    message = str(raised.value)
    assert message.startswith("bad ended (exit status 3) before it was ready.")
    assert message.endswith(f"{folder.logs / 'bad.log'}:\n    no disk")
    child.kill()


def test_a_child_that_is_not_ready_in_time_is_named(folder: DataFolder) -> None:
    child = Process("slow", SLEEP, folder)
    child.start()
    with pytest.raises(ProcessFailed, match=r"^slow was not ready after 0\.1 s"):
        child.wait_ready(lambda: False, 0.1)
    child.kill()


def test_only_this_starts_lines_are_shown(folder: DataFolder) -> None:
    child = Process("twice", python("print('x'); raise SystemExit(1)"), folder)
    for _ in range(2):
        child.start()
        until(lambda: not child.running)
    assert str(child.failure("ended")).count("    x") == 1
    child.kill()


def test_a_child_that_ignores_the_signal_is_killed(folder: DataFolder) -> None:
    child = Process(
        "deaf",
        python("import signal, time; signal.signal(15, 1); print('up'); time.sleep(60)"),
        folder,
    )
    child.start()
    until(lambda: b"up" in child.log.read_bytes())
    child.stop(deadline_s=0.2)
    assert child.exit_status == -signal.SIGKILL


def test_killing_a_child_ends_its_own_children_too(folder: DataFolder) -> None:
    nested = f"import subprocess, time; print(subprocess.Popen({list(SLEEP)}).pid); time.sleep(60)"
    parent = Process("parent", python(nested), folder)
    parent.start()
    until(lambda: parent.log.read_bytes().endswith(b"\n"))
    grandchild = int(parent.log.read_text())
    parent.kill()
    assert ended(grandchild)


def test_a_child_does_not_outlive_a_parent_that_is_killed_hard(tmp_path: Path) -> None:
    parent = start_parent(tmp_path)
    child = recorded_pid(tmp_path)
    parent.kill()
    parent.wait()
    until(lambda: ended(child))


def test_a_child_that_outlived_its_parent_is_ended_by_the_next_claim(tmp_path: Path) -> None:
    parent = start_parent(tmp_path)
    child = recorded_pid(tmp_path)
    for sibling in psutil.Process(parent.pid).children():
        if sibling.pid != child:
            # The shell that would have ended the child at once.
            sibling.kill()
    parent.kill()
    parent.wait()
    assert not ended(child)

    said: list[str] = []
    folder = DataFolder(tmp_path)
    folder.claim(said.append)

    assert ended(child)
    assert said == [f"ending child (process {child}), left by a run that was cut short"]
    folder.release()


def test_another_process_with_a_recorded_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP)
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "lock").touch()
    (run / "old.json").write_text(json.dumps({"pid": stranger.pid, "started_s": time.time() - 60}))
    folder = DataFolder(tmp_path)
    folder.claim(silent)
    assert stranger.poll() is None
    folder.release()
    stranger.kill()
    stranger.wait()


def start_parent(data: Path) -> "subprocess.Popen[bytes]":
    """Another process that owns the folder and runs one child over it."""
    program = f"""
import time
from pathlib import Path
from devstack.folder import DataFolder
from devstack.processes import Process
folder = DataFolder(Path({str(data)!r}))
folder.claim(print)
Process("child", {list(SLEEP)}, folder).start()
(folder.path / "started").touch()
time.sleep(60)
"""
    parent = subprocess.Popen(python(program), cwd=Path(__file__).parents[2])
    until((data / "started").exists)
    return parent


def recorded_pid(data: Path) -> int:
    return int(json.loads((data / "run" / "child.json").read_text())["pid"])


def test_a_port_is_remembered_while_it_is_free(folder: DataFolder) -> None:
    port = folder.port("kafka")
    assert folder.port("kafka") == port
    assert folder.port("postgres") != port


def test_the_children_do_not_hear_the_terminals_ctrl_c(folder: DataFolder) -> None:
    child = Process("apart", SLEEP, folder)
    child.start()
    assert child.pid is not None
    assert os.getpgid(child.pid) != os.getpgid(0)
    child.kill()
