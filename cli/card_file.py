"""Rate cards as files that people edit: YAML with units, read with every fault by its line.

Prices stay text until they are micro-dollars: no float comes near them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from ledger.money import NotAnAmount, format_usd, parse_usd
from ledger.rates import (
    CRAWLER_LINE,
    DEFAULT_CARD_ID,
    INPUT_TOKENS_LINE,
    MS_PER_HOUR,
    OUTPUT_TOKENS_LINE,
    PER_CALL,
    PER_CRAWLER_HOUR,
    PER_MILLION_TOKENS,
    PER_OVERAGE_MINUTE,
    PRICE_MICROS_MAX,
    RateCard,
    RateLine,
    call_line,
    overage_line,
)
from ledger.usage import CallOutcome, Tier, is_id

UNITS: Final[Mapping[str, str]] = {
    **{
        line: PER_OVERAGE_MINUTE if line == overage_line(tier) else PER_CALL
        for tier in Tier
        for line in (*(call_line(tier, outcome) for outcome in CallOutcome), overage_line(tier))
    },
    CRAWLER_LINE: PER_CRAWLER_HOUR,
    INPUT_TOKENS_LINE: PER_MILLION_TOKENS,
    OUTPUT_TOKENS_LINE: PER_MILLION_TOKENS,
}
"""Every line that a card can price, and per what."""

ORDER: Final = {line: place for place, line in enumerate(UNITS)}
HEAD: Final = """\
# A rate card. Prices are US dollars, before tax; a line that is missing is never guessed: usage
# that needs it waits for review. Check with `ledger rates lint`, see what would change with
# `ledger rates diff`, and publish with `ledger rates publish`.

# `default` prices every tenant without a card of its own; any other name is a card that
# `ledger rates assign` gives to tenants.
card: {card_id}

# From when on (UTC): a full hour, at least an hour after it is published. What began before keeps
# its price.
effective_from: {effective_from}
"""


class Mark(Protocol):
    """Where something stands in a file, the first line being 0."""

    line: int


class Node(Protocol):
    """A part of a YAML file as it stands there; the library's own types are incomplete."""

    id: str
    value: Any
    start_mark: Mark


class Fault(NamedTuple):
    """What is wrong at a line of the file, or (a warning) what will be missed."""

    line: int
    message: str
    is_warning: bool = False


class Draft(NamedTuple):
    """A card as a file has it: no version yet."""

    card_id: str
    effective_from_ms: int
    lines: tuple[RateLine, ...]


class CardFile(NamedTuple):
    """What was read; the draft is None if there is a fault beside warnings."""

    draft: Draft | None
    faults: list[Fault]


