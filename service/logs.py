"""Log lines: JSON for machines, short text for people, the same fields in both."""

import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

Log = FilteringBoundLogger
Form = Literal["auto", "json", "text"]

# Names of values that must not reach a log, and the password inside a URL.
SECRET_NAME = re.compile(r"(password|secret|token|authorization|api_?key|cookie)$", re.IGNORECASE)
URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")


def log(**fields: object) -> Log:
    """Give a logger that adds these fields to each line: `log(partition=3).info("restored")`.

    The message is a sentence's start that never varies; what varies goes into the fields.
    """
    return cast("Log", structlog.get_logger(**fields))


def configure(
    service: str,
    instance: str,
    *,
    form: Form = "auto",
    level: str = "info",
    stream: TextIO = sys.stderr,
) -> None:
    """Send all log lines of this process, libraries' and crashes included, to one stream.

    `auto` is text on a terminal and JSON elsewhere. Text leaves out service and instance: who
    reads it there knows which process it is, or has a supervisor that prefixes each line.
    """
    text = form == "text" or (form == "auto" and stream.isatty())
    minimum = logging.getLevelNamesMapping()[level.upper()]
    fields: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if text else "iso", utc=not text),
        *([] if text else [_standard_fields(service, instance)]),
        _without_secrets,
    ]
    rendering: list[Processor] = (
        [_for_people(stream)]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    )
    structlog.configure(
        processors=[*fields, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(minimum),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _capture_libraries(fields, rendering, minimum, stream)
    sys.excepthook = _log_crash
    threading.excepthook = lambda crash: _log_crash(
        crash.exc_type, crash.exc_value, crash.exc_traceback
    )


def _capture_libraries(
    fields: list[Processor], rendering: list[Processor], minimum: int, stream: TextIO
) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *fields],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(level=minimum, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def _for_people(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        pad_event_to=0,
        pad_level=False,
        # The library's own choice prints local variables, and with them secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )


def _standard_fields(service: str, instance: str) -> Processor:
    def add(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {"service": service, "instance": instance, **line}

    return add


def _without_secrets(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    return {name: _masked(name, value) for name, value in line.items()}


def _masked(name: str, value: object) -> object:
    if SECRET_NAME.search(name):
        return "***"
    return URL_PASSWORD.sub(r"\1:***", value) if isinstance(value, str) else value


def _log_crash(kind: type[BaseException], error: BaseException | None, trace: object) -> None:
    log().critical("crashed", exc_info=(kind, error, trace))
