"""The supervisor, over services that are a line of Python each."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.errors import ProcessFailed
from devstack.folder import DataFolder
from devstack.stack import silent
from devstack.supervisor import ServiceSpec, Supervisor

READY_AFTER_A_WHILE = """
import http.server, sys, time
time.sleep(0.3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > up else 503)
        self.end_headers()
    def log_message(self, *_): pass
up = time.monotonic() + 0.3
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
UNTIL_STOPPED = """
import signal, sys, time
def stop(*_):
    with open(sys.argv[1], "a") as order:
        order.write(sys.argv[2] + " ")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("up")
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    folder.claim(silent)
    yield folder
    folder.release()


def python(program: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-u", "-c", program, *arguments)


def until(condition: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_all_output_is_shown_with_the_services_name(folder: DataFolder) -> None:
    out = io.StringIO()
    services = [
        ServiceSpec("web", python("import time; print('hello'); time.sleep(60)")),
        ServiceSpec("processor", python('import time; print(\'{"event":"up"}\'); time.sleep(60)')),
    ]
    with Supervisor(services, folder, out) as supervisor:
        supervisor.start_all()
        until(lambda: out.getvalue().count("\n") == 2)
        assert supervisor.log("web").read_text() == "hello\n"
    assert sorted(out.getvalue().splitlines()) == [
        "processor | --:--:-- info    up",
        "web       | hello",
    ]


def test_a_service_is_ready_when_its_url_answers_ok(folder: DataFolder) -> None:
    port = str(folder.port("web"))
    spec = ServiceSpec(
        "web", python(READY_AFTER_A_WHILE, port), ready_url=f"http://127.0.0.1:{port}/readyz"
    )
    with Supervisor([spec], folder, io.StringIO()) as supervisor:
        began_s = time.monotonic()
        supervisor.start_all()
        assert time.monotonic() - began_s > 0.6


def test_a_service_starts_after_those_it_needs_and_stops_before_them(
    folder: DataFolder, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    port = str(folder.port("first"))
    first = ServiceSpec(
        "first",
        python(READY_AFTER_A_WHILE, port),
        ready_url=f"http://127.0.0.1:{port}/",
    )
    second = ServiceSpec("second", python(UNTIL_STOPPED, str(order), "second"), after=("first",))
    third = ServiceSpec("third", python(UNTIL_STOPPED, str(order), "third"), after=("second",))
    with Supervisor([third, first, second], folder, io.StringIO()) as supervisor:
        supervisor.start_all()
        assert supervisor.pid("first") is not None
        for name in ("second", "third"):
            until(lambda name=name: b"up" in supervisor.log(name).read_bytes())
    assert order.read_text() == "third second "


def test_a_service_that_crashes_is_started_again(folder: DataFolder) -> None:
    out = io.StringIO()
    with Supervisor(
        [ServiceSpec("web", python("import time; time.sleep(60)"))], folder, out
    ) as supervisor:
        supervisor.start_all()
        first = supervisor.pid("web")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.restarts("web") == 1)
        supervisor.wait_ready("web")
        assert supervisor.pid("web") not in (None, first)
    assert "web | -- ended (killed by SIGKILL), starts again in 0.25 s" in out.getvalue()


def test_a_service_that_is_killed_by_request_stays_down_until_started(folder: DataFolder) -> None:
    spec = ServiceSpec("web", python("import time; time.sleep(60)"))
    with Supervisor([spec], folder, io.StringIO()) as supervisor:
        supervisor.start_all()
        supervisor.kill("web")
        time.sleep(0.5)
        assert supervisor.pid("web") is None
        supervisor.start("web")
        assert supervisor.pid("web") is not None
        assert supervisor.restarts("web") == 0


@pytest.mark.parametrize("restart", [True, False])
def test_a_service_that_never_gets_ready_fails_the_start_with_its_words(
    folder: DataFolder, restart: bool
) -> None:
    spec = ServiceSpec(
        "web",
        python("print('no such topic'); raise SystemExit(2)"),
        ready_url="http://127.0.0.1:9/",
        restart=restart,
    )
    with (
        Supervisor([spec], folder, io.StringIO()) as supervisor,
        pytest.raises(ProcessFailed, match=r"web ended \(exit status 2\) and is not started again"),
    ):
        supervisor.start_all()
    assert supervisor.restarts("web") == (2 if restart else 0)
    assert supervisor.log("web").read_text().startswith("no such topic\n")


def test_a_signal_stops_everything_and_the_supervisor_ends_well(tmp_path: Path) -> None:
    supervisor, service = start_supervisor(tmp_path, "import time; time.sleep(60)")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(10) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(service, 0)


def test_a_second_ctrl_c_kills_what_does_not_stop(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, 1); print('deaf'); time.sleep(60)"
    supervisor, service = start_supervisor(tmp_path, deaf)
    until(lambda: b"deaf" in (tmp_path / "logs" / "only.log").read_bytes())
    supervisor.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert supervisor.poll() is None
    supervisor.send_signal(signal.SIGINT)
    supervisor.wait(10)
    with pytest.raises(ProcessLookupError):
        os.kill(service, 0)


def start_supervisor(data: Path, service: str) -> "tuple[subprocess.Popen[bytes], int]":
    """A supervisor in a process of its own, and the number of its only service."""
    program = f"""
import time
from pathlib import Path
from devstack.folder import DataFolder
from devstack.supervisor import ServiceSpec, Supervisor, stopped_by_signals
folder = DataFolder(Path({str(data)!r}))
folder.claim(print)
services = [ServiceSpec("only", {python(service)!r})]
try:
    with stopped_by_signals(), Supervisor(services, folder) as supervisor:
        supervisor.start_all()
        print("pid", supervisor.pid("only"), flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    pass
"""
    started = subprocess.Popen(
        python(program),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert started.stdout is not None
    for line in started.stdout:
        if line.startswith(b"pid "):
            started.stdout.close()
            return started, int(line.split()[1])
    pytest.fail("the supervisor ended")
