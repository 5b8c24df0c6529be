"""The client: usage goes out and is acknowledged, a command goes out and its answer comes back."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from client.contract import check_command, checked_source, entry_of, publication_of
from client.errors import OutsideContract
from client.interface import ANSWER_S, PERMISSION_S, Ledger
from client.outbox import WAITING_MAX, Delivery, Outbox
from client.permission import Permission, Question, Unanswered, permission
from client.spool import Spool
from eventlog.errors import LogUnavailable, NoAnswer, Undelivered
from eventlog.producer import BY_KEY, Publisher
from eventlog.records import SOURCE, Headers
from eventlog.replies import ReplyRouter
from eventlog.settings import KafkaSettings
from eventlog.streaming import Stream
from ledger.commands import Command, PartitionCommand, Reply
from ledger.usage import AnyUsage
from schemas import codec

__all__ = ["LedgerClient", "NoAnswer", "OutsideContract", "Undelivered"]

ASKED_AT = "asked_at"
NOT_AFTER = "not_after"


class LedgerClient(Ledger):
    """One per process, shared by its threads; it connects when it is first used.

    `source` names the service that publishes, so that its team finds what was refused: 1 to 64
    printable ASCII characters. `with LedgerClient(KafkaSettings("host:9092"), "voice") as ledger:`
    makes sure of the end.
    """

    def __init__(self, kafka: KafkaSettings, source: str | None = None) -> None:
        """Raises OutsideContract if the source cannot name anybody."""
        self._kafka = kafka
        self._source = checked_source(source)
        self._lock = Lock()
        self._publisher: Publisher | None = None
        self._replies: Future[ReplyRouter] | None = None

    def connect(self, timeout_s: float = ANSWER_S) -> None:
        self._listening(timeout_s)

    def publish_usage(self, usage: Iterable[AnyUsage]) -> int:
        entries = [(entry_of(event), event.tenant_id) for event in usage]
        return self._publishing().publish(
            [publication_of(entry, tenant_id, self._source) for entry, tenant_id in entries]
        )

    def outbox(
        self,
        spool: Path | None = None,
        *,
        full_wait_s: float,
        on_delivery: Callable[[Delivery], None] | None = None,
        waiting_max: int = WAITING_MAX,
    ) -> Outbox:
        return Outbox(
            lambda records_max: Stream(self._kafka, records_max),
            None if spool is None else Spool(spool),
            full_wait_s=full_wait_s,
            on_delivery=on_delivery,
            waiting_max=waiting_max,
            source=self._source,
        )

    def may_spend(
        self, question: Question, *, unanswered: Unanswered, timeout_s: float = PERMISSION_S
    ) -> Permission:
        return permission(self.ask, question, unanswered, timeout_s)

    def ask(
        self, command: Command, timeout_s: float = ANSWER_S, not_after_ms: int | None = None
    ) -> Reply:
        check_command(command)
        key = command.tenant_id.encode()
        headers = self._headers()
        if not_after_ms is not None:
            headers.append((NOT_AFTER, _decimal(not_after_ms)))
        return self._answered(key, command, timeout_s, headers)

    def ask_partition(
        self, partition: int, command: PartitionCommand, timeout_s: float = ANSWER_S
    ) -> Reply:
        """Ask a partition as a whole, as operators do. Raises the same."""
        check_command(command)
        return self._answered(None, command, timeout_s, self._headers(), partition)

    def _headers(self) -> Headers:
        headers: Headers = [(ASKED_AT, _decimal(round(time.time() * 1000)))]
        if self._source is not None:
            headers.append((SOURCE, self._source.encode()))
        return headers

    def _answered(
        self,
        key: bytes | None,
        command: Command,
        timeout_s: float,
        headers: Headers,
        partition: int = BY_KEY,
    ) -> Reply:
        give_up_s = time.monotonic() + timeout_s
        replies = self._listening(timeout_s)
        left_s = max(0.0, give_up_s - time.monotonic())
        value = codec.asked.encode(command)
        return codec.replies.decode(replies.ask(key, value, left_s, headers, partition))

    def close(self) -> None:
        with self._lock:
            replies, self._replies = self._replies, None
        if replies is not None:
            # One that is not connected yet is closed as soon as it is.
            replies.add_done_callback(_close)

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

    def _listening(self, timeout_s: float) -> ReplyRouter:
        """A router that hears; one that failed hears nothing any more.

        It connects on a thread of its own: the broker may take longer than the asker's patience.
        """
        with self._lock:
            replies = self._replies
            if replies is None or _has_failed(replies):
                if replies is not None:
                    # The asker's time is short, and a consumer may take a while to end.
                    Thread(target=_close, args=(replies,), daemon=True).start()
                replies = self._replies = _started(lambda: ReplyRouter(self._kafka))
        try:
            return replies.result(timeout_s)
        except TimeoutError as error:
            raise NoAnswer(f"the broker was not reached within {timeout_s:g} s") from error
        except LogUnavailable:
            raise
        except Exception as error:
            raise LogUnavailable(f"answers cannot be heard: {error}") from error


def _started(connect: Callable[[], ReplyRouter]) -> Future[ReplyRouter]:
    connected = Future[ReplyRouter]()

    def run() -> None:
        try:
            connected.set_result(connect())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            connected.set_exception(error)

    Thread(target=run, name="connecting", daemon=True).start()
    return connected


def _has_failed(replies: Future[ReplyRouter]) -> bool:
    return replies.done() and (
        replies.exception() is not None or replies.result().failure is not None
    )


def _close(replies: Future[ReplyRouter]) -> None:
    if replies.exception() is None:
        replies.result().close()


def _decimal(number: int) -> bytes:
    return str(number).encode()
