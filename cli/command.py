"""What the commands have in common: examples in their help, `--json`, and how values are typed."""

import re
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

import click

from eventlog.records import SOURCE_LENGTH_MAX, is_source
from ledger.commands import AMOUNT_MICROS_MAX, EVENT_ID_LENGTH_MAX
from ledger.money import NotAnAmount, format_usd, parse_usd
from ledger.rates import MS_PER_HOUR
from ledger.usage import DURATION_CAP_MS_MAX, Activity, Tier, Word, is_id

T = TypeVar("T")
W = TypeVar("W", bound=Word)

MINUTE_MS: Final = 60_000
SUMMARY_WIDTH: Final = 100


def examples(*lines: str) -> str:
    """An epilog that shows what to type; every command has one."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class AmountCommand(click.Command):
    """A command to which `-5` is an amount, and not an option that it does not know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.ignore_unknown_options = any(re.match(r"-\$?[.\d]", word) for word in args)
        return super().parse_args(ctx, args)


class Group(click.Group):
    """A group that lists its commands with their whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        held = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        list_commands("Commands", [command for command in held if command], formatter)


def list_commands(
    title: str, commands: list[click.Command], formatter: click.HelpFormatter
) -> None:
    """Write a section of a group's help."""
    with formatter.section(title):
        formatter.write_dl(
            [(str(part.name), part.get_short_help_str(SUMMARY_WIDTH)) for part in commands]
        )


class Position(NamedTuple):
    """Where a dead letter stands in `ledger.dlq`, which is its name."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class _Typed(click.ParamType[T], Generic[T]):
    """A parameter that is read by `read`, which raises ValueError with what would be right."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        if not isinstance(value, str):
            return value
        try:
            return self.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def read(self, text: str) -> T:
        raise NotImplementedError


class _Id(_Typed[str]):
    name = "id"

    def read(self, text: str) -> str:
        if not is_id(text):
            raise ValueError("An id has 1 to 64 printable characters.")
        return text


class _EventId(_Typed[str]):
    """An event of the ledger's: what a command printed, or a list shows."""

    name = "event"

    def read(self, text: str) -> str:
        if not 0 < len(text) <= EVENT_ID_LENGTH_MAX or not text.isprintable():
            raise ValueError(f"{text!r} is not an event's id, like g1.wallet.commands:3:17:0.")
        return text


class _Position(_Typed[Position]):
    """A dead letter's, as `ledger dlq list` shows it."""

    name = "position"

    def read(self, text: str) -> Position:
        found = re.fullmatch(r"(\d{1,4}):(\d{1,18})", text, re.ASCII)
        if found is None:
            raise ValueError(f"{text!r} is not a dead letter's position, like 3:17.")
        return Position(int(found[1]), int(found[2]))


class _Dollars(_Typed[int]):
    """Dollars as micro-dollars, from the least that is allowed to the most of any command."""

    name = "dollars"

    def __init__(self, least_micros: int) -> None:
        self._least_micros = least_micros

    def read(self, text: str) -> int:
        try:
            micros = parse_usd(text)
        except NotAnAmount as error:
            raise ValueError(f"{error}.") from None
        if micros == 0 and self._least_micros != 0:
            raise ValueError("An amount of $0.00 moves nothing.")
        if not self._least_micros <= micros <= AMOUNT_MICROS_MAX:
            least, most = format_usd(self._least_micros), format_usd(AMOUNT_MICROS_MAX)
            hint = " `ledger adjust` takes money off." if micros < 0 < self._least_micros else ""
            raise ValueError(f"{format_usd(micros)} does not lie between {least} and {most}.{hint}")
        return micros


class _Word(_Typed[W], Generic[W]):
    """A member of an enumeration, in whatever case."""

    def __init__(self, words: type[W]) -> None:
        self.name = words.__name__.lower()
        self._words = words

    def read(self, text: str) -> W:
        try:
            return self._words(text.upper())
        except ValueError:
            known = ", ".join(word.lower() for word in self._words)
            raise ValueError(f"{text!r} is none of {known}.") from None


class _Count(_Typed[int]):
    name = "count"

    def read(self, text: str) -> int:
        if not text.isdecimal() or int(text) == 0:
            raise ValueError(f"{text!r} is not a number from 1 on.")
        return int(text)


class _Partition(_Typed[int]):
    name = "partition"

    def read(self, text: str) -> int:
        if re.fullmatch(r"\d{1,4}", text, re.ASCII) is None:
            raise ValueError(f"{text!r} is not a partition, a number from 0 on.")
        return int(text)


class _Seconds(_Typed[float]):
    name = "seconds"

    def read(self, text: str) -> float:
        if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) is None or float(text) == 0:
            raise ValueError(f"{text!r} is not a number of seconds; write it like 10 or 0.5.")
        return float(text)


class _Duration(_Typed[int]):
    """How long a call may take: `10:00`, `600s` or `10m`, as milliseconds."""

    name = "duration"

    def read(self, text: str) -> int:
        if clock := re.fullmatch(r"(\d{1,4}):([0-5]\d)", text):
            ms = int(clock[1]) * MINUTE_MS + int(clock[2]) * 1000
        elif counted := re.fullmatch(r"(\d{1,6})([ms])", text):
            ms = int(counted[1]) * (MINUTE_MS if counted[2] == "m" else 1000)
        else:
            raise ValueError(f"{text!r} is not a duration; write it like 10:00, 10m or 600s.")
        if not 0 < ms <= DURATION_CAP_MS_MAX:
            most_minutes = DURATION_CAP_MS_MAX // MINUTE_MS
            raise ValueError(f"{text!r} does not lie between 1s and {most_minutes}m.")
        return ms


class _Source(_Typed[str]):
    """Who publishes, as records name it."""

    name = "source"

    def read(self, text: str) -> str:
        if not is_source(text):
            raise ValueError(
                f"{text!r} names no source: 1 to {SOURCE_LENGTH_MAX} printable ASCII characters."
            )
        return text


class _Moment(_Typed[int]):
    """`now`, or a date and time of ISO 8601, UTC unless it says otherwise, as UTC milliseconds."""

    name = "moment"

    def read(self, text: str) -> int:
        if text == "now":
            return now_ms()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is not a moment; write it like 2026-11-01 or 2026-11-01T09:30, or now."
            ) from None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


class _Hour(_Moment):
    """A moment that is a full hour."""

    name = "hour"

    def read(self, text: str) -> int:
        moment_ms = super().read(text)
        if moment_ms % MS_PER_HOUR:
            raise ValueError(f"{text!r} is not a full hour (UTC).")
        return moment_ms


ID: Final = _Id()
EVENT: Final = _EventId()
POSITION: Final = _Position()
DOLLARS: Final = _Dollars(1)
DOLLARS_OR_NONE: Final = _Dollars(0)
DOLLARS_UP_OR_DOWN: Final = _Dollars(-AMOUNT_MICROS_MAX)
TIER: Final = _Word(Tier)
ACTIVITY: Final = _Word(Activity)
COUNT: Final = _Count()
PARTITION: Final = _Partition()
SECONDS: Final = _Seconds()
DURATION: Final = _Duration()
MOMENT: Final = _Moment()
SOURCE_NAME: Final = _Source()
HOUR: Final = _Hour()

json_option: Final = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON: amounts in micro-dollars, times in UTC milliseconds.",
)
limit_option: Final = click.option(
    "--limit", type=COUNT, default="50", show_default=True, help="At most so many."
)


def now_ms() -> int:
    """This machine's clock."""
    return int(datetime.now(UTC).timestamp() * 1000)
