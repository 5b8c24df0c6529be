"""The client: usage goes out and is acknowledged, a command goes out and its answer comes back."""

import time
from collections.abc import Iterable
from threading import Lock
from types import TracebackType
from typing import Self

from eventlog.errors import NoAnswer, Undelivered
from eventlog.producer import Publication, Publisher
from eventlog.records import Headers
from eventlog.replies import ReplyRouter
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE_CALLS, USAGE_CHAT, USAGE_CRAWLS
from ledger.commands import Command, PartitionCommand, Reply, fault_in_command
from ledger.usage import AnyUsage, CallUsage, ChatUsage, CrawlUsage, fault_in_usage
from schemas import codec

__all__ = ["LedgerClient", "NoAnswer", "OutsideContract", "Undelivered"]

ASKED_AT = "asked_at"
NOT_AFTER = "not_after"


class OutsideContract(ValueError):
    """A field is outside its contract; the message says which. Nothing was sent."""


class LedgerClient:
    """One per process, shared by its threads; it connects when it is first used.

    `with LedgerClient(KafkaSettings("host:9092")) as ledger:` makes sure of the end.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._lock = Lock()
        self._publisher: Publisher | None = None
        self._replies: ReplyRouter | None = None

    def publish_usage(self, usage: Iterable[AnyUsage]) -> int:
        """Publish calls, crawls and chats that happened; how many, once all copies have them.

        Raises OutsideContract before anything is sent, and Undelivered with those that were not,
        or perhaps not, acknowledged. Publish these again: an event id is charged once.
        """
        return self._publishing().publish([_usage_record(event) for event in usage])

    def ask(
        self, command: Command, timeout_s: float = 10.0, not_after_ms: int | None = None
    ) -> Reply:
        """Ask, and wait for the answer: a refusal is one, too.

        After `not_after_ms` (UTC) the ledger refuses it as `too_late`. Raises OutsideContract;
        NoAnswer when the time is up, and Undelivered: ask again with the same command, whose id
        gets the first answer.
        """
        fault = fault_in_command(command)
        if fault is not None:
            raise OutsideContract(fault)
        headers: Headers = [(ASKED_AT, _decimal(round(time.time() * 1000)))]
        if not_after_ms is not None:
            headers.append((NOT_AFTER, _decimal(not_after_ms)))
        value = codec.asked.encode(command)
        key = command.tenant_id.encode()
        return codec.replies.decode(self._listening().ask(key, value, timeout_s, headers))

    def ask_partition(
        self, partition: int, command: PartitionCommand, timeout_s: float = 10.0
    ) -> Reply:
        """Ask a partition as a whole, as operators do. Raises the same."""
        fault = fault_in_command(command)
        if fault is not None:
            raise OutsideContract(fault)
        headers: Headers = [(ASKED_AT, _decimal(round(time.time() * 1000)))]
        value = codec.asked.encode(command)
        answer = self._listening().ask(None, value, timeout_s, headers, partition)
        return codec.replies.decode(answer)

    def close(self) -> None:
        """Stop listening for answers."""
        with self._lock:
            if self._replies is not None:
                self._replies.close()
                self._replies = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _publishing(self) -> Publisher:
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(self._kafka)
            return self._publisher

    def _listening(self) -> ReplyRouter:
        """A router that hears; one that failed hears nothing any more."""
        with self._lock:
            if self._replies is not None and self._replies.failure is not None:
                self._replies.close()
                self._replies = None
            if self._replies is None:
                self._replies = ReplyRouter(self._kafka)
            return self._replies


def _usage_record(usage: AnyUsage) -> Publication:
    fault = fault_in_usage(usage)
    if fault is not None:
        raise OutsideContract(f"{usage.event_id!r}: {fault}")
    match usage:
        case CallUsage():
            topic, value = USAGE_CALLS, codec.calls.encode(usage)
        case CrawlUsage():
            topic, value = USAGE_CRAWLS, codec.crawls.encode(usage)
        case ChatUsage():
            topic, value = USAGE_CHAT, codec.chat.encode(usage)
    return Publication(topic.name, usage.tenant_id.encode(), value)


def _decimal(number: int) -> bytes:
    return str(number).encode()
