"""May this tenant spend? The answer, and what counts as one when the ledger gives none in time."""

import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple, Protocol

from eventlog.errors import LogUnavailable, NoAnswer, Undelivered
from ledger.commands import AskToSpend, PlaceHold, Reply
from ledger.refusals import Refusal

PAUSE_S: Final = 0.1
"""Before a question that could not be sent is sent again."""

Question = PlaceHold | AskToSpend


class Unanswered(Enum):
    """What an asker does who has no answer when its patience ends; it has to say which."""

    FAIL_OPEN = "allowed"
    """It begins. Its usage is charged in full all the same: from what is available, the rest is
    owed (arrears) and blocks the tenant's next holds. The ledger may thus lend what a tenant never
    pays. The question stays good: a hold placed late is ended by the usage that names it."""

    FAIL_CLOSED = "refused"
    """It does not begin: somebody is turned away who could perhaps have paid. The question carries
    the end of the asker's patience as its `not_after`, so that no money is set aside later."""


class Permission(NamedTuple):
    """Whether it may begin. `question_id` is what usage names as its `hold_id`, allowed or open.

    `reply` is the ledger's; None if there was none in time, for the reason in `no_answer`.
    """

    is_allowed: bool
    question_id: str
    reply: Reply | None
    no_answer: str = ""

    @property
    def is_answered(self) -> bool:
        """Whether the ledger itself said so."""
        return self.reply is not None

    @property
    def refusal(self) -> Refusal | None:
        """Why the ledger refused, if it did."""
        return None if self.reply is None else self.reply.refusal

    @property
    def held_micros(self) -> int:
        """What is set aside, in micro-dollars; none in sandbox, for a chat, or unanswered."""
        return 0 if self.reply is None else self.reply.amount_micros or 0


class Ask(Protocol):
    """`LedgerClient.ask`, or a stand-in's."""

    def __call__(self, command: Question, timeout_s: float, not_after_ms: int | None) -> Reply: ...


def permission(
    ask: Ask,
    question: Question,
    unanswered: Unanswered,
    timeout_s: float,
    now_ms: Callable[[], int] = lambda: round(time.time() * 1000),
) -> Permission:
    """Ask until there is an answer or the time is up, always under the question's own id."""
    give_up_s = time.monotonic() + timeout_s
    is_open = unanswered is Unanswered.FAIL_OPEN
    not_after_ms = None if is_open else now_ms() + round(timeout_s * 1000)
    while True:
        try:
            reply = ask(question, max(0.0, give_up_s - time.monotonic()), not_after_ms)
        except (NoAnswer, Undelivered, LogUnavailable) as error:
            if time.monotonic() + PAUSE_S >= give_up_s:
                return Permission(is_open, question.command_id, None, str(error))
            time.sleep(PAUSE_S)
        else:
            return Permission(reply.refusal is None, question.command_id, reply)
