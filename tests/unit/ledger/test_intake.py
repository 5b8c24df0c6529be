"""An intake that is paused: usage waits for it to be resumed, and everything else goes on."""

from typing import Final

import pytest

from ledger.batch import Decision, Input, Rules
from ledger.commands import Command, GrantCredit, OpenProject, PauseIntake, ResumeIntake
from ledger.decide import decide
from ledger.events import CallCharged, CreditGranted, Event, IntakePaused, IntakeResumed
from ledger.partition import PartitionState
from ledger.refusals import Refusal
from ledger.usage import AnyUsage, CallUsage
from schemas.codec import asked, calls, content_hash, payload_of
from tests import usage
from tests.unit.ledger.world import Arrived, Partition, facts, replayed

NOW_MS: Final = 1_790_000_000_000
WHO: Final = {"tenant_id": "", "actor": "operator:ann"}
PAUSE: Final = PauseIntake(command_id="pause-1", reason="wrong prices upstream", **WHO)
RESUME: Final = ResumeIntake(command_id="resume-1", reason="mended", **WHO)


def call(number: int) -> CallUsage:
    """A call that reached its goal: $0.90."""
    return usage.call(f"call-{number}", ended_at=NOW_MS)


def grant(number: int) -> GrantCredit:
    return GrantCredit(
        command_id=f"grant-{number}",
        tenant_id="acme",
        actor="operator:ann",
        reason="why",
        amount_micros=1_000_000,
    )


OPEN: Final = OpenProject(
    command_id="open",
    tenant_id="acme",
    actor="operator:ann",
    reason="signed",
    project_id="clinic",
    live_from_ms=0,
)


class Story:
    """One partition, and the inputs it was given so far."""

    def __init__(self, *values: AnyUsage | Command) -> None:
        self.partition = Partition(Rules())
        self._count = 0
        self.take(OPEN, *values)

    @property
    def state(self) -> PartitionState:
        return self.partition.state

    def take(self, *values: AnyUsage | Command) -> list[Event]:
        """Decide and commit; the events that came of it, the footer last."""
        before = len(self.partition.events)
        self.partition.take([Arrived(one, 0) for one in self.inputs(*values)])
        return self.partition.events[before:]

    def decide(self, *values: AnyUsage | Command) -> Decision:
        """Decide, and leave everything as it is."""
        return decide(self.state, self.inputs(*values), self.state.now_ms, 0, Rules())

    def inputs(self, *values: AnyUsage | Command) -> list[Input]:
        return [self._input(value) for value in values]

    def _input(self, value: AnyUsage | Command) -> Input:
        self._count += 1
        stem = f"g1.inputs:0:{self._count}"
        if isinstance(value, CallUsage):
            written = calls.encode(value)
        else:
            assert isinstance(value, Command)
            written = asked.encode(value)
        return Input(stem, NOW_MS, content_hash(payload_of(written)), value)


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def test_no_usage_is_taken_once_the_intake_is_paused() -> None:
    story = Story()
    decision = story.decide(call(1), PAUSE, grant(1), call(2), call(3))
    assert decision.consumed == 3
    kept = [
        one for one in kinds(decision.events) if one in (CallCharged, IntakePaused, CreditGranted)
    ]
    assert kept == [CallCharged, IntakePaused, CreditGranted]
    story.take(PAUSE)
    assert story.decide(call(2)).consumed == 0


def test_commands_go_on_and_what_waited_is_charged_once_it_is_resumed() -> None:
    story = Story(PAUSE)
    assert kinds(story.take(grant(1)))[0] is CreditGranted
    first, *rest = story.take(RESUME, call(1))
    assert isinstance(first, IntakeResumed)
    assert CallCharged in kinds(rest)


def test_the_pause_says_who_and_why_and_is_answered() -> None:
    story = Story()
    paused, footer = story.take(PAUSE)
    assert isinstance(paused, IntakePaused)
    assert (paused.actor, paused.reason) == ("operator:ann", "wrong prices upstream")
    assert (paused.input_id, paused.originator_id) == ("pause-1", "")
    assert story.state.intake_pause == paused.pause
    assert vars_of(footer)["intake_pause"] == paused.pause
    _, reply = story.partition.replies[-1]
    assert (reply.command_id, reply.event_id, reply.refusal) == ("pause-1", paused.event_id, None)


def vars_of(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_a_repeated_pause_does_not_pause_again_after_it_was_resumed() -> None:
    story = Story(PAUSE, RESUME)
    first = story.partition.replies[-2][1]
    story.take(PAUSE)
    assert story.state.intake_pause is None
    assert story.partition.replies[-1][1] == first
    assert story.partition.counted["repeats"] == 1


def test_another_pause_is_recorded_and_tells_the_newest_reason() -> None:
    story = Story(PAUSE)
    again = PauseIntake(command_id="pause-2", reason="and another reason", **WHO)
    assert kinds(story.take(again))[0] is IntakePaused
    assert story.state.intake_pause is not None
    assert story.state.intake_pause.reason == "and another reason"
    story.take(RESUME)
    assert story.state.intake_pause is None


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (PauseIntake(command_id="resume-1", reason="other content", **WHO), Refusal.conflict),
        (PauseIntake(command_id="pause-2", reason=" ", **WHO), Refusal.invalid),
        (
            PauseIntake(command_id="p", tenant_id="acme", actor="operator:ann", reason="why"),
            Refusal.invalid,
        ),
    ],
)
def test_what_cannot_be_done_is_set_aside_and_told(command: Command, refusal: Refusal) -> None:
    story = Story(RESUME)
    decision = story.decide(command)
    assert [letter.code for letter in decision.dead_letters] == [refusal]
    assert [reply.refusal for _, reply in decision.replies] == [refusal]
    assert decision.overlay.intake_pause is None


def test_the_next_owner_of_the_partition_finds_it_paused() -> None:
    story = Story(call(1), PAUSE, grant(1))
    found = replayed(story.partition.log, Rules().deduplication_window_ms)
    assert found.intake_pause == story.state.intake_pause
    assert facts(found) == facts(story.state)
    story.take(RESUME)
    assert facts(replayed(story.partition.log, Rules().deduplication_window_ms)) == facts(
        story.state
    )
