"""Log lines as people read them."""

import json

import pytest

from devstack.log_lines import readable


def line(**fields: object) -> str:
    return json.dumps({"timestamp": "no time", "level": "info", "event": "ready"} | fields)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (line(), ["--:--:-- info    ready"]),
        (line(service="web", instance="1"), ["--:--:-- info    ready"]),
        (line(partition=3, tenant="t"), ["--:--:-- info    ready partition=3 tenant=t"]),
        (line(reason="no disk"), ['--:--:-- info    ready reason="no disk"']),
        (line(level="warning", event="slow"), ["--:--:-- warning slow"]),
        (line(exception="a\nError: x"), ["--:--:-- info    ready", "    a", "    Error: x"]),
        ("plain text", ["plain text"]),
        ('["a list"]', ['["a list"]']),
        ('{"no": "event"}', ['{"no": "event"}']),
    ],
)  # fmt: skip
def test_a_line_is_shown_in_short(written: str, shown: list[str]) -> None:
    assert readable(written, colour=False) == shown


def test_the_time_is_the_readers() -> None:
    shown = readable(line(timestamp="2026-03-01T10:20:30.123Z"), colour=False)[0]
    assert shown.split()[0].endswith(":30")


def test_an_error_is_red_where_there_is_colour() -> None:
    assert readable(line(level="error"), colour=True)[0].startswith("\x1b[31m")
