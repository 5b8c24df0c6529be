"""The ticker sends one record to each partition, and outlives a broker that is away."""

from collections.abc import Callable
from http import HTTPStatus

from consumers.ticker import BROKER, tick_on, ticks
from eventlog.errors import Undelivered
from eventlog.producer import Publication
from schemas.codec import asked
from service.health import Health
from service.signals import Stop


class Publisher:
    """Keeps what is published; a round for which `fails` says so is not acknowledged."""

    def __init__(self, stop: Stop, rounds: int, fails: Callable[[int], bool]) -> None:
        self.rounds: list[list[Publication]] = []
        self._stop = stop
        self._rounds_max = rounds
        self._fails = fails

    def publish(self, publications: list[Publication]) -> int:
        self.rounds.append(publications)
        if len(self.rounds) == self._rounds_max:
            self._stop.request("enough")
        if self._fails(len(self.rounds)):
            raise Undelivered([(0, "timed out")])
        return len(publications)


def tick(rounds: int, fails: Callable[[int], bool] = lambda _: False) -> tuple[Publisher, Health]:
    stop, health = Stop(), Health(BROKER, silence_s_max=60)
    publisher = Publisher(stop, rounds, fails)
    tick_on(publisher, 3, 0.001, stop, health)
    return publisher, health


def test_a_round_has_a_tick_for_each_partition() -> None:
    published = ticks(3, 1_768_478_400_000)
    assert [record.partition for record in published] == [0, 1, 2]
    assert {(record.topic, record.key) for record in published} == {("wallet.commands", None)}


def test_a_tick_is_nobodys_command_with_an_id_of_its_own() -> None:
    published = [*ticks(2, 1), *ticks(2, 2)]
    found = [asked.decode(record.value) for record in published]
    assert {(type(tick).__name__, tick.tenant_id) for tick in found} == {("Tick", "")}
    assert [tick.command_id for tick in found] == ["tick-1-0", "tick-1-1", "tick-2-0", "tick-2-1"]


def test_ticks_are_sent_until_it_is_told_to_stop() -> None:
    publisher, health = tick(rounds=4)
    assert len(publisher.rounds) == 4
    assert health.readiness()[0] == HTTPStatus.OK


def test_a_round_that_is_not_acknowledged_is_followed_by_the_next() -> None:
    publisher, health = tick(rounds=4, fails=lambda number: number in {1, 2})
    assert len(publisher.rounds) == 4
    assert health.readiness()[0] == HTTPStatus.OK


def test_it_is_not_ready_while_ticks_are_not_acknowledged() -> None:
    _, health = tick(rounds=2, fails=lambda number: number == 2)
    assert health.readiness() == (
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"missing": {BROKER: "1 records not acknowledged, the first at 0: timed out"}},
    )
