"""`ledger rates`: rate cards as files, checked, compared, published, and given to tenants."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from cli import settings
from cli.asking import Asking, asks
from cli.card_file import ORDER, CardFile, Draft, card_text, read_card_file
from cli.cluster import quiet_kafka
from cli.command import COUNT, HOUR, ID, SECONDS, Group, examples, json_option, now_ms
from cli.errors import Refused
from cli.reading import read_models
from cli.show import print_json, print_rows, shown_time
from ledger.commands import AssignCard
from ledger.money import format_usd
from ledger.rates import DEFAULT_CARD_ID, MS_PER_HOUR, RateLine

if TYPE_CHECKING:
    from cli.publishing import Published
    from ledger.rates import PublishedCard

CARDS: Final = {
    "card_id": "Card",
    "card_version": "Version",
    "effective_from_ms": "In force from (UTC)",
    "published_by": "Published by",
    "reason": "Because",
    "adopted": "Adopted by",
}
LINES: Final = {"line": "Line", "price_micros": "Price", "unit": "Per", "note": ""}
CHANGES: Final = {
    "line": "Line",
    "unit": "Per",
    "before_micros": "Before",
    "after_micros": "After",
    "change": "Change",
}
CARD_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
NEXT_HOURS: Final = 2


@click.group("rates", cls=Group)
def rates() -> None:
    """Check, compare and publish rate cards, and give them to tenants.

    A card is a file with a price for every line. What is published gets the next version, takes
    effect on a full hour at least an hour ahead, and never changes what began before.
    """


@rates.command("example", epilog=examples("ledger rates example > card.yaml"))
@click.argument("card_id", metavar="[CARD]", type=ID, default=DEFAULT_CARD_ID)
@json_option
def example(card_id: str, as_json: bool) -> None:
    """Print the newest version of CARD as a file to edit, in force from the hour after next.

    A card that nobody published yet begins as the shipped one.
    """
    from ledger.rates import DEFAULT_CARD, RateCard

    newest = _newest(_published(), card_id)
    lines = DEFAULT_CARD.lines if newest is None else newest.lines
    effective_from_ms = (now_ms() // MS_PER_HOUR + NEXT_HOURS) * MS_PER_HOUR
    if as_json:
        print_json(Draft(card_id, effective_from_ms, lines)._asdict())
    else:
        card = RateCard(card_id, 1, effective_from_ms, lines)
        click.echo(card_text(card, effective_from_ms), nl=False)


@rates.command("lint", epilog=examples("ledger rates lint card.yaml"))
@click.argument("file", type=CARD_FILE)
@json_option
def lint(file: Path, as_json: bool) -> None:
    """Check FILE: every fault with its line, and every price that is missing.

    Exit code 1 if it could not be published.
    """
    read = read_card_file(file)
    if as_json:
        print_json({"draft": read.draft, "faults": [fault._asdict() for fault in read.faults]})
    _draft(file, read, say=not as_json)
    if not as_json:
        click.echo(f"{file} can be published.")


@rates.command("diff", epilog=examples("ledger rates diff card.yaml"))
@click.argument("file", type=CARD_FILE)
@json_option
def diff(file: Path, as_json: bool) -> None:
    """Show what FILE would change, line by line, against the newest version of its card."""
    draft = _draft(file, read_card_file(file))
    newest = _newest(_published(), draft.card_id)
    rows = changes(newest.lines if newest else (), draft.lines)
    if as_json:
        print_json({"card_id": draft.card_id, "changes": rows})
    else:
        _tell_changes(draft, newest, rows)


@rates.command(
    "publish",
    epilog=examples(
        "ledger rates publish card.yaml --reason 'prices of 2027'",
        "ledger rates publish card.yaml --reason 'prices of 2027' --yes",
    ),
)
@click.argument("file", type=CARD_FILE)
@click.option("--reason", required=True, metavar="TEXT", help="Why; recorded with the card.")
@click.option("--yes", is_flag=True, help="Do not ask whether the changes are meant.")
@click.option(
    "--timeout", "timeout_s", type=SECONDS, default="30", show_default=True,
    help="How long to wait for every partition.",
)  # fmt: skip
@json_option
def publish(file: Path, reason: str, yes: bool, timeout_s: float, as_json: bool) -> None:
    """Show what FILE changes, ask whether it is meant, and publish it as its card's next version.

    It is published once every partition adopted it. Exit code 3 if some did not in time: they go
    on with the old prices, and `ledger rates adopt` asks them again.
    """
    from cli.publishing import publish_card

    draft = _draft(file, read_card_file(file))
    if draft.effective_from_ms < now_ms() + MS_PER_HOUR:
        raise Refused(
            f"{file}: effective_from has to lie at least an hour ahead, so that no partition is"
            " late; nothing was published."
        )
    newest = _newest(_published(), draft.card_id)
    rows = changes(newest.lines if newest else (), draft.lines)
    if not as_json:
        _tell_changes(draft, newest, rows)
    if not yes:
        click.confirm("\nPublish it?", abort=True, err=True)
    actor = settings.load().actor
    _tell_published(publish_card(draft, newest, actor, reason, timeout_s), as_json=as_json)


@rates.command("adopt", epilog=examples("ledger rates adopt default 2"))
@click.argument("card_id", metavar="CARD", type=ID)
@click.argument("version", type=COUNT)
@click.option(
    "--timeout", "timeout_s", type=SECONDS, default="30", show_default=True,
    help="How long to wait for every partition.",
)  # fmt: skip
@json_option
def adopt(card_id: str, version: int, timeout_s: float, as_json: bool) -> None:
    """Ask the partitions again that did not adopt VERSION of CARD when it was published."""
    from cli.publishing import adopt_card

    card = next((one for one in _published() if one.name == (card_id, version)), None)
    if card is None:
        raise Refused(f"{card_id} {version} was never published; `ledger rates show` lists all.")
    with read_models() as reading:
        from projections import cards

        adopted = {row.partition for row in cards.adopted(reading.database, card_id, version)}
    _tell_published(adopt_card(card, adopted, timeout_s), as_json=as_json)


@rates.command(
    "show",
    epilog=examples("ledger rates show", "ledger rates show agency", "ledger rates show --of acme"),
)
@click.argument("card_id", metavar="[CARD]", type=ID, required=False)
@click.option("--of", "tenant", type=ID, help="The card that prices this tenant.")
@json_option
def show(card_id: str | None, tenant: str | None, as_json: bool) -> None:
    """List the cards that were published, or show the prices of the newest version of CARD."""
    from projections import cards

    with read_models(tenant) as reading:
        adopted = cards.every(reading.database)
    if reading.wallet is not None:
        card_id = reading.wallet.card_id or DEFAULT_CARD_ID
        since_ms = reading.wallet.card_from_ms
        if not as_json:
            since = f" from {shown_time(since_ms)} UTC on" if since_ms is not None else ""
            click.echo(f"{tenant} is priced by {card_id}{since}.\n")
    published = [one for one in _published() if card_id in (None, one.card_id)]
    if not published:
        raise Refused(f"Nobody published a card {card_id!r}; `ledger rates show` lists all.")
    rows = [_card_row(one, sum(row.name == one.name for row in adopted)) for one in published]
    if as_json:
        print_json({"cards": rows, "behind_records": reading.behind})
        return
    print_rows(CARDS, rows)
    newest = None if card_id is None else _newest(published, card_id)
    if newest is not None:
        click.echo(f"\nVersion {newest.card_version}:\n")
        print_rows(LINES, [_line_row(line) for line in newest.lines])


@rates.command(
    "assign",
    epilog=examples(
        "ledger rates assign acme agency --from 2026-12-01T00:00 --reason 'contract of 3 May'",
        "ledger rates assign acme default --from 2027-01-01T00:00 --reason 'contract ended'",
    ),
)
@click.argument("tenant", type=ID)
@click.argument("card_id", metavar="CARD", type=ID)
@click.option(
    "--from", "from_ms", type=HOUR, required=True, metavar="HOUR",
    help="From which full hour on (UTC), at least an hour ahead.",
)  # fmt: skip
@asks
def assign(asking: Asking, tenant: str, card_id: str, from_ms: int) -> None:
    """Price what TENANT begins from HOUR on by CARD: its own, or `default` again.

    The card has to be in force by then. A reason is needed.
    """
    command = AssignCard(**asking.with_reason(tenant), card_id=card_id, from_ms=from_ms)
    asking.ask(command, f"{card_id} prices {tenant} from {shown_time(from_ms)} UTC on.")


# ── Inner parts ──


def changes(before: Iterable[RateLine], after: Iterable[RateLine]) -> list[dict[str, object]]:
    """Every line of either, with both prices, and the difference in percent."""
    old, new = ({line.line: line for line in lines} for lines in (before, after))
    rows: list[dict[str, object]] = []
    for name in sorted(old | new, key=lambda name: (ORDER.get(name, len(ORDER)), name)):
        was, now = old.get(name), new.get(name)
        rows.append(
            {
                "line": name,
                "unit": (now or was or RateLine(name, "", 0)).unit,
                "before_micros": was and was.price_micros,
                "after_micros": now and now.price_micros,
                "change": _change(was, now),
            }
        )
    return rows


def _change(was: RateLine | None, now: RateLine | None) -> str:
    if was is None or now is None:
        return "new" if was is None else "no price any more"
    if was.price_micros == now.price_micros:
        return "–"
    difference = now.price_micros - was.price_micros
    if was.price_micros == 0:
        return f"+{format_usd(difference)}"
    return f"{100 * difference / was.price_micros:+.1f} %"


def _draft(file: Path, read: CardFile, *, say: bool = True) -> Draft:
    """What was read; raises Refused if it could not be published."""
    for fault in read.faults if say else ():
        kind = "warning" if fault.is_warning else "fault"
        place = f"{file}:{fault.line}" if fault.line else str(file)
        click.echo(f"{place}: {kind}: {fault.message}", err=True)
    if read.draft is None:
        raise Refused(f"{file} cannot be published as it is.")
    return read.draft


def _published() -> "list[PublishedCard]":
    from cli.publishing import published_cards

    return published_cards(quiet_kafka(settings.load()))


def _newest(published: "Sequence[PublishedCard]", card_id: str) -> "PublishedCard | None":
    of_card = [one for one in published if one.card_id == card_id]
    return max(of_card, key=lambda one: one.card_version, default=None)


def _tell_changes(
    draft: Draft, newest: "PublishedCard | None", rows: list[dict[str, object]]
) -> None:
    version = "nothing: it is new" if newest is None else f"version {newest.card_version}"
    click.echo(
        f"{draft.card_id}, in force from {shown_time(draft.effective_from_ms)} UTC on,"
        f" compared with {version}:\n"
    )
    print_rows(CHANGES, rows)


def _tell_published(published: "Published", *, as_json: bool) -> None:
    from cli.errors import Unavailable

    card = published.card
    name = f"{card.card_id} {card.card_version}"
    if as_json:
        print_json(
            {
                "card_id": card.card_id,
                "card_version": card.card_version,
                "adopted_by": sorted(published.adopted),
                "missing": sorted(published.missing),
            }
        )
    if published.missing:
        again = f"ledger rates adopt {quote(card.card_id)} {card.card_version}"
        missing = ", ".join(map(str, sorted(published.missing)))
        raise Unavailable(
            f"{name} is published, but these partitions did not adopt it yet: {missing}. They price"
            f" as before. A processor adopts it as soon as one runs (see `ledger doctor`); to ask"
            f" again: `{again}`, before {shown_time(card.effective_from_ms - MS_PER_HOUR)} UTC."
        )
    if not as_json:
        from_ = shown_time(card.effective_from_ms)
        click.echo(f"\nPublished {name}: all partitions adopted it; in force from {from_} UTC on.")


def _card_row(card: "PublishedCard", partitions: int) -> dict[str, object]:
    of = settings.load().partitions
    return {
        **asdict(card),
        "published_by": card.actor,
        "adopted": "all partitions" if partitions >= of else f"{partitions} of {of} partitions",
    }


def _line_row(line: RateLine) -> dict[str, object]:
    return {**asdict(line), "note": "an example: set your own" if line.is_example else " "}
