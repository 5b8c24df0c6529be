"""Every figure moves when what it tells of happens, and every one is in the reference."""

from collections.abc import Callable, Iterator

import pytest
from prometheus_client import REGISTRY

from consumers.processor.figures import ProcessorFigures
from consumers.projector.figures import Figures
from consumers.ticker import BROKER, tick_on
from eventlog.errors import Undelivered
from eventlog.pool import Pool
from eventlog.producer import Publication
from ledger.commands import VoidHold
from projections.standing import Standing
from scripts.figures import PREFIX, Figure, figures
from service import metrics
from service.health import Health
from service.signals import Stop
from tests.eventlog import test_served
from tests.eventlog.harness import USAGE
from tests.unit.processor.simulated import OTHER, OWN, PARTITION, Inputs, commit, new_processor

FIGURES = figures()

Moments = Iterator[None]
"""What happens, moment by moment: a figure has to differ between two of them."""


def named(name: str) -> Moments:
    for version in ("1", "2"):
        metrics.identify("processor", "host:1", version)
        yield


def told_of_partitions() -> Moments:
    for count in (12, 24):
        metrics.partitions(count)
        yield


def ready_or_not() -> Moments:
    health = Health("a condition", silence_s_max=60)
    yield
    health.meet("a condition")
    yield


def decided() -> Moments:
    """Usage charged, a hold that is not there, a repeat, and a record in the wrong place."""
    inputs, processor = Inputs(), new_processor()
    told().released(PARTITION)
    yield
    commit(processor, inputs.funded())
    yield
    void = VoidHold(command_id="void", tenant_id=OWN, actor="calls", hold_id="never placed")
    again = inputs.call("e1")
    commit(processor, [again, inputs.command(void), inputs.call("e1")])
    commit(processor, [inputs.call("e2", tenant_id=OTHER)])
    yield


def committed() -> Moments:
    """A batch that is aborted once, decided again and committed."""
    yield
    committers = Pool(1, "committer")
    bench = test_served.Bench(committers, aborts=1, observer=told())
    bench.arrive(USAGE, "a")
    while bench.served.usage or bench.served.batch:
        if bench.served.ready:
            bench.served.start(committers)
        bench.served.settle()
    committers.close()
    yield


def served_and_refused() -> Moments:
    figures = told()
    figures.assigned(PARTITION)
    figures.intake(PARTITION, False)
    yield
    figures.restored(PARTITION, 0.5)
    figures.took_over(PARTITION, 1.5)
    figures.lag(PARTITION, USAGE, 7)
    figures.intake(PARTITION, True)
    yield
    figures.paused(PARTITION)
    yield
    figures.resumed(PARTITION)
    figures.refused(PARTITION, "its log is broken")
    yield


def folded() -> Moments:
    figures = Figures(Health("read models", silence_s_max=60))
    figures.folded(PARTITION, 1, 1, None, 0.1)
    figures.behind(PARTITION, 0)
    figures.stands(Standing(0, 0, 0, 0))
    yield
    figures.folded(PARTITION, 3, 4, 1_790_000_000_000, 0.2)
    figures.behind(PARTITION, 9)
    figures.stands(Standing(1, 2, 3, 4_000_000))
    figures.overtaken()
    figures.cut("Postgres is away")
    yield


def ticked() -> Moments:
    yield
    stop = Stop()
    tick_on(FailsFirst(stop), 3, 0.001, stop, Health(BROKER, silence_s_max=60))
    yield


class FailsFirst:
    """A publisher whose first round is not acknowledged, and whose second is the last."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._has_failed = False

    def publish(self, publications: list[Publication]) -> int:
        if not self._has_failed:
            self._has_failed = True
            raise Undelivered([(0, "timed out")])
        self._stop.request("enough")
        return len(publications)


def told() -> ProcessorFigures:
    return ProcessorFigures(Health("partitions", silence_s_max=60))


MOVED_BY: dict[str, Callable[[], Moments]] = {
    "ledger_process": lambda: named("processor"),
    "ledger_partitions": told_of_partitions,
    "ledger_process_ready": ready_or_not,
    **dict.fromkeys(
        (
            "ledger_events_total",
            "ledger_refusals_total",
            "ledger_dead_letters_total",
            "ledger_repeats_total",
            "ledger_logical_time_seconds",
            "ledger_cards_adopted",
        ),
        decided,
    ),
    **dict.fromkeys(
        (
            "ledger_inputs_total",
            "ledger_outputs_total",
            "ledger_batch_seconds",
            "ledger_batch_inputs",
            "ledger_commit_seconds",
            "ledger_batches_aborted_total",
        ),
        committed,
    ),
    **dict.fromkeys(
        (
            "ledger_input_lag",
            "ledger_partitions_served",
            "ledger_partitions_refused",
            "ledger_partitions_paused",
            "ledger_intake_paused",
            "ledger_restore_seconds",
            "ledger_take_over_seconds",
        ),
        served_and_refused,
    ),
    **dict.fromkeys(
        (
            "ledger_projected_events_total",
            "ledger_projected_batch_seconds",
            "ledger_projection_lag_seconds",
            "ledger_projection_next_offset",
            "ledger_projection_lag",
            "ledger_projections_overtaken_total",
            "ledger_projections_cut_total",
            "ledger_reviews_open",
            "ledger_approvals_open",
            "ledger_wallets_in_arrears",
            "ledger_arrears_micros",
        ),
        folded,
    ),
    "ledger_ticks_total": ticked,
    "ledger_ticks_failed_total": ticked,
}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_moves_with_what_it_tells_of(figure: Figure) -> None:
    assert figure.name in MOVED_BY, "say in MOVED_BY what moves it"
    seen = [samples(figure) for _ in MOVED_BY[figure.name]()]
    assert any(one != seen[0] for one in seen)


def test_nothing_is_moved_that_no_process_tells() -> None:
    assert MOVED_BY.keys() - {figure.name for figure in FIGURES} == set()


def test_the_source_defines_what_the_processes_tell() -> None:
    told = {family.name for family in REGISTRY.collect() if family.name.startswith(PREFIX)}
    assert told == {figure.name.removesuffix("_total") for figure in FIGURES}


@pytest.mark.parametrize("how", ["released", "refused"])
def test_a_partition_that_went_elsewhere_leaves_no_figure_behind(how: str) -> None:
    figures, processor = told(), new_processor()
    figures.took_over(PARTITION, 1.0)
    commit(processor, Inputs().funded())
    figures.lag(PARTITION, USAGE, 7)
    before = labelled(PARTITION)
    if how == "released":
        figures.released(PARTITION)
    else:
        figures.refused(PARTITION, "its log is broken")
    assert before == {
        "ledger_input_lag",
        "ledger_logical_time_seconds",
        "ledger_cards_adopted",
    }
    assert labelled(PARTITION) == set()


def samples(figure: Figure) -> dict[tuple[str, tuple[str, ...]], float]:
    """All that a scrape reads of it, but when it was first told."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in REGISTRY.collect()
        if family.name == figure.name.removesuffix("_total")
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def labelled(partition: int) -> set[str]:
    """The processor's gauges that tell something of a partition."""
    return {
        family.name
        for family in REGISTRY.collect()
        if family.type == "gauge" and not family.name.startswith("ledger_proj")
        for sample in family.samples
        if sample.labels.get("partition") == str(partition)
    }
