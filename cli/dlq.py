"""`ledger dlq`: inputs that were set aside, and what operators do with them."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from heapq import nlargest
from typing import TYPE_CHECKING, Any, Final

import click

from cli import settings
from cli.cluster import quiet_kafka
from cli.command import MOMENT, POSITION, Group, Position, examples, json_option, limit_option
from cli.errors import Refused, Unavailable
from cli.show import print_json, print_rows, shown
from ledger.commands import REASON_LENGTH_MAX

if TYPE_CHECKING:
    from cli.dead_letters import Letter, Resolutions, Wanted
    from cli.resolving import Answer
    from eventlog.settings import KafkaSettings

TOPICS: Final = ("usage.calls", "usage.crawls", "usage.chat", "wallet.commands")
LETTERS: Final = {
    "position": "Position",
    "set_aside_at_ms": "Set aside (UTC)",
    "code": "Reason",
    "stood_on": "Stood on",
    "key": "Key",
    "source": "Source",
    "became": "State",
    "message": "What is wrong",
}
COUNTS: Final = {
    "source": "Source",
    "code": "Reason",
    "open_count": "Open",
    "resent_count": "Resent",
    "dropped_count": "Dropped",
    "newest_at_ms": "Newest (UTC)",
}

Command = Callable[..., None]


@click.group("dlq", cls=Group)
def dlq() -> None:
    """List inputs that were set aside as dead letters, look into them, resend or drop them.

    They cannot be read, break their contract or stood in the wrong place. Each is kept byte for
    byte for 90 days. What is done with one is recorded for ever, with who did it and why.
    """


# ── Looking ──


def _selecting(function: Command) -> Command:
    """Give a command the options that choose among dead letters."""
    options = (
        click.option("--source", metavar="NAME", help="Only what this sender sent; `-`: unnamed."),
        click.option("--reason", "code", metavar="CODE", help="Only set aside for this reason."),
        click.option("--topic", type=click.Choice(TOPICS), help="Only what stood on this topic."),
        click.option(
            "--since", "since_ms", type=MOMENT, metavar="MOMENT", help="Only set aside since (UTC)."
        ),
        json_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


@dlq.command(
    "list",
    epilog=examples(
        "ledger dlq list",
        "ledger dlq list --source platform-calls --since 2026-11-01",
        "ledger dlq list --reason wrong_partition --all --json",
    ),
)
@_selecting
@click.option("--all", "everything", is_flag=True, help="What was resent or dropped, too.")
@click.option(
    "--positions", "only_positions", is_flag=True, help="Print nothing but positions, for `xargs`."
)
@limit_option
def list_letters(
    source: str | None,
    code: str | None,
    topic: str | None,
    since_ms: int | None,
    everything: bool,
    only_positions: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show the dead letters that nothing was done with, the newest first.

    The source is what the sender calls itself, in the header `source` of its records.
    """
    from cli.dead_letters import LetterState, Wanted

    rows = _rows(Wanted(source, code, topic), since_ms or 0)
    asked = (row for row in rows if everything or row["state"] is LetterState.OPEN)
    # A row is small, however large the letter: only so many are kept.
    found = nlargest(limit, asked, key=lambda row: (row["set_aside_at_ms"], row["offset"]))
    if as_json:
        print_json({"dead_letters": found})
    elif only_positions:
        for row in found:
            click.echo(row["position"])
    elif found:
        print_rows(LETTERS, found)
    else:
        click.echo("There are no such dead letters." if everything else "No dead letter is open.")


@dlq.command("counts", epilog=examples("ledger dlq counts", "ledger dlq counts --topic usage.chat"))
@_selecting
def counts(
    source: str | None, code: str | None, topic: str | None, since_ms: int | None, as_json: bool
) -> None:
    """Count the dead letters that are kept, by source and reason, and what became of them."""
    from cli.dead_letters import LetterState, Wanted

    counted: dict[tuple[str, str], Counter[str]] = {}
    newest: dict[tuple[str, str], int] = {}
    for row in _rows(Wanted(source, code, topic), since_ms or 0):
        kind = row["source"], row["code"]
        counted.setdefault(kind, Counter())[row["state"]] += 1
        newest[kind] = max(newest.get(kind, 0), row["set_aside_at_ms"])
    rows = [
        {
            "source": kind[0],
            "code": kind[1],
            "open_count": states[LetterState.OPEN],
            "resent_count": states[LetterState.RESENT],
            "dropped_count": states[LetterState.DROPPED],
            "newest_at_ms": newest[kind],
        }
        for kind, states in sorted(counted.items())
    ]
    if as_json:
        print_json({"counts": rows})
    elif rows:
        print_rows(COUNTS, rows)
    else:
        click.echo("There are no such dead letters.")


@dlq.command("show", epilog=examples("ledger dlq show 3:17", "ledger dlq show 3:17 --json"))
@click.argument("position", type=POSITION)
@json_option
def show(position: Position, as_json: bool) -> None:
    """Show the dead letter at POSITION, decoded as far as that goes, and what was done with it.

    What cannot be decoded is shown in hexadecimal. JSON has every byte.
    """
    from cli.dead_letters import every_resolution, letters_at
    from cli.letter import described, sentences

    kafka, partitions = _kafka()
    [letter] = letters_at(kafka, partitions, [position])
    done = every_resolution(kafka, partitions).of(letter)
    if as_json:
        print_json(described(letter, done, partitions))
        return
    for line in sentences(letter, done, partitions):
        click.echo(line)


