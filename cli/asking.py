"""How every command that writes asks the ledger: its options, its answer, and what it prints."""

import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from shlex import quote
from typing import Any, Final, NamedTuple

import click
import msgspec

from cli import settings
from cli.cluster import quiet_kafka
from cli.command import ID, SECONDS, json_option, now_ms
from cli.errors import Refused, Unavailable
from cli.progress import patience
from cli.show import print_json, shown_time
from ledger.commands import (
    REASON_LENGTH_MAX,
    Command,
    PartitionCommand,
    Reply,
    fault_in_command,
)

NO_PARTITION: Final = -1

Facts = Callable[[Reply], Mapping[str, object]]


def _no_facts(_: Reply) -> Mapping[str, object]:
    return {}


class Asking(NamedTuple):
    """What an operator said beside the command itself."""

    command_id: str
    reason: str
    timeout_s: float
    as_json: bool

    def named(self, tenant_id: str) -> dict[str, str]:
        """The fields that every command has."""
        return {
            "command_id": self.command_id,
            "tenant_id": tenant_id,
            "actor": settings.load().actor,
            "reason": self.reason,
        }

    def with_reason(self, tenant_id: str) -> dict[str, str]:
        """The same, for a command that nobody may give without a reason."""
        if not self.reason:
            raise click.UsageError("Say why: --reason TEXT.")
        return self.named(tenant_id)

    def ask(
        self,
        command: Command,
        done: str | Callable[[Reply], str],
        *,
        expires: bool = False,
        facts: Facts = _no_facts,
        partition: int = NO_PARTITION,
    ) -> None:
        """Send it, wait for the answer and print it; `done` says what an acceptance did.

        `expires`: nobody wants it decided after the time-out. `facts` are what JSON shows beside
        the answer's own fields. `partition` is the one that a command for none of the tenants is
        meant for. Raises Refused, Unavailable.
        """
        fault = fault_in_command(command)
        if fault is not None:
            raise click.UsageError(f"{fault}.")
        reply = self._answer(command, partition, expires=expires)
        if self.as_json:
            accepted = {"is_accepted": reply.refusal is None}
            print_json({**accepted, **msgspec.to_builtins(reply), **facts(reply)})
        if reply.refusal is not None:
            raise Refused(f"Refused ({reply.refusal}): {reply.refusal.sentence}")
        if not self.as_json:
            if reply.awaits_approval:
                done = _awaiting(reply)
            click.echo(done if isinstance(done, str) else done(reply))
            click.echo(
                f"Decided {shown_time(reply.recorded_at_ms)} UTC, id {reply.command_id},"
                f" event {reply.event_id}"
            )

    def _answer(self, command: Command, partition: int, *, expires: bool) -> Reply:
        from client.ledger_client import LedgerClient, NoAnswer, Undelivered

        not_after_ms = now_ms() + round(self.timeout_s * 1000) if expires else None
        kafka = quiet_kafka(settings.load())
        with LedgerClient(kafka, "ledger") as client, patience("Waiting for the ledger's answer …"):
            try:
                if isinstance(command, PartitionCommand):
                    return client.ask_partition(partition, command, self.timeout_s)
                return client.ask(command, timeout_s=self.timeout_s, not_after_ms=not_after_ms)
            except (NoAnswer, Undelivered):
                raise Unavailable(self._unanswered()) from None

    def _unanswered(self) -> str:
        try:
            quiet_kafka(settings.load())
            what = (
                f"No answer within {self.timeout_s:g} s. Kafka answers: if the command reached the"
                " log, a processor decides it as soon as one runs (see `ledger doctor`)."
            )
        except Unavailable as error:
            what = f"{error.message}\nWhether the command was decided before that is not known."
        again = f"repeat it with --id {self.command_id}: it is applied once."
        return f"{what}\nTo learn the answer, {again}"


def _awaiting(reply: Reply) -> str:
    tenant, event = quote(reply.tenant_id), quote(reply.event_id)
    return (
        "Not done yet: it is above the amount that one operator may move. Another one approves it"
        f" by `ledger approval give {tenant} {event} --reason TEXT`."
    )


def asks(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of one that writes, as its parameter `asking`."""

    @click.option(
        "--id",
        "command_id",
        type=ID,
        help="The command's id: repeat it and get the first answer again; nothing is done twice."
        "  [default: a new one, printed]",
    )
    @click.option("--reason", default="", metavar="TEXT", help="Why; recorded with the event.")
    @click.option(
        "--timeout",
        "timeout_s",
        type=SECONDS,
        default="15",
        show_default=True,
        help="How long to wait for the answer.",
    )
    @json_option
    @wraps(function)
    def asking(
        command_id: str | None, reason: str, timeout_s: float, as_json: bool, **given: Any
    ) -> None:
        if len(reason) > REASON_LENGTH_MAX:
            raise click.BadParameter(
                f"At most {REASON_LENGTH_MAX} characters.", param_hint="reason"
            )
        said = Asking(command_id or str(uuid.uuid4()), reason, timeout_s, as_json)
        function(asking=said, **given)

    return asking