def read_card_file(path: Path) -> CardFile:
    """Read a card; raises OSError if there is no such file."""
    compose = cast(Callable[[str], Node | None], cast(Any, YAML(typ="safe", pure=True)).compose)
    try:
        root = compose(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = cast(Mark | None, error.problem_mark)
        problem = cast(Any, error).problem
        return CardFile(None, [Fault(mark.line + 1 if mark else 1, f"not YAML: {problem}")])
    except UnicodeDecodeError as error:
        return CardFile(None, [Fault(1, f"not UTF-8: {error}")])
    return _Reader().read(root)


def card_text(card: RateCard, effective_from_ms: int) -> str:
    """A file that says what the card says, with its units, to be edited."""
    prices = {line.line: line for line in card.lines}
    text = HEAD.format(
        card_id=card.card_id, effective_from=f"{_moment(effective_from_ms):%Y-%m-%dT%H:%MZ}"
    )
    text += (
        "\n# A completed call, by the tier of its scenario and its outcome; an overage minute is\n"
    )
    text += "# one begun beyond 5:00, where the duration cap was raised.\ncalls:\n"
    for tier in Tier:
        text += f"  {tier.lower()}:\n"
        for outcome in CallOutcome:
            text += _line(4, outcome.lower(), prices.get(call_line(tier, outcome)))
        text += _line(4, "overage_minute", prices.get(overage_line(tier)))
    text += (
        "\n# Per crawler-hour, to the millisecond, of a run with more than 100 pages.\ncrawls:\n"
    )
    text += _line(2, "hour", prices.get(CRAWLER_LINE))
    text += "\n# Per million tokens.\nchat:\n"
    text += _line(2, "input_tokens", prices.get(INPUT_TOKENS_LINE))
    return text + _line(2, "output_tokens", prices.get(OUTPUT_TOKENS_LINE))


def _line(indent: int, name: str, line: RateLine | None) -> str:
    if line is None:
        return f"{' ' * indent}# {name}:\n"
    price = format_usd(line.price_micros).replace("$", "").replace(",", "")
    example = "  # an example: set your own" if line.is_example else ""
    return f"{' ' * indent}{name}: {price}{example}\n"


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


class _Reader:
    """Walks the file's nodes, and goes on after a fault."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lines: dict[str, RateLine] = {}
        self._named: set[str] = set()

    def read(self, root: Node | None) -> CardFile:
        entries = list(self._entries(root, ""))
        top = {str(key.value): value for key, value in entries}
        card_id = self._card_id(top)
        effective_from_ms = self._effective_from(top)
        for key, node in entries:
            name = str(key.value)
            if name in ("calls", "crawls", "chat"):
                self._prices(node, name)
            elif name not in ("card", "effective_from"):
                self._fault(key, f"{name!r} is none of card, effective_from, calls, crawls, chat")
        missing = [line for line in UNITS if line not in self._named]
        if missing and self._named:
            message = f"no price for {', '.join(missing)}: usage that needs it waits for review"
            self._faults.append(Fault(0, message, is_warning=True))
        elif not self._named:
            self._faults.append(Fault(1, "no price at all; `ledger rates example` shows a card"))
        self._faults.sort(key=lambda fault: (fault.is_warning, fault.line))
        if any(not fault.is_warning for fault in self._faults):
            return CardFile(None, self._faults)
        lines = tuple(sorted(self._lines.values(), key=lambda line: ORDER[line.line]))
        return CardFile(Draft(card_id, effective_from_ms, lines), self._faults)

    def _entries(self, node: Node | None, path: str) -> Iterator[tuple[Node, Node]]:
        """A mapping's names and values; each name once."""
        if node is None or node.id != "mapping":
            self._fault(node, f"{path or 'a card'} has to be `name: value` lines")
            return
        seen: set[str] = set()
        pairs: list[tuple[Node, Node]] = node.value
        for key, value in pairs:
            name = str(key.value)
            if name in seen:
                self._fault(key, f"{_joined(path, name)} stands there twice")
                continue
            seen.add(name)
            yield key, value

    def _prices(self, node: Node, path: str) -> None:
        for key, value in self._entries(node, path):
            name = str(key.value)
            line = _joined(path, name)
            if line in UNITS:
                self._price(line, value)
            elif any(known.startswith(f"{line}.") for known in UNITS):
                self._prices(value, line)
            else:
                below = (
                    one.removeprefix(f"{path}.") for one in UNITS if one.startswith(f"{path}.")
                )
                names = ", ".join(dict.fromkeys(one.partition(".")[0] for one in below))
                self._fault(key, f"{name!r} is none of {path}'s lines: {names}")

    def _price(self, line: str, node: Node) -> None:
        self._named.add(line)
        text = _scalar(node)
        try:
            micros = parse_usd(text)
        except NotAnAmount:
            return self._fault(node, f"{line}: {text!r} is not a price; write dollars, like 0.90")
        if not 0 <= micros <= PRICE_MICROS_MAX:
            most = format_usd(PRICE_MICROS_MAX)
            return self._fault(node, f"{line}: a price lies between $0.00 and {most}")
        self._lines[line] = RateLine(line, UNITS[line], micros)
        return None

    def _card_id(self, top: Mapping[str, Node]) -> str:
        node = top.get("card")
        card_id = _scalar(node)
        if not is_id(card_id):
            self._fault(node, f"card: a name of 1 to 64 characters, like {DEFAULT_CARD_ID}")
        return card_id

    def _effective_from(self, top: Mapping[str, Node]) -> int:
        node = top.get("effective_from")
        text = _scalar(node)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self._fault(node, f"effective_from: {text!r} is not a moment like 2026-12-01T00:00Z")
            return 0
        if moment.tzinfo is None:
            self._fault(node, "effective_from: say which zone; UTC is a Z, like 2026-12-01T00:00Z")
            return 0
        ms = round(moment.timestamp() * 1000)
        if ms % MS_PER_HOUR or ms < 0:
            self._fault(node, f"effective_from: {text} is not a full hour (UTC)")
        return ms

    def _fault(self, node: Node | None, message: str) -> None:
        line = 1 if node is None else node.start_mark.line + 1
        self._faults.append(Fault(line, message))


def _scalar(node: Node | None) -> str:
    return str(node.value) if node is not None and node.id == "scalar" else ""


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
