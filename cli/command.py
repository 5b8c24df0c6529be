"""What the commands have in common: examples in their help, `--json`, and how values are typed."""

import re
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import click

from ledger.money import NotAnAmount, parse_usd
from ledger.usage import Tier, is_id

T = TypeVar("T")

MINUTE_MS: Final = 60_000
SUMMARY_WIDTH: Final = 100


def examples(*lines: str) -> str:
    """An epilog that shows what to type; every command has one."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


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


class _Dollars(_Typed[int]):
    name = "dollars"

    def read(self, text: str) -> int:
        try:
            return parse_usd(text)
        except NotAnAmount as error:
            raise ValueError(f"{error}.") from None


class _Tier(_Typed[Tier]):
    name = "tier"

    def read(self, text: str) -> Tier:
        try:
            return Tier(text.upper())
        except ValueError:
            tiers = ", ".join(tier.lower() for tier in Tier)
            raise ValueError(f"{text!r} is none of {tiers}.") from None


class _Count(_Typed[int]):
    name = "count"

    def read(self, text: str) -> int:
        if not text.isdecimal() or int(text) == 0:
            raise ValueError(f"{text!r} is not a number from 1 on.")
        return int(text)


class _Seconds(_Typed[float]):
    name = "seconds"

    def read(self, text: str) -> float:
        if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) is None or float(text) == 0:
            raise ValueError(f"{text!r} is not a number of seconds; write it like 10 or 0.5.")
        return float(text)


class _Duration(_Typed[int]):
    """`10:00` (minutes and seconds), `600s` or `10m`, as milliseconds."""

    name = "duration"

    def read(self, text: str) -> int:
        if clock := re.fullmatch(r"(\d{1,4}):([0-5]\d)", text):
            return int(clock[1]) * MINUTE_MS + int(clock[2]) * 1000
        if counted := re.fullmatch(r"(\d{1,6})([ms])", text):
            return int(counted[1]) * (MINUTE_MS if counted[2] == "m" else 1000)
        raise ValueError(f"{text!r} is not a duration; write it like 10:00, 10m or 600s.")


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


ID: Final = _Id()
DOLLARS: Final = _Dollars()
TIER: Final = _Tier()
COUNT: Final = _Count()
SECONDS: Final = _Seconds()
DURATION: Final = _Duration()
MOMENT: Final = _Moment()

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
