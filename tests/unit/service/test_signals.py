"""A process is asked to stop once kindly, then hard."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from service import signals
from service.signals import Stop, stop_on_signals


@pytest.fixture(autouse=True)
def handlers_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_nothing_is_requested_at_first() -> None:
    stop = Stop()
    assert not stop
    assert not stop.wait(timeout_s=0)


def test_a_request_stands_for_everyone_who_asks_later() -> None:
    stop = Stop()
    stop.request("the log is gone")
    assert stop
    assert stop.wait(timeout_s=0)
    assert stop.wait(timeout_s=0)


def test_the_first_reason_is_kept() -> None:
    stop = Stop()
    stop.request("first")
    stop.request("second")
    assert stop.reason == "first"


def test_a_request_from_another_thread_ends_a_wait() -> None:
    stop = Stop()
    threading.Timer(0.01, stop.request, ["enough"]).start()
    assert stop.wait(timeout_s=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_requests_a_stop_and_raises_nothing(number: signal.Signals) -> None:
    stop = stop_on_signals()
    os.kill(os.getpid(), number)
    assert stop.wait(timeout_s=10)
    assert stop.reason == number.name


def test_a_signal_ends_a_wait_in_the_thread_it_interrupts() -> None:
    stop = stop_on_signals()
    threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGTERM]).start()
    begun_s = time.monotonic()
    assert stop.wait(timeout_s=10)
    assert time.monotonic() - begun_s < 5


def test_two_signals_at_once_are_one_request() -> None:
    exits: list[int] = []
    stop_on_signals(exits.append)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    assert exits == []


def test_a_second_signal_later_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SAME_REQUEST_S", 0)
    exits: list[int] = []
    stop_on_signals(exits.append)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert exits == [128 + signal.SIGTERM]
