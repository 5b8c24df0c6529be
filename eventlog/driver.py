"""The loop that waits: shares partitions out, feeds those it serves, commits side by side.

What it drives decides, and never waits. One thread polls, routes and decides; take-overs and
commits, which wait for the broker, have small pools of their own.
"""

import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import methodcaller

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from eventlog.admin import Admin
from eventlog.arrivals import poll_batch, sort_out
from eventlog.errors import LogTruncated, LogUnavailable, PartitionRefused, StopProcess
from eventlog.logic import LogicFactory, Observer
from eventlog.pool import Pool
from eventlog.records import InputRecord
from eventlog.served import BATCH_INPUTS_MAX, ServedPartition
from eventlog.settings import KafkaSettings, assigned_consumer, group_consumer
from eventlog.takeover import TakenOver, TakeOver, Wiring
from service.logs import log
from service.signals import Stop

COMMITTERS = 4
TAKE_OVERS = 4

POLL_RECORDS = 2_000
WAITING_MAX = BATCH_INPUTS_MAX
"""No more usage is polled beyond this, unless some partition has none to decide: what waits long
leaves the machine's caches."""
PAUSE_ABOVE = 4 * BATCH_INPUTS_MAX
RESUME_BELOW = BATCH_INPUTS_MAX

COMMANDS_HEAD_START_S = 0.1
"""Partitions with commands come first, but not for ever."""

IDLE_S = 0.005
COMMITTING_S = 0.001
ENDS_EVERY_S = 0.1
GROUP_EVERY_S = 0.25
"""Asking for the group's metadata waits for a thread of the client, a millisecond or more."""
BRIEF_S = 2.0
"""How long the loop itself may wait for an answer."""
LEAVE_S_MAX = 10.0
LAG_EVERY_S = 5.0
ERRORS_EVERY_S = 10.0

_topic = methodcaller("topic")
_partition = methodcaller("partition")


@dataclass(frozen=True, eq=False)
class Assignment:
    """A partition as the group gave it to this process; given again, it is another."""

    number: int
    began_s: float


