"""Files of commands and usage, as `devstack.traffic` writes them, made into records to publish.

Each is named after its topic, `<topic>.jsonl`. Its times are milliseconds relative to a start.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, cast

import click
import msgspec

from devstack.traffic import Line
from eventlog.producer import Publication
from eventlog.topics import USAGE_CALLS, USAGE_CHAT, USAGE_CRAWLS, WALLET_COMMANDS
from ledger import commands
from ledger.usage import CallUsage, ChatUsage, CrawlUsage
from schemas import codec

# What a file may leave out, at the schema's defaults.
USAGE_DEFAULTS: Final = {"corrects": None, "withdrawn": False}
CALL_DEFAULTS: Final = {**USAGE_DEFAULTS, "hold_id": None}
TIMES: Final = re.compile("started_at|ended_at|occurred_at|(live_|effective_)?from_ms")
USAGE: Final[Mapping[str, Callable[[Mapping[str, Any]], bytes]]] = {
    USAGE_CALLS.name: lambda fields: codec.calls.encode(
        msgspec.convert({**CALL_DEFAULTS, **fields}, CallUsage)
    ),
    USAGE_CRAWLS.name: lambda fields: codec.crawls.encode(
        msgspec.convert({**USAGE_DEFAULTS, **fields}, CrawlUsage)
    ),
    USAGE_CHAT.name: lambda fields: codec.chat.encode(
        msgspec.convert({**USAGE_DEFAULTS, **fields}, ChatUsage)
    ),
}

Phases = list[tuple[int, list[Publication]]]


def read(files: list[Path], start_ms: int) -> Phases:
    """The records of all files by phase, in order; what belongs to a later phase waits for it.

    Raises click's BadParameter, naming the line.
    """
    records = [record for file in files for record in _records(file, start_ms)]
    records.sort(key=itemgetter(0))
    return [
        (phase, [record for _, record in of_phase])
        for phase, of_phase in groupby(records, itemgetter(0))
    ]


def _records(file: Path, start_ms: int) -> Iterator[tuple[int, Publication]]:
    topic = file.name.removesuffix(".jsonl")
    if topic not in (*USAGE, WALLET_COMMANDS.name):
        raise click.BadParameter(f"{file.name} is not named after a topic of usage or commands.")
    for number, text in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            line = msgspec.json.decode(text, type=Line)
            yield line.phase, _record(topic, line, start_ms)
        except (msgspec.MsgspecError, AttributeError, KeyError, TypeError) as error:
            raise click.BadParameter(f"{file}, line {number}: {error}") from error


def _record(topic: str, line: Line, start_ms: int) -> Publication:
    headers = [
        (name, str(start_ms + offset_ms).encode()) for name, offset_ms in line.headers_ms.items()
    ]
    if line.value is None:
        value, key = line.raw or b"", line.key or ""
    else:
        moved = _moved(line.value, start_ms)
        value = USAGE[topic](moved) if topic in USAGE else _command(moved)
        key = line.key or str(line.value["tenant_id"])
    return Publication(topic, key.encode(), value, headers)


def _command(fields: Mapping[str, Any]) -> bytes:
    [(name, body)] = fields["body"].items()
    kind: type[commands.Command] = getattr(commands, name)
    around = {field: value for field, value in fields.items() if field != "body"}
    return codec.asked.encode(msgspec.convert({**around, **body}, kind))


def _moved(value: Any, start_ms: int) -> Any:
    """The same fields with times counted from 1970, inside too."""
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    return {
        name: part + start_ms
        if TIMES.fullmatch(name) and isinstance(part, int)
        else _moved(part, start_ms)
        for name, part in fields.items()
    }
