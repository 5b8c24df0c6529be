"""An upgraded platform sends again what it had sent: whichever schema says it, it is the same."""

import pytest

from consumers.processor import inputs
from consumers.processor.inputs import Reader
from eventlog.logic import Claim
from schemas.codec import InputCodec
from tests.unit.processor.simulated import (
    LOGICAL,
    OWN,
    PARTITION,
    PARTITIONS,
    TOPIC_IDS,
    Inputs,
    call,
)
from tests.unit.schemas.newer import VERSIONS, NewerCall, codec_of, newer


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[InputCodec[NewerCall]]:
    """Writers of three versions; the processor reads with the newest."""
    known = [codec_of(monkeypatch, VERSIONS[: index + 1]) for index in range(len(VERSIONS))]
    monkeypatch.setattr(inputs, "USAGE", {**inputs.USAGE, "usage.calls": known[-1]})
    return known


@pytest.mark.rule("6.once")
def test_usage_is_read_as_the_same_content_in_every_version(
    writers: list[InputCodec[NewerCall]],
) -> None:
    """And its neighbours are not mixed up with it, whatever comes after what."""
    sent, said = Inputs(), [newer(call("one")), newer(call("one"), language="de")]
    reader = Reader(Claim(PARTITION, PARTITIONS, TOPIC_IDS, LOGICAL, lambda _: iter(())))
    orders = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (0, 0), (2, 1), (1, 1)]
    records = [
        sent.record("usage.calls", OWN.encode(), writers[writer].encode(said[what]))
        for writer, what in orders
    ]
    contents = {
        (what, one.content_hash)
        for one, (_, what) in zip(reader.read(records), orders, strict=True)
    }
    assert len(contents) == len({content for _, content in contents}) == 2
