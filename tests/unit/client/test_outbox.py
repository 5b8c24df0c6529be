"""The outbox loses nothing it took, says when it takes nothing, and tells what became of each."""

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client import outbox
from client.contract import CODECS
from client.errors import (
    OutboxClosed,
    OutboxFailed,
    OutboxFull,
    OutsideContract,
    SpoolUnwritable,
)
from client.outbox import Delivery, Outbox
from client.spool import Entry, Spool
from eventlog.producer import Publication
from tests.usage import CHAT, CRAWL, call, calls

PATIENCE_S = 10.0
Told = Callable[[str | None], None]


class Broker:
    """Takes records in order while it is there; `refused` of the next are told to have failed."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.is_there = is_there
        self.refused = 0
        self.taken: list[Publication] = []
        self.trouble: str | None = None
        self.room = 0
        self._waiting: list[tuple[Publication, Told]] = []
        self._changed = threading.Condition()

    def connect(self, room: int) -> "Broker":
        self.room = room
        return self

    def come(self) -> None:
        with self._changed:
            self.is_there = True
            self._changed.notify_all()

    def send(self, record: Publication, told: Told) -> None:
        with self._changed:
            self._waiting.append((record, told))
            self._changed.notify_all()

    def poll(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting and self.is_there, timeout_s)
            ready, self._waiting = (self._waiting, []) if self.is_there else ([], self._waiting)
        for record, told in ready:
            if self.refused:
                self.refused -= 1
                told("refused")
            else:
                self.taken.append(record)
                told(None)

    def start_over(self) -> None:
        with self._changed:
            given_up, self._waiting = self._waiting, []
        for _, told in given_up:
            told("given up")

    def close(self) -> None:
        self.start_over()

    @property
    def ids(self) -> list[str]:
        return [CODECS[one.topic].decode(one.value).event_id for one in self.taken]


class World:
    """An outbox on a broker in memory, and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker()
        self.told: list[Delivery] = []
        self._opened: list[Outbox] = []

    def open(
        self,
        *,
        spool: bool = False,
        full_wait_s: float = 0.0,
        waiting_max: int = 10,
        on_delivery: Callable[[Delivery], None] | None = None,
        source: str | None = None,
    ) -> Outbox:
        self._opened.append(
            Outbox(
                self.broker.connect,
                Spool(self.folder) if spool else None,
                full_wait_s=full_wait_s,
                on_delivery=on_delivery or self.told.append,
                waiting_max=waiting_max,
                source=source,
            )
        )
        return self._opened[-1]

    def close(self) -> None:
        for one in self._opened:
            one.close(0)

    def acknowledged(self) -> list[str]:
        return [one.usage.event_id for one in self.told if one.is_acknowledged]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(outbox, "START_OVER_S", 0.01)
    world = World(tmp_path / "spool")
    yield world
    world.close()


# ── Delivery ──


def test_what_is_put_arrives_and_is_told(world: World) -> None:
    box = world.open(source="voice")
    assert box.put([call("e-1"), CRAWL, CHAT]) == 3
    assert box.flush(PATIENCE_S) == 0
    assert world.told == [Delivery(one, True) for one in (call("e-1"), CRAWL, CHAT)]
    assert [one.topic for one in world.broker.taken] == [
        "usage.calls",
        "usage.crawls",
        "usage.chat",
    ]
    assert world.broker.taken[0].key == b"acme"
    assert world.broker.taken[0].headers == [("source", b"voice")]


def test_nothing_put_is_nothing_taken(world: World) -> None:
    box = world.open()
    assert (box.put([]), box.flush(0)) == (0, 0)


def test_one_event_outside_its_contract_keeps_all_from_being_taken(world: World) -> None:
    box = world.open()
    with pytest.raises(OutsideContract, match="'e-2'"):
        box.put([call("e-1"), call("e-2", started_at=60_001)])
    assert box.flush(PATIENCE_S) == 0
    assert world.broker.taken == []


