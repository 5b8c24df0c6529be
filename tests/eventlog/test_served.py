"""One partition's batches, step by step, without a broker."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import pytest

from eventlog import served
from eventlog.errors import PartitionRefused, StopProcess
from eventlog.logic import Claim, Observer
from eventlog.pool import Pool
from eventlog.records import Headers, InputRecord, Output
from eventlog.served import ServedPartition
from eventlog.takeover import TakenOver
from eventlog.transactions import PartitionProducer
from tests.eventlog.harness import USAGE, WIRING, Notes
from tests.eventlog.tally import COMMANDS, Counted, Tally, read_event


class Record:
    """A record as read."""

    def __init__(self, topic: str, offset: int, value: str, append_ms: int) -> None:
        self._topic = topic
        self._offset = offset
        self._value = value.encode()
        self._append_ms = append_ms

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> Headers | None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 2, self._append_ms


class ScriptedProducer(PartitionProducer):
    """Remembers what it was told, in order; aborts as often as told."""

    def __init__(self, aborts: int) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.calls: list[str] = []
        self.committed: list[Output] = []
        self.sent_offsets: Mapping[str, int] = {}
        self._open: list[Output] = []
        self._aborts = aborts

    def begin(self) -> None:
        self.calls.append("begin")
        self._open = []

    def write(self, outputs: Sequence[Output]) -> None:
        self.calls.append("write")
        self._open = list(outputs)

    def send_offsets(self, next_offsets: Mapping[str, int], group: object) -> str | None:
        self.calls.append("send_offsets")
        self.sent_offsets = next_offsets
        self._aborts -= 1
        return "a reason" if self._aborts >= 0 else None

    def commit(self) -> None:
        self.calls.append("commit")
        self.answers.wait()
        self.committed += self._open

    def abort(self) -> None:
        self.calls.append("abort")


class Bench:
    """A served partition with a tally, a scripted producer, and a committer."""

    def __init__(
        self, committers: Pool, aborts: int = 0, at: int = 0, observer: Observer | None = None
    ) -> None:
        logical = {USAGE: USAGE, COMMANDS: COMMANDS}
        self.notes = Notes()
        self.producer = ScriptedProducer(aborts)
        claim = Claim(0, 1, dict.fromkeys(logical, "id"), logical, lambda _: iter(()))
        positions = dict.fromkeys(logical, at)
        taken = TakenOver(claim, Tally(claim), self.producer, positions, lambda: None)
        self.served = ServedPartition(taken, WIRING, observer or self.notes)
        self._committers = committers

    def arrive(self, topic: str, *values: str, start: int = 0, append_ms: int = 0) -> None:
        records: list[InputRecord] = [
            Record(topic, offset, value, append_ms) for offset, value in enumerate(values, start)
        ]
        self.served.arrive(topic, records)

    def run(self) -> None:
        """Run batches until nothing is left."""
        while self.served.ready or self.served.batch:
            if self.served.batch is None:
                self.served.start(self._committers)
            self.served.settle()

    @property
    def counted(self) -> list[str]:
        events = [msg_value(output) for output in self.producer.committed]
        return [value for value in events if value is not None]


def msg_value(output: Output) -> str | None:
    if output.topic != "wallet.events":
        return None
    event = read_event(Record("", 0, output.value.decode(), 0))
    return event.value if isinstance(event, Counted) else None


@pytest.fixture(scope="module")
def committers() -> Iterator[Pool]:
    pool = Pool(1, "committer")
    yield pool
    pool.close()


def test_a_batch_goes_through_its_steps_in_order(committers: Pool) -> None:
    bench = Bench(committers)
    bench.arrive(USAGE, "a")
    bench.run()
    assert bench.producer.calls == ["begin", "write", "send_offsets", "commit"]


def test_commands_are_decided_before_usage_that_came_earlier(
    committers: Pool,
) -> None:
    bench = Bench(committers)
    bench.arrive(USAGE, "usage")
    bench.arrive(COMMANDS, "command")
    bench.run()
    assert bench.counted == ["command", "usage"]


def test_a_batch_takes_no_more_inputs_than_allowed(
    committers: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "BATCH_INPUTS_MAX", 2)
    bench = Bench(committers)
    bench.arrive(USAGE, "a", "b", "c", "d", "e")
    bench.run()
    assert bench.counted == ["a", "b", "c", "d", "e"]
    assert bench.producer.calls.count("commit") == 3


def test_a_batch_takes_no_more_bytes_than_allowed(
    committers: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "BATCH_BYTES_MAX", 10)
    bench = Bench(committers)
    bench.arrive(USAGE, "four", "four", "four", "larger than all of it", "four")
    bench.run()
    assert bench.counted == ["four", "four", "four", "larger than all of it", "four"]
    assert bench.producer.calls.count("commit") == 4


def test_a_batch_that_takes_too_long_makes_the_next_one_smaller(
    committers: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "BATCH_S_MAX", 0.0)
    monkeypatch.setattr(served, "BATCH_INPUTS_MAX", 4)
    bench = Bench(committers)
    bench.arrive(USAGE, *"abcdefgh")
    bench.run()
    # Four, two, then one at a time.
    assert bench.producer.calls.count("commit") == 4


def test_inputs_that_a_step_leaves_come_first_in_the_next(committers: Pool) -> None:
    bench = Bench(committers)
    bench.arrive(COMMANDS, "a", "stop", "b")
    bench.arrive(USAGE, "c", "stop", "d")
    bench.run()
    assert bench.counted == ["a", "stop", "b", "c", "stop", "d"]
    assert bench.producer.sent_offsets == {COMMANDS: 3, USAGE: 3}


def test_what_is_due_is_drained_before_new_inputs(committers: Pool) -> None:
    bench = Bench(committers)
    bench.arrive(COMMANDS, "a", "pend", "stop", "b")
    bench.run()
    assert bench.counted == ["a", "pend", "due", "due", "stop", "b"]


def test_inputs_below_the_position_are_dropped(committers: Pool) -> None:
    bench = Bench(committers, at=2)
    bench.arrive(USAGE, "a", "b", "c")
    bench.arrive(USAGE, "b", "c", "d", start=1)
    bench.run()
    assert bench.counted == ["c", "d"]


def test_an_aborted_batch_is_decided_again_as_if_it_had_never_been(
    committers: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "ABORT_PAUSE_S", 0.0)
    bench = Bench(committers, aborts=2)
    bench.arrive(COMMANDS, "a")
    bench.arrive(USAGE, "b")
    bench.run()
    assert bench.counted == ["a", "b"]
    assert bench.notes.aborts == ["a reason", "a reason"]
    assert bench.producer.calls.count("abort") == 2


def test_an_aborted_batch_waits_a_moment(committers: Pool) -> None:
    bench = Bench(committers, aborts=1)
    bench.arrive(USAGE, "a")
    bench.run()
    assert not bench.served.ready
    time.sleep(served.ABORT_PAUSE_S)
    assert bench.served.ready


def test_a_batch_that_is_always_aborted_stops_the_process(
    committers: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "ABORT_PAUSE_S", 0.0)
    bench = Bench(committers, aborts=1_000)
    bench.arrive(USAGE, "a")
    with pytest.raises(StopProcess, match="aborted again and again: a reason"):
        bench.run()


def test_a_commit_that_does_not_end_stops_the_process(
    committers: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(committers)
    bench.producer.answers.clear()
    bench.arrive(USAGE, "a")
    bench.served.start(committers)
    assert not bench.served.landed
    monkeypatch.setattr(served, "FLIGHT_S_MAX", 0.0)
    assert bench.served.landed
    with pytest.raises(StopProcess, match="a commit does not end"):
        bench.served.settle()
    bench.producer.answers.set()


def test_a_record_from_the_future_is_refused(committers: Pool) -> None:
    bench = Bench(committers)
    now_ms = int(time.time() * 1_000)
    bench.arrive(USAGE, "a", append_ms=now_ms + 9 * 60_000)
    with pytest.raises(PartitionRefused, match="ahead of this machine's clock"):
        bench.arrive(USAGE, "b", start=1, append_ms=now_ms + 11 * 60_000)