class Driver:
    """Serves the partitions that the group gives this process."""

    def __init__(
        self,
        kafka: KafkaSettings,
        wiring: Wiring,
        factory: LogicFactory,
        stop: Stop,
        observer: Observer | None = None,
    ) -> None:
        self._kafka = kafka
        self._wiring = wiring
        self._factory = factory
        self._stop = stop
        self._observer = observer or Observer()
        self._admin = Admin(kafka)
        self._brief_admin = Admin(kafka, BRIEF_S)
        group = kafka.group(wiring.app)
        self._usage = Consumer({**group_consumer(kafka, group), "error_cb": self._tell_error})
        self._commands = Consumer(assigned_consumer(kafka, group))
        self._committers = Pool(COMMITTERS, "committer")
        self._takers = Pool(TAKE_OVERS, "take-over")
        self._held: dict[int, Assignment] = {}
        self._taking: dict[int, tuple[Assignment, Future[TakenOver]]] = {}
        self._served: dict[int, ServedPartition] = {}
        self._paused: set[int] = set()
        self._failure: Exception | None = None
        self._busy = False
        self._group: object = None
        self._group_asked_s = 0.0
        self._ends_asked_s = 0.0
        self._lag_told_s = 0.0
        self._errors_told_s: dict[str, float] = {}

    def run(self) -> None:
        """Serve until told to stop, then hand over cleanly.

        Raises StopProcess when it can no longer know what the log holds; whatever else it raises
        is a mistake in a program. The process must exit in any case.
        """
        names = [self._kafka.topic(topic) for topic in self._wiring.usage]
        try:
            self._usage.subscribe(
                names, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke
            )
            while not self._stop:
                self._turn()
            self._hand_over()
        except (KafkaException, LogTruncated, LogUnavailable) as error:
            raise StopProcess(str(error)) from error
        finally:
            self._close()

    def _turn(self) -> None:
        self._observer.turned()
        patience_s = self._patience_s
        commands = self._wants_commands and self._route(
            poll_batch(self._commands, POLL_RECORDS, patience_s)
        )
        if commands:
            self._ask_ends()
        usage = self._wants_usage and self._route(poll_batch(self._usage, POLL_RECORDS, 0))
        if self._failure is not None:
            raise self._failure
        self._busy = any([commands, usage, self._finish_take_overs(), self._settle()])
        # One partition in a turn: commands that arrive meanwhile wait for one step at most.
        self._busy |= self._start_one()
        self._tell_lag()

    # What arrives.

    @property
    def _patience_s(self) -> float:
        if self._busy:
            return 0
        return COMMITTING_S if any(s.batch for s in self._served.values()) else IDLE_S

    @property
    def _wants_commands(self) -> bool:
        return sum(len(served.commands) for served in self._served.values()) < WAITING_MAX

    @property
    def _wants_usage(self) -> bool:
        open_ones = [served for served in self._served.values() if not served.is_intake_paused]
        waiting = [len(served.usage) for served in open_ones if not served.batch]
        return 0 in waiting or sum(len(served.usage) for served in open_ones) < WAITING_MAX

    def _route(self, messages: list[Message]) -> bool:
        """Queue records at their partitions, each partition's in order; whether there were any."""
        records, ends = sort_out(messages)
        for name, of_topic in groupby(records, _topic):
            for number, run in groupby(of_topic, _partition):
                served = self._served.get(number)
                if served is not None:
                    self._queue(served, name, list(run))
        for end in ends:
            if end.partition() in self._served:
                self._served[end.partition()].see_end(end.topic(), end.offset())
        return bool(records)

    def _queue(self, served: ServedPartition, name: str, records: list[InputRecord]) -> None:
        try:
            served.arrive(name, records)
        except PartitionRefused as why:
            self._refuse(served.number, why)
        else:
            self._pause_or_resume(served)

    def _ask_ends(self) -> None:
        """Where usage ends now, after the commands just polled: lets a tick expire what is due."""
        if time.monotonic() < self._ends_asked_s + ENDS_EVERY_S:
            return
        self._ends_asked_s = time.monotonic()
        try:
            ends = self._brief_admin.ends(
                (p.topic, p.partition) for p in self._places(self._served)
            )
        except (KafkaException, LogUnavailable):
            # The watermark stays where it is.
            return
        for (name, number), end in ends.items():
            self._served[number].ask_end(name, end)

    # Batches.

    def _start_one(self) -> bool:
        ready = [served for served in self._served.values() if served.ready]
        if not ready:
            return False
        served = min(ready, key=_rank)
        self._renew_group(served)
        served.start(self._committers)
        self._pause_or_resume(served)
        return True

    def _renew_group(self, served: ServedPartition) -> None:
        """Any change of members raises this member's epoch; a batch with an older one is aborted.

        The new one is ours to use: a revocation is told in this thread, and drops the partition
        before.
        """
        now_s = time.monotonic()
        if served.is_retrying or now_s > self._group_asked_s + GROUP_EVERY_S:
            self._group, self._group_asked_s = self._usage.consumer_group_metadata(), now_s
        served.group = self._group

    def _settle(self) -> bool:
        landed = [served for served in self._served.values() if served.landed]
        for served in landed:
            served.settle()
            self._pause_or_resume(served)
        return bool(landed)

    def _pause_or_resume(self, served: ServedPartition) -> None:
        """Fetch no more for a partition that falls far behind; the others share its queue.

        Nor for one whose intake an operator paused.
        """
        number, places = served.number, self._places([served.number])
        is_paused, waiting = served.is_intake_paused, len(served.usage)
        if number not in self._paused and (is_paused or waiting > PAUSE_ABOVE):
            self._usage.pause(places)
            self._paused.add(number)
            self._observer.paused(number)
        elif number in self._paused and not is_paused and waiting < RESUME_BELOW:
            self._usage.resume(places)
            self._paused.discard(number)
            self._observer.resumed(number)

    # Partitions come and go.

    def _assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        with self._flagging():
            self._group_asked_s = 0.0
            # Nothing is read until the partition is taken over, but a first fetch may be under way
            # before the pause: from an offset that exists.
            starts = self._brief_admin.starts((place.topic, place.partition) for place in places)
            consumer.incremental_assign(
                [TopicPartition(*place, offset) for place, offset in starts.items()]
            )
            consumer.pause(places)
            numbers = sorted({place.partition for place in places})
            if len(places) != len(numbers) * len(self._wiring.usage):
                raise StopProcess(f"usage topics are not assigned together: {places}")
            for number in numbers:
                self._take_over(Assignment(number, time.monotonic()))

    def _revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        with self._flagging():
            try:
                for number in {place.partition for place in places}:
                    self._release(number)
            finally:
                consumer.incremental_unassign(places)

    @contextmanager
    def _flagging(self) -> Generator[None, None, None]:
        """A callback that raised would be forgotten, and its partitions delivered anyway."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self._failure = self._failure or error

    def _take_over(self, assignment: Assignment) -> None:
        number = assignment.number
        self._held[number] = assignment
        self._observer.assigned(number)
        take_over = TakeOver(
            self._kafka,
            self._wiring,
            self._factory,
            number,
            lambda: self._held.get(number) is assignment,
            self._admin,
        )
        earlier = [self._taking[number][1]] if number in self._taking else []

        def run() -> TakenOver:
            # An earlier attempt of this process, given up meanwhile, must not fence this one.
            wait(earlier)
            return take_over.run()

        self._taking[number] = (assignment, self._takers.submit(run))

    def _finish_take_overs(self) -> bool:
        done = [number for number, (_, taken) in self._taking.items() if taken.done()]
        for number in done:
            assignment, taken = self._taking.pop(number)
            if self._held.get(number) is not assignment:
                # It went elsewhere meanwhile, whatever came of the attempt.
                continue
            try:
                self._serve(assignment, taken.result())
            except PartitionRefused as why:
                self._refuse(number, why)
        return bool(done)

    def _serve(self, assignment: Assignment, taken: TakenOver) -> None:
        number = assignment.number
        served = ServedPartition(taken, self._wiring, self._observer)
        self._served[number] = served
        at = {self._kafka.topic(topic): offset for topic, offset in taken.positions.items()}
        commands = self._kafka.topic(self._wiring.commands)
        self._commands.incremental_assign([TopicPartition(commands, number, at[commands])])
        places = self._places([number])
        for place in places:
            self._usage.seek(TopicPartition(place.topic, number, at[place.topic]))
        if served.is_intake_paused:
            # They are paused since they were assigned.
            self._paused.add(number)
        else:
            self._usage.resume(places)
        seconds = time.monotonic() - assignment.began_s
        log(partition=number, seconds=round(seconds, 3)).info("partition taken over", **at)
        self._observer.restored(number, taken.restore_s)
        self._observer.took_over(number, seconds)
        self._observer.intake(number, served.is_intake_paused)

    def _refuse(self, number: int, why: PartitionRefused) -> None:
        """Stop serving a partition that stays assigned: serving it could lose or double money."""
        self._drop(number)
        self._usage.pause(self._places([number]))
        log(partition=number).error("partition refused", reason=str(why))
        self._observer.refused(number, str(why))

    def _release(self, number: int) -> None:
        """Let go of a partition; whoever comes next fences this process anyway."""
        self._held.pop(number, None)
        self._drop(number)
        log(partition=number).info("partition released")
        self._observer.released(number)

    def _drop(self, number: int) -> None:
        if number in self._paused:
            self._paused.discard(number)
            self._observer.resumed(number)
        served = self._served.pop(number, None)
        if served is None:
            return
        commands = self._kafka.topic(self._wiring.commands)
        self._commands.incremental_unassign([TopicPartition(commands, number)])
        served.settle()

    def _places(self, numbers: Iterable[int]) -> list[TopicPartition]:
        """Partitions of all usage topics."""
        names = [self._kafka.topic(topic) for topic in self._wiring.usage]
        return [TopicPartition(name, number) for number in numbers for name in names]

    def _tell_lag(self) -> None:
        if time.monotonic() < self._lag_told_s + LAG_EVERY_S:
            return
        self._lag_told_s = time.monotonic()
        for number, served in self._served.items():
            for topic, progress in served.progress.items():
                consumer = self._commands if topic == self._wiring.commands else self._usage
                place = TopicPartition(self._kafka.topic(topic), number)
                _, end = consumer.get_watermark_offsets(place, cached=True)
                # Negative until the first answer to a fetch; old where nothing is fetched.
                end = max(end, progress.known_end)
                self._observer.lag(number, topic, end - progress.position)

    def _tell_error(self, error: KafkaError) -> None:
        """Log what the client mends by itself, as when the broker is away; not every attempt."""
        now_s = time.monotonic()
        if now_s > self._errors_told_s.get(error.name(), 0) + ERRORS_EVERY_S:
            self._errors_told_s[error.name()] = now_s
            log().warning("kafka client", error=error.name(), reason=error.str())

    # The end.

    def _hand_over(self) -> None:
        """Finish what is in flight; leaving the group then gives the partitions to others."""
        for served in self._served.values():
            served.settle()

    def _close(self) -> None:
        """Leave the group, so that others need not wait for the end of the session."""
        # Take-overs look at this and give up.
        self._held.clear()
        # While the broker is away, leaving would last until it is back.
        leaving = Pool(1, "leaving")
        wait([leaving.submit(self._leave)], LEAVE_S_MAX)
        for pool in (leaving, self._committers, self._takers):
            pool.close()

    def _leave(self) -> None:
        self._usage.close()
        self._commands.close()


def _rank(served: ServedPartition) -> float:
    """The lower, the earlier: who waited longest, commands with a head start."""
    return served.started_s - (COMMANDS_HEAD_START_S if served.commands else 0)
