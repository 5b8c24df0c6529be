"""What may go out: checked against its contract, encoded, keyed by its tenant."""

from typing import Final

from client.errors import OutsideContract
from client.spool import Entry
from eventlog.producer import Publication
from eventlog.records import SOURCE, SOURCE_LENGTH_MAX, is_source
from eventlog.topics import USAGE_CALLS, USAGE_CHAT, USAGE_CRAWLS
from ledger.commands import Command, fault_in_command
from ledger.usage import AnyUsage, CallUsage, ChatUsage, CrawlUsage, fault_in_usage
from schemas import codec

CODECS: Final = {
    USAGE_CALLS.name: codec.calls,
    USAGE_CRAWLS.name: codec.crawls,
    USAGE_CHAT.name: codec.chat,
}


def entry_of(usage: AnyUsage) -> Entry:
    """The topic and the value; raises OutsideContract, naming the event."""
    fault = fault_in_usage(usage)
    if fault is not None:
        raise OutsideContract(f"{usage.event_id!r}: {fault}")
    match usage:
        case CallUsage():
            return Entry(USAGE_CALLS.name, codec.calls.encode(usage))
        case CrawlUsage():
            return Entry(USAGE_CRAWLS.name, codec.crawls.encode(usage))
        case ChatUsage():
            return Entry(USAGE_CHAT.name, codec.chat.encode(usage))


def usage_of(entry: Entry) -> AnyUsage:
    """The event again, of this or an earlier version of its schema."""
    return CODECS[entry.topic].decode(entry.value)


def publication_of(entry: Entry, tenant_id: str, source: str | None) -> Publication:
    """The record that carries it; `source` names who publishes, for whoever looks into it."""
    headers = None if source is None else [(SOURCE, source.encode())]
    return Publication(entry.topic, tenant_id.encode(), entry.value, headers)


def check_command(command: Command) -> None:
    """Raise OutsideContract if the ledger could only set the command aside."""
    fault = fault_in_command(command)
    if fault is not None:
        raise OutsideContract(fault)


def checked_source(source: str | None) -> str | None:
    """The same; raises OutsideContract if it cannot name anybody."""
    if source is not None and not is_source(source):
        raise OutsideContract(f"source must be 1 to {SOURCE_LENGTH_MAX} printable ASCII characters")
    return source
