"""When a processor says that it can serve."""

from http import HTTPStatus

import pytest

from consumers.processor.figures import SERVING, ProcessorFigures
from service.health import Health

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
