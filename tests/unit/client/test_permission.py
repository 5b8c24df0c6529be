"""May it begin? An answer decides; without one, what the asker said it would do."""

import time

import pytest

from client.errors import OutsideContract
from client.permission import Permission, Question, Unanswered, permission
from eventlog.errors import LogUnavailable, NoAnswer, Undelivered
from ledger.commands import PlaceHold, Reply
from ledger.refusals import Refusal
from ledger.usage import Tier

QUESTION = PlaceHold(
    command_id="h-1",
    tenant_id="acme",
    actor="service:voice",
    project_id="clinic",
    tier=Tier.STANDARD,
    duration_cap_ms=300_000,
)
ALLOWED = Reply(
    command_id="h-1",
    tenant_id="acme",
    event_id="e",
    recorded_at_ms=1,
    amount_micros=900_000,
    expires_at_ms=2,
)
REFUSED = Reply(
    command_id="h-1", tenant_id="acme", event_id="e", recorded_at_ms=1, refusal=Refusal.arrears
)
NOW_MS = 1_795_462_605_787


class Ledger:
    """Gives what it is told to, one after the other."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[Question, int | None]] = []

    def ask(self, command: Question, timeout_s: float, not_after_ms: int | None) -> Reply:
        self.asked.append((command, not_after_ms))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(ledger: Ledger, unanswered: Unanswered, timeout_s: float = 0.0) -> Permission:
    return permission(ledger.ask, QUESTION, unanswered, timeout_s, lambda: NOW_MS)


@pytest.mark.parametrize("unanswered", Unanswered)
def test_an_answer_counts_whatever_would_be_done_without(unanswered: Unanswered) -> None:
    allowed = asked(Ledger(ALLOWED), unanswered)
    assert allowed == Permission(True, "h-1", ALLOWED)
    assert (allowed.is_answered, allowed.held_micros, allowed.refusal) == (True, 900_000, None)
    refused = asked(Ledger(REFUSED), unanswered)
    assert refused == Permission(False, "h-1", REFUSED)
    assert (refused.held_micros, refused.refusal) == (0, Refusal.arrears)


@pytest.mark.parametrize(
    "failure", [NoAnswer("late"), Undelivered([(0, "late")]), LogUnavailable("late")]
)
@pytest.mark.parametrize(
    ("unanswered", "is_allowed"), [(Unanswered.FAIL_OPEN, True), (Unanswered.FAIL_CLOSED, False)]
)
def test_without_an_answer_the_asker_has_said_what_it_does(
    failure: Exception, unanswered: Unanswered, is_allowed: bool
) -> None:
    found = asked(Ledger(failure), unanswered)
    assert found == Permission(is_allowed, "h-1", None, str(failure))
    assert (found.is_answered, found.held_micros, found.refusal) == (False, 0, None)


def test_a_question_that_could_not_be_sent_is_sent_again_the_same() -> None:
    ledger = Ledger(Undelivered([(0, "away")]), LogUnavailable("away"), ALLOWED)
    assert asked(ledger, Unanswered.FAIL_CLOSED, timeout_s=5.0).is_allowed
    assert [one for one, _ in ledger.asked] == [QUESTION] * 3


def test_patience_ends_when_it_was_said_to() -> None:
    began_s = time.monotonic()
    ledger = Ledger(NoAnswer("late"))
    assert not asked(ledger, Unanswered.FAIL_CLOSED, timeout_s=0.3).is_answered
    assert 0.1 < time.monotonic() - began_s < 2.0
    assert len(ledger.asked) > 1


def test_who_turns_away_lets_no_money_be_set_aside_later() -> None:
    closed, opened = Ledger(ALLOWED), Ledger(ALLOWED)
    asked(closed, Unanswered.FAIL_CLOSED, timeout_s=1.5)
    asked(opened, Unanswered.FAIL_OPEN, timeout_s=1.5)
    assert [not_after_ms for _, not_after_ms in closed.asked] == [NOW_MS + 1_500]
    assert [not_after_ms for _, not_after_ms in opened.asked] == [None]


def test_a_mistake_of_the_asker_is_no_missing_answer() -> None:
    with pytest.raises(OutsideContract):
        asked(Ledger(OutsideContract("no")), Unanswered.FAIL_OPEN)
