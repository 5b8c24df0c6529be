"""How a rate card becomes a version that every partition prices with.

The topic `rate.cards` is the arbiter: of two cards under one version the first record counts.
"""

import time
from collections.abc import Collection
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from cli import settings
from cli.cluster import quiet_kafka
from cli.errors import Refused
from cli.progress import patience
from cli.whole_log import ends_now, log_since, whole_log
from eventlog.producer import Publication, Publisher
from eventlog.settings import KafkaSettings
from eventlog.topics import RATE_CARDS, WALLET_COMMANDS, WALLET_EVENTS
from ledger.commands import AdoptCard, fault_in_command
from ledger.events import CardAdopted
from ledger.rates import DEFAULT_CARD, PublishedCard
from schemas.codec import asked, rate_cards, wallet_events

if TYPE_CHECKING:
    from cli.card_file import Draft

POLL_S: Final = 0.2
SHIPPED: Final = PublishedCard(
    DEFAULT_CARD.card_id,
    DEFAULT_CARD.version,
    DEFAULT_CARD.effective_from_ms,
    DEFAULT_CARD.lines,
    "ledger",
    "the shipped card",
)
"""It is on no topic: every partition adopts it in its first transaction."""


class Published(NamedTuple):
    """A version, and which partitions adopted it, or did not in time."""

    card: PublishedCard
    adopted: frozenset[int]
    missing: frozenset[int]


def published_cards(kafka: KafkaSettings) -> list[PublishedCard]:
    """Every version of every card, the shipped one first; of each version the first record."""
    found = {SHIPPED.name: SHIPPED}
    for entry in whole_log(kafka, RATE_CARDS.name, 1, "reading the cards"):
        card = rate_cards.decode(entry.value)
        found.setdefault(card.name, card)
    return list(found.values())


def publish_card(
    draft: "Draft", newest: PublishedCard | None, actor: str, reason: str, timeout_s: float
) -> Published:
    """Write the next version, see that it is the first under its number, and have it adopted.

    Raises Refused, with nothing published, if it is outside the contract or somebody was quicker.
    """
    version = 1 if newest is None else newest.card_version + 1
    card = PublishedCard(
        draft.card_id, version, draft.effective_from_ms, draft.lines, actor, reason
    )
    fault = fault_in_command(_adoption(card))
    if fault is not None:
        raise Refused(f"{fault}. Nothing was published.")
    kafka = quiet_kafka(settings.load())
    key = f"{card.card_id}:{card.card_version}".encode()
    Publisher(kafka).publish([Publication(RATE_CARDS.name, key, rate_cards.encode(card))])
    first = next(one for one in published_cards(kafka) if one.name == card.name)
    if first != card:
        raise Refused(
            f"{first.actor} published {card.card_id} {version} at the same moment, and was first."
            " Look at it with `ledger rates diff`, and publish yours again if it is still meant."
        )
    return adopt_card(card, (), timeout_s)


def adopt_card(card: PublishedCard, adopted: Collection[int], timeout_s: float) -> Published:
    """Ask every partition to adopt it that has not, and wait until all have, or the time is up."""
    configured = settings.load()
    kafka, done = quiet_kafka(configured), set(adopted)
    asked_of = set(range(configured.partitions)) - done
    places = ends_now(kafka, WALLET_EVENTS.name, configured.partitions)
    value = asked.encode(_adoption(card))
    Publisher(kafka).publish(
        Publication(WALLET_COMMANDS.name, None, value, partition=number)
        for number in sorted(asked_of)
    )
    give_up_s = time.monotonic() + timeout_s
    with patience("Waiting for every partition …"):
        while asked_of - done and time.monotonic() < give_up_s:
            for entry in log_since(kafka, WALLET_EVENTS.name, places, "waiting"):
                places[entry.partition] = entry.offset + 1
                event, _ = wallet_events.decode(entry.value)
                if isinstance(event, CardAdopted) and _is(event, card):
                    done.add(entry.partition)
            time.sleep(POLL_S)
    return Published(card, frozenset(done), frozenset(asked_of - done))


def _is(event: CardAdopted, card: PublishedCard) -> bool:
    return (event.card_id, event.card_version, event.lines) == (*card.name, card.lines)


def _adoption(card: PublishedCard) -> AdoptCard:
    """The same for everybody who sends it, however often."""
    name = f"{card.card_id}:{card.card_version}".encode()
    return AdoptCard(
        command_id=f"card-{sha256(name).hexdigest()[:24]}",
        tenant_id="",
        actor=card.actor,
        reason=card.reason,
        card_id=card.card_id,
        card_version=card.card_version,
        effective_from_ms=card.effective_from_ms,
        lines=card.lines,
    )