def test_what_the_broker_refuses_is_sent_again_and_each_is_told_once(world: World) -> None:
    world.broker.refused = 3
    box = world.open()
    box.put(calls("acme", range(8)))
    assert box.flush(PATIENCE_S) == 0
    assert sorted(world.acknowledged()) == [f"acme-{number}" for number in range(8)]
    assert world.broker.ids[-3:] == ["acme-0", "acme-1", "acme-2"]


def test_what_is_put_after_a_refusal_waits_behind_what_was_refused(world: World) -> None:
    box = world.open()
    world.broker.refused, world.broker.is_there = 1, False
    box.put([call("e-1")])
    refused = threading.Event()
    start_over = world.broker.start_over

    def put_more() -> None:
        start_over()
        box.put([call("e-2")])
        refused.set()

    world.broker.start_over = put_more
    world.broker.come()
    assert refused.wait(PATIENCE_S)
    world.broker.start_over = start_over
    assert box.flush(PATIENCE_S) == 0
    assert world.broker.ids == ["e-1", "e-2"]


# ── Back-pressure ──


def test_a_full_outbox_refuses_at_once_and_takes_nothing_of_it(world: World) -> None:
    world.broker.is_there = False
    box = world.open(waiting_max=3)
    box.put(calls("acme", range(2)))
    with pytest.raises(OutboxFull, match="2 events wait, at most 3 may"):
        box.put(calls("acme", range(2, 4)))
    world.broker.come()
    assert box.flush(PATIENCE_S) == 0
    assert world.broker.ids == ["acme-0", "acme-1"]


def test_a_full_outbox_blocks_until_there_is_room(world: World) -> None:
    world.broker.is_there = False
    box = world.open(waiting_max=1, full_wait_s=PATIENCE_S)
    box.put([call("e-1")])
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(box.put, [call("e-2")])
        assert box.flush(0.05) == 1
        assert not second.done()
        world.broker.come()
        assert second.result(PATIENCE_S) == 1
    assert box.flush(PATIENCE_S) == 0
    assert world.broker.ids == ["e-1", "e-2"]


def test_more_at_once_than_may_ever_wait_is_refused_though_it_would_block(world: World) -> None:
    box = world.open(waiting_max=2, full_wait_s=PATIENCE_S)
    with pytest.raises(OutboxFull, match="3 events at once"):
        box.put(calls("acme", range(3)))


def test_who_is_told_may_put_but_never_waits_for_room_that_only_it_makes(world: World) -> None:
    refused: list[OutboxFull] = []

    def put_again(_: Delivery) -> None:
        try:
            assert box.flush() == 1
            box.put([call("e-2")])
        except OutboxFull as full:
            refused.append(full)

    box = world.open(waiting_max=1, full_wait_s=PATIENCE_S, on_delivery=put_again)
    box.put([call("e-1")])
    assert box.flush(PATIENCE_S / 2) == 0
    assert len(refused) == 1


def test_how_it_stands_is_seen(world: World) -> None:
    world.broker.is_there = False
    box = world.open()
    assert box.state() == (0, 0.0, None)
    box.put([call("e-1")])
    world.broker.trouble = "no broker"
    waiting, oldest_s, trouble = box.state()
    assert (waiting, trouble) == (1, "no broker")
    assert oldest_s > 0


def test_many_threads_put_and_each_tenant_keeps_its_order(world: World) -> None:
    tenants = [f"t-{number}" for number in range(8)]
    box = world.open(spool=True, waiting_max=50, full_wait_s=PATIENCE_S)

    def put_all(tenant: str) -> None:
        for one in calls(tenant, range(40)):
            box.put([one])

    with ThreadPoolExecutor(len(tenants)) as pool:
        list(pool.map(put_all, tenants))
    assert box.flush(PATIENCE_S) == 0
    for tenant in tenants:
        own = [one for one in world.broker.ids if one.startswith(f"{tenant}-")]
        assert own == [f"{tenant}-{number}" for number in range(40)]


