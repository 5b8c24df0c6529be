"""The loop on the real broker: inputs are decided, answered, and seen or not seen by others."""

import pytest

from eventlog import driver, served
from eventlog.errors import StopProcess
from eventlog.reader import read_to_end
from eventlog.replies import ReplyRouter
from eventlog.settings import KafkaSettings
from tests.eventlog.harness import (
    PARTITIONS,
    USAGE,
    Upstream,
    counted,
    footers,
    member,
    publish,
    wait_for,
)
from tests.eventlog.tally import COMMANDS, REPLIES

pytestmark = pytest.mark.stack

TIMEOUT_S = 20.0


def test_every_input_is_counted_once(kafka: KafkaSettings) -> None:
    usage = [f"usage {number}" for number in range(5_000)]
    commands = [f"command {number}" for number in range(100)]
    publish(kafka, *usage)
    with member(kafka) as running:
        publish(kafka, *commands, topic=COMMANDS)
        wait_for(lambda: running.notes.inputs == 5_100, "all is counted")
    found = [counted(kafka, partition) for partition in range(PARTITIONS)]
    for partition, values in enumerate(found):
        assert [v for v in values if v in set(usage)] == usage[partition::PARTITIONS]
        assert [v for v in values if v in set(commands)] == commands[partition::PARTITIONS]


