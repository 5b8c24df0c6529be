"""What became of usage is found by what it says, whichever version of its schema says it."""

from collections.abc import Iterator
from typing import cast

import pytest
from msgspec import structs

from cli.outcomes import OUTCOMES, outcomes
from cli.whole_log import Entry
from consumers.processor.inputs import USAGE, Reader
from eventlog.logic import Claim
from eventlog.producer import Publication
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE_CALLS, WALLET_EVENTS
from ledger.events import CallCharged
from schemas.codec import wallet_events
from tests.unit.processor.simulated import (
    LOGICAL,
    OWN,
    PARTITION,
    PARTITIONS,
    TOPIC_IDS,
    Inputs,
    call,
)
from tests.unit.schemas.examples import EXAMPLES, PREV
from tests.unit.schemas.newer import VERSIONS, codec_of, newer

CHARGED = cast(CallCharged, EXAMPLES[WALLET_EVENTS.name]["CallCharged"])


@pytest.mark.parametrize("language", [None, "de"])
@pytest.mark.parametrize("known", [1, 2, 3])
def test_a_call_is_found_by_its_content_in_every_version(
    monkeypatch: pytest.MonkeyPatch, known: int, language: str | None
) -> None:
    # Given a call of the newest version that the programs know, and its charge as the reader has it
    newest = codec_of(monkeypatch, VERSIONS[:known])
    for module in ("cli.outcomes", "consumers.processor.inputs"):
        monkeypatch.setattr(f"{module}.USAGE", {**USAGE, USAGE_CALLS.name: newest})
    value = newest.encode(newer(call("one"), language=language))
    reader = Reader(Claim(PARTITION, PARTITIONS, TOPIC_IDS, LOGICAL, lambda _: iter(())))
    [read] = reader.read([Inputs().record(USAGE_CALLS.name, OWN.encode(), value)])
    charged = wallet_events.encode(structs.replace(CHARGED, input_hash=read.content_hash), PREV)

    def log_since(_kafka: object, topic: str, _since: object, _label: str) -> Iterator[Entry]:
        if topic == WALLET_EVENTS.name:
            yield Entry(PARTITION, 0, charged)

    monkeypatch.setattr("cli.outcomes.log_since", log_since)
    # When its sender asks what became of it
    since = {topic: {PARTITION: 0} for topic in OUTCOMES}
    sent = [Publication(USAGE_CALLS.name, OWN.encode(), value)]
    told = outcomes(KafkaSettings("unused:1"), since, sent, all_decided=True)
    # Then it was charged
    assert (told.charged_count, told.repeats_count) == (1, 0)
