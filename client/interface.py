"""What a platform's own code names as the type of its ledger: the real client or the test kit's."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from client.outbox import WAITING_MAX, Delivery, Outbox
from client.permission import Permission, Question, Unanswered
from ledger.commands import Command, Reply
from ledger.usage import AnyUsage

PERMISSION_S = 2.0
ANSWER_S = 10.0


class Ledger(Protocol):
    """Publish usage, ask for a hold or anything else, await the answer. Threads share one.

    Nothing of it is for an event loop's own thread: there, `await asyncio.to_thread(…)`.
    """

    def connect(self, timeout_s: float = ANSWER_S) -> None:
        """Listen for answers now, so that the first question need not wait for it.

        Raises NoAnswer when the time is up and LogUnavailable; the next question tries again.
        """
        ...

    def publish_usage(self, usage: Iterable[AnyUsage]) -> int:
        """Publish calls, crawls and chats that happened; how many, once all copies have them.

        Raises OutsideContract before anything is sent, and Undelivered with those that were not,
        or perhaps not, acknowledged. Publish these again: an event id is charged once.
        """
        ...

    def outbox(
        self,
        spool: Path | None = None,
        *,
        full_wait_s: float,
        on_delivery: Callable[[Delivery], None] | None = None,
        waiting_max: int = WAITING_MAX,
    ) -> Outbox:
        """Open an outbox, which keeps usage until it is acknowledged.

        `spool` is a folder of its own on a disk that stays; without one, what waits is lost with
        the process. `full_wait_s`: how long `put` blocks when `waiting_max` events wait, before it
        raises OutboxFull: 0 refuses at once, `math.inf` waits for as long as it takes.
        `on_delivery` is called for each event, in order for each tenant, by one thread at a time;
        what it raises ends the outbox. Raises SpoolInUse, SpoolDamaged, OSError.
        """
        ...

    def may_spend(
        self, question: Question, *, unanswered: Unanswered, timeout_s: float = PERMISSION_S
    ) -> Permission:
        """Ask whether a call, a chat or a crawl may begin; raises OutsideContract only."""
        ...

    def ask(
        self, command: Command, timeout_s: float = ANSWER_S, not_after_ms: int | None = None
    ) -> Reply:
        """Ask, and wait for the answer: a refusal is one, too.

        After `not_after_ms` (UTC) the ledger refuses it as `too_late`. Raises OutsideContract;
        NoAnswer when the time is up, Undelivered, and LogUnavailable where answers cannot be heard:
        ask again with the same command, whose id gets the first answer.
        """
        ...

    def close(self) -> None:
        """Stop listening for answers. An outbox is closed by itself."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
