"""Log lines for people: our services' JSON in short, anything else as it is."""

import json
from datetime import datetime
from typing import cast

# Shown in front, or known from the prefix of the line.
NOT_AS_FIELDS = {"timestamp", "level", "event", "service", "instance", "exception"}
COLOURS = {"warning": "33", "error": "31", "critical": "31"}


def readable(line: str, *, colour: bool) -> list[str]:
    """`time level event key=value …`, and the lines of an exception below it."""
    try:
        entry: object = json.loads(line)
    except ValueError:
        return [line]
    if not isinstance(entry, dict) or "event" not in entry:
        return [line]
    fields = cast("dict[str, object]", entry)
    level = str(fields.get("level", "info"))
    shown = [f"{name}={_value(v)}" for name, v in fields.items() if name not in NOT_AS_FIELDS]
    short = " ".join([_time(fields.get("timestamp")), f"{level:<7}", str(fields["event"]), *shown])
    if colour and level in COLOURS:
        short = painted(short, COLOURS[level])
    return [short, *(f"    {row}" for row in str(fields.get("exception", "")).splitlines())]


def painted(text: str, colour: str) -> str:
    """The text in one of the terminal's colours."""
    return f"\x1b[{colour}m{text}\x1b[0m"


def _time(timestamp: object) -> str:
    try:
        return datetime.fromisoformat(str(timestamp)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return "--:--:--"


def _value(value: object) -> str:
    if isinstance(value, str) and value and not any(c.isspace() or c in '"=' for c in value):
        return value
    return json.dumps(value, ensure_ascii=False)