def test_what_threads_put_during_a_sync_shares_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = world.open(spool=True)
    append, appended, goes_on = Spool.append, list[int](), threading.Event()

    def slow(spool: Spool, entries: Sequence[Entry]) -> None:
        appended.append(len(entries))
        goes_on.wait(PATIENCE_S)
        append(spool, entries)

    monkeypatch.setattr(Spool, "append", slow)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(box.put, [call("e-0")])
        while not appended:
            time.sleep(0.001)
        others = [pool.submit(box.put, [call(f"e-{number}")]) for number in range(1, 6)]
        while len(box.__dict__["_batch"].letters) < 5:
            time.sleep(0.001)
        goes_on.set()
        assert [one.result(PATIENCE_S) for one in (first, *others)] == [1] * 6
    assert appended == [1, 5]
    assert box.flush(PATIENCE_S) == 0


# ── The end ──


def test_closing_waits_for_what_was_put(world: World) -> None:
    box = world.open()
    box.put([call("e-1")])
    assert box.close(PATIENCE_S) == 0
    assert world.acknowledged() == ["e-1"]
    assert box.close() == 0


def test_what_is_left_without_a_spool_is_told_and_comes_back_to_the_caller(world: World) -> None:
    world.broker.is_there = False
    box = world.open()
    box.put([call("e-1")])
    assert box.close(0.01) == 1
    assert world.told == [Delivery(call("e-1"), False, outbox.CLOSED)]


def test_what_is_left_in_the_spool_goes_out_with_the_next_outbox_before_all_else(
    world: World,
) -> None:
    world.broker.is_there = False
    first = world.open(spool=True)
    first.put(calls("acme", range(2)))
    assert first.close(0.01) == 2
    assert [one.reason for one in world.told] == [outbox.KEPT] * 2
    world.broker = Broker()
    second = world.open(spool=True, waiting_max=1, full_wait_s=PATIENCE_S)
    assert world.broker.room == 3
    second.put([call("e-3")])
    assert second.flush(PATIENCE_S) == 0
    assert world.broker.ids == ["acme-0", "acme-1", "e-3"]
    assert world.acknowledged() == ["acme-0", "acme-1", "e-3"]
    second.close()
    assert Spool(world.folder).recovered == ()


def test_a_closed_outbox_takes_nothing_and_lets_nobody_wait(world: World) -> None:
    world.broker.is_there = False
    box = world.open(waiting_max=1, full_wait_s=PATIENCE_S)
    box.put([call("e-1")])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(box.put, [call("e-2")])
        box.close(0.05)
        with pytest.raises(OutboxClosed):
            waiting.result(PATIENCE_S)
    with pytest.raises(OutboxClosed):
        box.put([call("e-3")])


# ── What goes wrong ──


def test_a_disk_that_takes_nothing_has_nothing_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = world.open(spool=True, waiting_max=1)

    def full(_: object, __: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "append", full)
        with pytest.raises(SpoolUnwritable, match="No space left"):
            box.put([call("e-1")])
    # Once there is room it goes on, and what was refused takes up no place
    box.put([call("e-1")])
    assert box.flush(PATIENCE_S) == 0
    assert world.broker.ids == ["e-1"]


def test_a_callback_that_raises_ends_the_outbox_loudly_and_loses_nothing(world: World) -> None:
    def wrong(_: Delivery) -> None:
        raise KeyError("a mistake")

    box = world.open(spool=True, on_delivery=wrong)
    box.put([call("e-1")])
    with pytest.raises(OutboxFailed, match="a mistake"):
        box.flush(PATIENCE_S)
    with pytest.raises(OutboxFailed, match="what waits is in the spool"):
        box.put([call("e-2")])
    assert box.close() == 1
    assert [one.value for one in Spool(world.folder).recovered] == [world.broker.taken[0].value]


def test_an_outbox_that_cannot_be_made_lets_go_of_its_spool(tmp_path: Path) -> None:
    def cannot(_: int) -> Broker:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        Outbox(
            cannot,
            Spool(tmp_path),
            full_wait_s=0.0,
            on_delivery=None,
            waiting_max=1,
            source=None,
        )
    Spool(tmp_path).close()
