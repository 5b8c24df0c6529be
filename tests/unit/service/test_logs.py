"""Log lines carry who wrote them, and never a secret."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from service import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    yield io.StringIO()
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before


@pytest.fixture
def json_lines(stream: io.StringIO) -> io.StringIO:
    logs.configure("processor", "processor-1", stream=stream)
    return stream


def last_line(stream: io.StringIO) -> dict[str, Any]:
    return json.loads(stream.getvalue().splitlines()[-1])


def test_a_line_is_json_with_the_standard_fields(json_lines: io.StringIO) -> None:
    logs.log(partition=3).info("partition restored", events=12)
    line = last_line(json_lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "service": "processor",
        "instance": "processor-1",
        "level": "info",
        "event": "partition restored",
        "partition": 3,
        "events": 12,
    }


def test_a_line_under_the_level_is_left_out(json_lines: io.StringIO) -> None:
    logs.log().debug("noise")
    assert json_lines.getvalue() == ""


def test_a_line_for_people_is_short(stream: io.StringIO) -> None:
    logs.configure("processor", "processor-1", form="text", stream=stream)
    logs.log().info("partition restored", events=12)
    assert stream.getvalue().endswith("[info] partition restored events=12\n")


def test_a_logger_made_before_the_configuration_follows_it(stream: io.StringIO) -> None:
    early = logs.log(partition=3)
    logs.configure("processor", "processor-1", stream=stream)
    early.info("hello")
    assert last_line(stream)["service"] == "processor"


def test_lines_of_libraries_take_the_same_shape(json_lines: io.StringIO) -> None:
    logging.getLogger("yoyo").warning("applied %d", 3, extra={"model": "wallets"})
    line = last_line(json_lines)
    assert (line["event"], line["service"]) == ("applied 3", "processor")
    assert line["model"] == "wallets"


def test_warnings_are_lines_too(json_lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old setting", stacklevel=1)
    assert "old setting" in last_line(json_lines)["event"]


def test_an_error_keeps_its_trace_in_one_line(json_lines: io.StringIO) -> None:
    try:
        raise ValueError("no such wallet")
    except ValueError:
        logs.log().exception("refused")
    assert json_lines.getvalue().count("\n") == 1
    assert "ValueError: no such wallet" in last_line(json_lines)["exception"]


def test_a_crash_of_a_thread_is_a_line(json_lines: io.StringIO) -> None:
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert last_line(json_lines)["event"] == "crashed"
    assert "ZeroDivisionError" in last_line(json_lines)["exception"]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("password", "hunter2", "***"),
        ("stripe_api_key", "sk_live_1", "***"),
        ("Authorization", "Bearer x", "***"),
        ("url", "postgresql://web:hunter2@db/ledger", "postgresql://web:***@db/ledger"),
        ("url", "postgresql://db/ledger", "postgresql://db/ledger"),
        ("input_tokens", 12, 12),
    ],
)
def test_a_secret_is_masked(
    json_lines: io.StringIO, field: str, value: object, shown: object
) -> None:
    logs.log().info("connecting", **{field: value})
    assert last_line(json_lines)[field] == shown


def test_a_trace_for_people_shows_no_local_variables(stream: io.StringIO) -> None:
    logs.configure("processor", "processor-1", form="text", stream=stream)
    password = "hunter" + "2"
    try:
        raise ValueError(len(password))
    except ValueError:
        logs.log().exception("refused")
    assert "ValueError: 7" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
