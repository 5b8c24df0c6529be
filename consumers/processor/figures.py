"""The processor's figures and health, told by the driver and by each partition's steps."""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from eventlog.logic import Observer
from ledger.events import Event, HoldRefused, InputRefused, SpendRefused
from ledger.refusals import Refusal
from service.health import Health
from service.metrics import LATENCY_BUCKETS_S

SERVING: Final = "partitions"
SOURCES_MAX: Final = 50
"""So many senders have figures of their own: a stranger's names must not fill memory and page."""
OTHER_SOURCES: Final = "other"
REFUSED: Final = frozenset((HoldRefused, InputRefused, SpendRefused))

_INPUTS: Final = Counter("ledger_inputs_total", "Inputs decided.", ["partition"])
_OUTPUTS: Final = Counter("ledger_outputs_total", "Records written.", ["partition"])
_BATCH_S: Final = Histogram(
    "ledger_batch_seconds", "From the begin of a batch to its merge.", buckets=LATENCY_BUCKETS_S
)
_COMMIT_S: Final = Histogram(
    "ledger_commit_seconds",
    "From a batch's last record written to the end of its commit.",
    buckets=LATENCY_BUCKETS_S,
)
_BATCH_INPUTS: Final = Histogram(
    "ledger_batch_inputs", "Inputs in a batch.", buckets=(1, 5, 20, 100, 500, 1_000, 2_000)
)
_ABORTS: Final = Counter("ledger_batches_aborted_total", "Batches dropped and decided again.")
_LAG: Final = Gauge("ledger_input_lag", "Offsets not decided yet.", ["topic", "partition"])
_SERVED: Final = Gauge("ledger_partitions_served", "Partitions this process serves.")
_REFUSED: Final = Gauge("ledger_partitions_refused", "Assigned here, and not safe to serve.")
_INTAKE_PAUSED: Final = Gauge(
    "ledger_intake_paused", "1 while usage of a partition waits for an operator.", ["partition"]
)
_PAUSED: Final = Gauge("ledger_partitions_paused", "Partitions of which no more usage is fetched.")
_RESTORE_S: Final = Histogram(
    "ledger_restore_seconds",
    "Reading a partition's state back from its log.",
    buckets=LATENCY_BUCKETS_S,
)
_TAKE_OVER_S: Final = Histogram(
    "ledger_take_over_seconds", "From assignment to serving.", buckets=LATENCY_BUCKETS_S
)
_EVENTS: Final = Counter("ledger_events_total", "Events decided, by kind.", ["kind"])
_REFUSALS: Final = Counter("ledger_refusals_total", "Refused inputs, by reason.", ["reason"])
# A counter that only appears with its first refusal would hide it from whoever asks for increases.
for _refusal in Refusal:
    _REFUSALS.labels(_refusal)
_DEAD_LETTERS: Final = Counter(
    "ledger_dead_letters_total", "Inputs set aside, by who sent them and why.", ["source", "code"]
)
_REPEATS: Final = Counter("ledger_repeats_total", "Inputs that were decided before.")
_LOGICAL_S: Final = Gauge(
    "ledger_logical_time_seconds",
    "The partition's time, by the broker's clock, since 1970: `time()` less this is its age.",
    ["partition"],
)
_CARDS: Final = Gauge(
    "ledger_cards_adopted", "Versions of rate cards that the partition prices with.", ["partition"]
)


class Sources:
    """The senders that have figures of their own: the first ones that had a dead letter."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, source: str) -> str:
        """The sender's name, or the one that all further senders share."""
        if source not in self._known:
            if len(self._known) >= SOURCES_MAX:
                return OTHER_SOURCES
            self._known.add(source)
        return source


_SOURCES: Final = Sources()


