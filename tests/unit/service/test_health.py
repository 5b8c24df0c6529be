"""What machines are told about a process, and by which status."""

import http.client
import json
import socket
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from prometheus_client import Counter

from service import metrics
from service.health import Health, HealthServer


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health("restored", "postgres", silence_s_max=30, clock_s=clock)


@pytest.fixture
def server(health: Health) -> Iterator[HealthServer]:
    with HealthServer(health) as server:
        yield server


def get(server: HealthServer, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_loop_that_beats_is_alive(health: Health, clock: Clock) -> None:
    clock.now_s += 29
    health.beat()
    clock.now_s += 29
    assert health.liveness() == (HTTPStatus.OK, {"silence_s": 29, "silence_s_max": 30})


def test_a_loop_silent_for_too_long_is_not_alive(health: Health, clock: Clock) -> None:
    clock.now_s += 31
    assert health.liveness()[0] == HTTPStatus.SERVICE_UNAVAILABLE


def test_a_process_is_not_ready_before_each_condition_is_met(health: Health) -> None:
    health.meet("postgres")
    assert health.readiness() == (
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"missing": {"restored": "starting"}},
    )


def test_a_process_is_ready_once_all_conditions_are_met(health: Health) -> None:
    health.meet("postgres")
    health.meet("restored")
    assert health.readiness() == (HTTPStatus.OK, {"missing": {}})


def test_a_condition_that_is_missed_again_names_its_reason(health: Health) -> None:
    health.meet("postgres")
    health.meet("restored")
    health.miss("postgres", "connection refused")
    assert health.readiness()[1] == {"missing": {"postgres": "connection refused"}}


def test_the_server_answers_the_probes_in_json(server: HealthServer) -> None:
    status, body = get(server, "/readyz?verbose")
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(body) == {"missing": {"restored": "starting", "postgres": "starting"}}
    assert get(server, "/livez")[0] == HTTPStatus.OK


def test_the_server_shows_the_figures_of_every_package(server: HealthServer) -> None:
    metrics.identify("processor", "processor-1", "0.1.0")
    Counter("test_health_total", "A figure defined elsewhere.").inc(3)
    body = get(server, "/metrics")[1]
    assert "test_health_total 3.0" in body
    assert 'instance="processor-1"' in body


def test_an_unknown_path_is_told_the_known_ones(server: HealthServer) -> None:
    status, body = get(server, "/")
    assert status == HTTPStatus.NOT_FOUND
    assert "/livez" in body


def test_the_server_only_reads(server: HealthServer) -> None:
    assert get(server, "/livez", "POST")[0] == HTTPStatus.NOT_IMPLEMENTED


def test_a_client_that_says_nothing_stops_nobody(server: HealthServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        assert get(server, "/livez")[0] == HTTPStatus.OK


def test_the_port_is_free_again_after_the_end(health: Health) -> None:
    with HealthServer(health) as server:
        port = server.port
    with HealthServer(health, port=port) as server:
        assert server.port == port