# ── Doing ──


def _deciding(function: Command) -> Command:
    """Give a command what it needs to do something with dead letters."""
    options = (
        click.argument("positions", metavar="POSITION...", nargs=-1, required=True, type=POSITION),
        click.option("--reason", default="", metavar="TEXT", help="Why; recorded for ever."),
        json_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


@dlq.command(
    "resend",
    epilog=examples(
        "ledger dlq resend 3:17 3:21 --reason 'the sender uses murmur2_random now'",
        "ledger dlq resend 0:4 --key-from-value --reason 'the key was wrong, ticket 4715'",
    ),
)
@_deciding
@click.option(
    "--key-from-value",
    is_flag=True,
    help="Of wrong_key: the value's tenant is right, and becomes the key.",
)
@click.option(
    "--again", is_flag=True, help="Even if it was resent or dropped before. Say why in --reason."
)
def resend(
    positions: tuple[Position, ...],
    reason: str,
    key_from_value: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Publish the inputs at POSITION once more: the same bytes and headers, on the right partition.

    None is resent twice, whoever tries, and however often: what is published and the record of it
    are one transaction. What would be set aside again is not resent. A reason is needed.

    Exit code 1 if one of them was not resent, and 3 where that is not known: then ask again.
    """
    from schemas.codec import ResolutionKind

    _resolve(
        positions,
        ResolutionKind.RESENT,
        reason,
        as_json,
        again=again,
        key_from_value=key_from_value,
    )


@dlq.command("drop", epilog=examples("ledger dlq drop 3:17 --reason 'a test of the platform'"))
@_deciding
def drop(positions: tuple[Position, ...], reason: str, as_json: bool) -> None:
    """Say that nothing is to be done with the dead letters at POSITION; they stay kept.

    A reason is needed.
    """
    from schemas.codec import ResolutionKind

    _resolve(positions, ResolutionKind.DROPPED, reason, as_json)


# ── Inner parts ──


def _kafka() -> "tuple[KafkaSettings, int]":
    configured = settings.load()
    return quiet_kafka(configured), configured.partitions


def _rows(wanted: "Wanted", since_ms: int) -> Iterator[dict[str, Any]]:
    """Of every letter that is wanted what lists show, in no order."""
    from cli.dead_letters import every_letter, every_resolution

    kafka, partitions = _kafka()
    # What is done meanwhile is done with letters that are read as open: no harm, a moment late.
    done = every_resolution(kafka, partitions)
    return (_row(letter, done) for letter in every_letter(kafka, partitions, wanted, since_ms))


def _row(letter: "Letter", done: "Resolutions") -> dict[str, Any]:
    from cli.letter import named

    source, state = letter.input, done.state(letter)
    resolved = done.of(letter)
    by = f" by {resolved[-1].done.actor}" if resolved else ""
    return {
        "position": str(letter.position),
        "partition": letter.position.partition,
        "offset": letter.position.offset,
        "set_aside_at_ms": letter.set_aside_at_ms,
        "source": letter.source,
        "source_topic": source.source_topic,
        "source_partition": source.source_partition,
        "source_offset": source.source_offset,
        "source_appended_at_ms": source.source_appended_at_ms,
        "stood_on": f"{source.source_topic}/{source.source_partition} @ {source.source_offset}",
        "code": source.code,
        "message": source.message,
        "key": named(source.key),
        "state": state,
        "became": f"{state.lower()}{by}",
    }


def _resolve(
    positions: Sequence[Position],
    kind: Any,
    reason: str,
    as_json: bool,
    *,
    again: bool = False,
    key_from_value: bool = False,
) -> None:
    """Ask, and tell what became of each; raises Refused if one was not done."""
    from cli.dead_letters import letters_at
    from cli.resolving import Asked, resolve

    if not reason.strip():
        raise click.UsageError("Say why: --reason TEXT.")
    if len(reason) > REASON_LENGTH_MAX or not reason.isprintable():
        raise click.BadParameter(
            f"At most {REASON_LENGTH_MAX} printable characters.", param_hint="reason"
        )
    asked = Asked(kind, settings.load().actor, reason, again, key_from_value)
    kafka, partitions = _kafka()
    letters = letters_at(kafka, partitions, positions)
    with _telling(as_json) as answers:
        for answer in resolve(kafka, partitions, letters, asked):
            answers.append(answer)
            if not as_json:
                click.echo(f"{answer.position}: {shown('said', answer.said)}")
    missed = sum(not answer.is_done for answer in answers)
    if missed:
        raise Refused(f"{missed} of {len(answers)} were not {kind.lower()}.")


@contextmanager
def _telling(as_json: bool) -> "Generator[list[Answer]]":
    """Collect answers; print them as JSON, also where the rest could not be done."""
    from eventlog.errors import Overtaken, Unconfirmed

    answers: list[Answer] = []
    try:
        yield answers
    except Overtaken as error:
        raise Unavailable(
            "Nothing was done with those not named above: somebody else seems to be at the dead"
            f" letters of this partition. Ask again. ({error})"
        ) from error
    except Unconfirmed as error:
        raise Unavailable(
            "Kafka did not say whether the last of it was done. Ask again: what was done is not"
            f" done twice. ({error})"
        ) from error
    finally:
        if as_json:
            print_json({"answers": [_plain(answer) for answer in answers]})


def _plain(answer: "Answer") -> dict[str, object]:
    return {**answer._asdict(), "position": str(answer.position)}
