"""For a platform's own test suite: a ledger in memory, whose answers are scripted.

It has the interface of the real client and is held to it by tests that both pass: the same checks
of the contract, the same outbox with its spool, the same first answer to a repeated question. It
prices nothing and knows no balance: what it answers is what the test says.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Lock
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from client.contract import CODECS, check_command, checked_source, entry_of, publication_of
from client.interface import ANSWER_S, PERMISSION_S, Ledger
from client.outbox import WAITING_MAX, Delivery, Outbox
from client.permission import Permission, Question, Unanswered, permission
from client.spool import Spool
from eventlog.errors import NoAnswer, Undelivered
from eventlog.producer import Publication
from ledger.commands import Command, PlaceHold, Reply
from ledger.refusals import Refusal
from ledger.usage import AnyUsage

AWAY: Final = "the scripted broker is away"
HOLD_GRACE_MS: Final = 15 * 60_000
"""PRODUCT decision 3: a hold ends by itself so long after the call's longest duration."""


@dataclass(frozen=True)
class Allow:
    """Yes; for a hold, so much is set aside (micro-dollars; 0 as in sandbox)."""

    held_micros: int = 0


@dataclass(frozen=True)
class Refuse:
    """No, and why."""

    refusal: Refusal


@dataclass(frozen=True)
class Silence:
    """No answer within the asker's time, which a test need not wait for."""


Answer = Allow | Refuse | Silence
Script = Callable[[Command], Answer]


def _allow(_: Command) -> Answer:
    return Allow()


class _Topics:
    """What arrived, and whether anything can."""

    def __init__(self) -> None:
        self.published: list[AnyUsage] = []
        self.changed = Condition()
        self.is_away = False

    def take(self, record: Publication) -> bool:
        """Whether the record arrived."""
        with self.changed:
            if not self.is_away:
                self.published.append(CODECS[record.topic].decode(record.value))
            return not self.is_away


class _Carrier:
    """Brings an outbox's records to the topics, in order, while they are not away."""

    def __init__(self, topics: _Topics) -> None:
        self._topics = topics
        self._waiting: deque[tuple[Publication, Callable[[str | None], None]]] = deque()

    @property
    def trouble(self) -> str | None:
        return AWAY if self._topics.is_away and self._waiting else None

    def send(self, record: Publication, told: Callable[[str | None], None]) -> None:
        with self._topics.changed:
            self._waiting.append((record, told))
            self._topics.changed.notify_all()

    def poll(self, timeout_s: float) -> None:
        with self._topics.changed:
            self._topics.changed.wait_for(
                lambda: self._waiting and not self._topics.is_away, timeout_s
            )
        while self._waiting and self._topics.take(self._waiting[0][0]):
            _, told = self._waiting.popleft()
            told(None)

    def start_over(self) -> None:
        while self._waiting:
            _, told = self._waiting.popleft()
            told("given up")

    def close(self) -> None:
        self.start_over()


class ScriptedLedger(Ledger):
    """A ledger without a ledger. Threads may share one, as they share the real client.

    `script` gives the answer to each new command; without one, all is allowed. What `answer_next`
    was given comes first. `asked` are the commands, in their order, repeats too.
    """

    def __init__(self, source: str | None = None, script: Script = _allow) -> None:
        """Raises OutsideContract if the source cannot name anybody."""
        self.script = script
        self.asked: list[Command] = []
        self._topics = _Topics()
        self._source = checked_source(source)
        self._next: deque[Answer] = deque()
        self._answered: dict[tuple[str, str], tuple[Command, Reply]] = {}
        self._lock = Lock()

    # ── What a test says and sees ──

    @property
    def published(self) -> list[AnyUsage]:
        """The usage that arrived, in its order; what came twice stands here twice."""
        with self._topics.changed:
            return list(self._topics.published)

    def answer_next(self, *answers: Answer) -> None:
        """Answer the next new commands so, before the script is asked again."""
        with self._lock:
            self._next += answers

    def go_away(self) -> None:
        """As a broker does: nothing arrives, nothing is answered, an outbox keeps what it has."""
        with self._topics.changed:
            self._topics.is_away = True

    def come_back(self) -> None:
        """What an outbox kept arrives."""
        with self._topics.changed:
            self._topics.is_away = False
            self._topics.changed.notify_all()

    # ── What the platform's code does ──

    def connect(self, timeout_s: float = ANSWER_S) -> None:
        if self._topics.is_away:
            raise NoAnswer(AWAY)

    def publish_usage(self, usage: Iterable[AnyUsage]) -> int:
        records = [publication_of(entry_of(one), one.tenant_id, self._source) for one in usage]
        failures = [(at, AWAY) for at, one in enumerate(records) if not self._topics.take(one)]
        if failures:
            raise Undelivered(failures)
        return len(records)

    def outbox(
        self,
        spool: Path | None = None,
        *,
        full_wait_s: float,
        on_delivery: Callable[[Delivery], None] | None = None,
        waiting_max: int = WAITING_MAX,
    ) -> Outbox:
        return Outbox(
            lambda _: _Carrier(self._topics),
            None if spool is None else Spool(spool),
            full_wait_s=full_wait_s,
            on_delivery=on_delivery,
            waiting_max=waiting_max,
            source=self._source,
        )

    def may_spend(
        self, question: Question, *, unanswered: Unanswered, timeout_s: float = PERMISSION_S
    ) -> Permission:
        return permission(self.ask, question, unanswered, timeout_s=0.0)

    def ask(
        self, command: Command, timeout_s: float = ANSWER_S, not_after_ms: int | None = None
    ) -> Reply:
        check_command(command)
        with self._lock:
            if self._topics.is_away:
                raise NoAnswer(AWAY)
            self.asked.append(command)
            name = (command.tenant_id, command.command_id)
            first, reply = self._answered.get(name, (command, None))
            if first != command:
                return self._reply(command, Refuse(Refusal.conflict))
            if reply is None:
                reply = self._reply(command, self._answer(command))
                self._answered[name] = (command, reply)
            return reply

    def close(self) -> None:
        """There is nothing to stop."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, command: Command) -> Allow | Refuse:
        answer = self._next.popleft() if self._next else self.script(command)
        if isinstance(answer, Silence):
            raise NoAnswer("the script is silent")
        return answer

    def _reply(self, command: Command, answer: Allow | Refuse) -> Reply:
        now_ms = round(time.time() * 1000)
        reply = Reply(
            command_id=command.command_id,
            tenant_id=command.tenant_id,
            event_id=f"scripted:0:{len(self.asked)}:0",
            recorded_at_ms=now_ms,
            refusal=answer.refusal if isinstance(answer, Refuse) else None,
        )
        if isinstance(answer, Refuse) or not isinstance(command, PlaceHold):
            return reply
        expires_at_ms = now_ms + command.duration_cap_ms + HOLD_GRACE_MS
        return replace(reply, amount_micros=answer.held_micros, expires_at_ms=expires_at_ms)
