"""When a processor says that it can serve, and whose dead letters it counts."""

from http import HTTPStatus

import pytest
from prometheus_client import REGISTRY

from consumers.processor.figures import (
    OTHER_SOURCES,
    SERVING,
    SOURCES_MAX,
    ProcessorFigures,
    Sources,
)
from eventlog.records import Headers
from service.health import Health
from tests.unit.processor.simulated import Inputs, commit, new_processor

READY, NOT_READY = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE


@pytest.fixture
def health() -> Health:
    return Health(SERVING, silence_s_max=60)


def test_it_is_ready_once_every_partition_it_was_given_is_served_or_refused(health: Health) -> None:
    figures = ProcessorFigures(health)
    for number in (0, 1, 2):
        figures.assigned(number)
    seen = [health.readiness()[0]]
    figures.took_over(0, 0.1)
    seen.append(health.readiness()[0])
    figures.refused(1, "its log is broken")
    seen.append(health.readiness()[0])
    figures.took_over(2, 0.1)
    seen.append(health.readiness()[0])
    assert seen == [NOT_READY, NOT_READY, NOT_READY, READY]


def test_it_is_not_ready_while_more_is_taken_over_or_nothing_is_left(health: Health) -> None:
    figures = ProcessorFigures(health)
    figures.assigned(0)
    figures.took_over(0, 0.1)
    figures.assigned(1)
    assert health.readiness()[0] is NOT_READY
    figures.released(1)
    assert health.readiness()[0] is READY
    figures.released(0)
    assert health.readiness()[0] is NOT_READY


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ([("source", b"platform-calls")], "platform-calls"),
        ([("other", b"x"), ("source", b"crawler 2")], "crawler 2"),
        ([], "-"),
        ([("source", b"")], "-"),
        ([("source", b"x" * 64)], "x" * 64),
        ([("source", b"x" * 65)], "-"),
        ([("source", b"caf\xc3\xa9")], "-"),
        ([("source", b"bell\x07")], "-"),
    ],
)
def test_a_dead_letter_counts_by_who_sent_it_and_why(headers: Headers, source: str) -> None:
    before = dead_letters(source)
    inputs = Inputs()
    poison = inputs.record("usage.calls", b"acme", b"no Avro", headers)
    commit(new_processor(), [poison, inputs.call("good")])
    assert dead_letters(source) == before + 1


def test_a_strangers_names_do_not_fill_the_page() -> None:
    sources = Sources()
    labels = {sources.label(f"stranger-{number}") for number in range(1_000)}
    assert len(labels) == SOURCES_MAX + 1
    assert sources.label("one more") == OTHER_SOURCES
    # Whoever has a figure of its own keeps it
    assert sources.label("stranger-0") == "stranger-0"


def dead_letters(source: str) -> float:
    labels = {"source": source, "code": "malformed"}
    return REGISTRY.get_sample_value("ledger_dead_letters_total", labels) or 0


def test_a_paused_intake_is_told_as_long_as_the_partition_is_served_here(health: Health) -> None:
    figures = ProcessorFigures(health)
    figures.intake(7, is_paused=True)
    seen = [intake_paused("7")]
    figures.intake(7, is_paused=False)
    seen.append(intake_paused("7"))
    figures.released(7)
    seen.append(intake_paused("7"))
    figures.released(7)
    assert seen == [1, 0, None]


def intake_paused(partition: str) -> float | None:
    return REGISTRY.get_sample_value("ledger_intake_paused", {"partition": partition})