def test_a_partition_that_falls_behind_is_fetched_no_further_until_it_caught_up(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "PAUSE_ABOVE", 200)
    monkeypatch.setattr(driver, "RESUME_BELOW", 100)
    usage = [f"usage {number}" for number in range(3_000)]
    publish(kafka, *usage, partition=0)
    with member(kafka) as running:
        wait_for(lambda: running.notes.inputs == 3_000, "all is counted")
        pauses = list(running.notes.pauses)
    assert pauses[:2] == ["paused 0", "resumed 0"]
    assert pauses == ["paused 0", "resumed 0"] * (len(pauses) // 2)
    assert counted(kafka, 0) == usage


def test_restoring_is_told_before_serving(kafka: KafkaSettings) -> None:
    with member(kafka) as running:
        wait_for(lambda: len(running.notes.serving) == PARTITIONS, "all is served")
        restored_in_s = dict(running.notes.restored_in_s)
    assert restored_in_s.keys() == set(range(PARTITIONS))
    assert min(restored_in_s.values()) > 0


def test_a_command_is_answered(kafka: KafkaSettings) -> None:
    with member(kafka), ReplyRouter(kafka) as router:
        assert router.ask(b"someone", b"first", TIMEOUT_S) == b"1"
        assert router.ask(b"someone", b"second", TIMEOUT_S) == b"2"


def test_what_is_due_is_drained_without_further_inputs(kafka: KafkaSettings) -> None:
    publish(kafka, "pend", partition=0)
    with member(kafka):
        wait_for(lambda: len(footers(kafka, 0)) == 3, "all is drained")
    assert counted(kafka, 0) == ["pend", "due", "due"]


def test_a_batch_with_a_record_that_does_not_fit_is_never_seen(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "ABORT_PAUSE_S", 0.0)
    publish(kafka, "burst", topic=COMMANDS, partition=0)
    with member(kafka) as running:
        wait_for(lambda: running.ended, "it gives up")
    assert isinstance(running.error, StopProcess)
    assert "Message size too large" in str(running.error)
    assert counted(kafka, 0) == []
    assert list(read_to_end(kafka, REPLIES, 0)) == []


def test_a_record_from_the_future_stops_its_partition_alone(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with member(kafka) as running:
        wait_for(lambda: len(running.notes.serving) == PARTITIONS, "all is served")
        monkeypatch.setattr(served, "AHEAD_MS_MAX", -60_000)
        publish(kafka, "a", partition=0)
        wait_for(lambda: 0 in running.notes.refusals, "it is refused")
        monkeypatch.undo()
        publish(kafka, "b", partition=0)
        publish(kafka, "c", partition=1)
        wait_for(lambda: running.notes.inputs == 1, "the other partition goes on")
    assert "one of the two clocks is wrong" in running.notes.refusals[0]
    assert (counted(kafka, 0), counted(kafka, 1)) == ([], ["c"])


def test_the_watermark_reaches_a_command_once_all_usage_before_it_is_decided(
    kafka: KafkaSettings,
) -> None:
    with member(kafka) as running:
        # Commit markers at the end of usage must not hold it back.
        Upstream(kafka).commit("usage")
        wait_for(lambda: running.notes.inputs == 1, "usage is decided")
        publish(kafka, "tick", topic=COMMANDS, partition=0)
        wait_for(lambda: running.notes.inputs == 2, "the tick is decided")
    assert watermarks(kafka) == [0, append_times(kafka, COMMANDS)[0]]


def test_the_watermark_stays_below_usage_that_is_not_committed_yet(kafka: KafkaSettings) -> None:
    with member(kafka) as running:
        publish(kafka, "usage", partition=0)
        wait_for(lambda: running.notes.inputs == 1, "usage is decided")
        upstream = Upstream(kafka)
        upstream.begin("late")
        publish(kafka, "tick", topic=COMMANDS, partition=0)
        wait_for(lambda: running.notes.inputs == 2, "the tick is decided")
    assert watermarks(kafka) == [0, append_times(kafka, USAGE)[0]]


def test_a_paused_intake_takes_commands_alone_until_it_is_resumed(kafka: KafkaSettings) -> None:
    usage = [f"usage {number}" for number in range(20_000)]
    with member(kafka) as running:
        publish(kafka, "pause", topic=COMMANDS, partition=0)
        wait_for(lambda: running.notes.intake_paused == {0}, "it is paused")
        # More than a partition may have waiting: the others' usage comes past it.
        publish(kafka, *usage, partition=0)
        publish(kafka, "other", partition=1)
        publish(kafka, "command", topic=COMMANDS, partition=0)
        wait_for(lambda: running.notes.inputs == 3, "all but its usage is decided")
        wait_for(lambda: running.notes.lags.get((0, USAGE)) == 20_000, "the lag is told")
    assert (counted(kafka, 0), counted(kafka, 1)) == (["pause", "command"], ["other"])
    # Usage that waits holds the watermark back: nothing that it may need has come due.
    assert watermarks(kafka)[-1] < append_times(kafka, USAGE)[0]


def test_the_next_owner_finds_it_paused_and_goes_on_where_it_was(kafka: KafkaSettings) -> None:
    publish(kafka, "a", partition=0)
    with member(kafka) as running:
        wait_for(lambda: running.notes.inputs == 1, "usage is decided")
        publish(kafka, "pause", topic=COMMANDS, partition=0)
        wait_for(lambda: running.notes.intake_paused == {0}, "it is paused")
    publish(kafka, "b", "b", "c", partition=0)
    with member(kafka) as running:
        wait_for(lambda: len(running.notes.serving) == PARTITIONS, "all is served")
        wait_for(lambda: running.notes.intake_paused == {0}, "it is paused")
        publish(kafka, "command", topic=COMMANDS, partition=0)
        wait_for(lambda: running.notes.inputs == 1, "a command is decided")
        assert counted(kafka, 0) == ["a", "pause", "command"]
        publish(kafka, "resume", topic=COMMANDS, partition=0)
        wait_for(lambda: running.notes.inputs == 5, "what waited is decided")
        wait_for(lambda: running.notes.intake_paused == set(), "it is open")
    assert counted(kafka, 0) == ["a", "pause", "command", "resume", "b", "b", "c"]


def watermarks(kafka: KafkaSettings) -> list[int]:
    return [footer.usage_read_to_ms for footer in footers(kafka, 0)]


def append_times(kafka: KafkaSettings, topic: str) -> list[int]:
    return [record.timestamp()[1] for record in read_to_end(kafka, topic, 0)]