class Tallies:
    """What a batch decided, in numbers, which enter the figures once it is committed."""

    def __init__(self) -> None:
        self._kinds = Tally[type[Event]]()
        self._refusals = Tally[str]()

    def add(self, events: Sequence[Event]) -> None:
        """Note events of the batch."""
        self._kinds.update(map(type, events))
        if not REFUSED.isdisjoint(self._kinds):
            self._refusals.update(
                event.refusal
                for event in events
                if isinstance(event, HoldRefused | InputRefused | SpendRefused)
            )

    def count(self, dead_letters: Iterable[tuple[str, str]], repeats: int) -> None:
        """Add what was noted, and what led to no event, to the figures.

        A dead letter counts by its source and its code.
        """
        for kind, number in self._kinds.items():
            _EVENTS.labels(kind.__name__).inc(number)
        for refusal, number in self._refusals.items():
            _REFUSALS.labels(refusal).inc(number)
        for source, code in dead_letters:
            _DEAD_LETTERS.labels(_SOURCES.label(source), code).inc()
        _REPEATS.inc(repeats)


def reached(partition: int, now_ms: int, cards: int) -> None:
    """Tell a partition's logical time and how many versions of cards it adopted."""
    _LOGICAL_S.labels(partition).set(now_ms / 1_000)
    _CARDS.labels(partition).set(cards)


class ProcessorFigures(Observer):
    """Turns what the driver tells into figures, and into what the health endpoint says.

    Ready once every partition assigned here is served or refused; a refused one is told by its
    figure and log line, for the others go on.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        self._taking: set[int] = set()
        self._served: set[int] = set()
        self._refused: set[int] = set()
        self._paused: set[int] = set()
        self._written_s: dict[int, float] = {}
        self._lags: set[tuple[str, int]] = set()

    def turned(self) -> None:
        self._health.beat()

    def assigned(self, partition: int) -> None:
        self._taking.add(partition)
        self._tell()

    def restored(self, partition: int, seconds: float) -> None:  # noqa: ARG002
        _RESTORE_S.observe(seconds)

    def took_over(self, partition: int, seconds: float) -> None:
        _TAKE_OVER_S.observe(seconds)
        self._taking.discard(partition)
        self._served.add(partition)
        self._refused.discard(partition)
        self._tell()

    def intake(self, partition: int, is_paused: bool) -> None:  # noqa: FBT001
        _INTAKE_PAUSED.labels(partition).set(is_paused)

    def released(self, partition: int) -> None:
        with suppress(KeyError):
            # Who serves it now tells.
            _INTAKE_PAUSED.remove(partition)
        self._taking.discard(partition)
        self._served.discard(partition)
        self._refused.discard(partition)
        self._forget(partition)
        self._tell()

    def refused(self, partition: int, reason: str) -> None:  # noqa: ARG002
        self._taking.discard(partition)
        self._served.discard(partition)
        self._refused.add(partition)
        self._forget(partition)
        self._tell()

    def batch_committed(self, partition: int, inputs: int, outputs: int, seconds: float) -> None:
        _INPUTS.labels(partition).inc(inputs)
        _OUTPUTS.labels(partition).inc(outputs)
        _BATCH_S.observe(seconds)
        _BATCH_INPUTS.observe(inputs)

    def batch_aborted(self, partition: int, reason: str) -> None:  # noqa: ARG002
        _ABORTS.inc()

    def lag(self, partition: int, topic: str, records: int) -> None:
        _LAG.labels(topic, partition).set(records)
        self._lags.add((topic, partition))

    def paused(self, partition: int) -> None:
        self._paused.add(partition)
        self._tell()

    def resumed(self, partition: int) -> None:
        self._paused.discard(partition)
        self._tell()

    def step_reached(self, step: str, partition: int) -> None:
        if step == "produced":
            self._written_s[partition] = time.monotonic()
        elif step == "committed":
            _COMMIT_S.observe(time.monotonic() - self._written_s[partition])

    def _forget(self, partition: int) -> None:
        """Another process tells of the partition now: the last values would stand here for ever."""
        for topic, number in self._lags:
            if number == partition:
                _LAG.remove(topic, partition)
        self._lags = {one for one in self._lags if one[1] != partition}
        _LOGICAL_S.remove(partition)
        _CARDS.remove(partition)

    def _tell(self) -> None:
        _SERVED.set(len(self._served))
        _REFUSED.set(len(self._refused))
        _PAUSED.set(len(self._paused))
        if self._taking:
            self._health.miss(SERVING, f"partitions being taken over: {sorted(self._taking)}")
        elif self._served:
            self._health.meet(SERVING)
        else:
            self._health.miss(SERVING, "no partition is served here")
