"""A partition outside Kafka: inputs go in, values of its log come out, batch by batch.

It keeps what a broker would keep (inputs with their append times and watermarks, the log's bytes),
so that the same inputs can be decided again in other batches, and the log be replayed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ledger.batch import Decision, Input, Rules
from ledger.commands import Reply, Tick
from ledger.decide import decide
from ledger.events import (
    BatchCommitted,
    ChargeReversed,
    Event,
    PartitionEvent,
    TermsSet,
    WalletEvent,
    is_outcome,
)
from ledger.partition import Overlay, PartitionState, is_open
from ledger.wallet import Wallet
from schemas.chain import Chains
from schemas.codec import wallet_events
from tests.unit.ledger import invariants

LOG: Final = "log-0"


class Arrived(NamedTuple):
    """An input, and how far usage had been read when a tick among its batch was decided."""

    item: Input
    usage_read_to_ms: int


class Partition:
    """The deciding side: state, log and what was answered."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = PartitionState(LOG)
        self.chains = Chains(LOG)
        self.log: list[bytes] = []
        self.events: list[Event] = []
        self.replies: list[tuple[Input, Reply]] = []
        self.followed: dict[str, Wallet] = {}
        self.counted: Counter[str] = Counter()
        self.ticks: set[str] = set()

    @property
    def wallet_values(self) -> list[bytes]:
        """What must not depend on how inputs were cut into batches."""
        return [
            value
            for value, event in zip(self.log, self.events, strict=True)
            if isinstance(event, WalletEvent)
        ]

    def events_of(self, tenant_id: str) -> list[WalletEvent]:
        return [
            event
            for event in self.events
            if isinstance(event, WalletEvent) and event.originator_id == tenant_id
        ]

    def recall(self, place: int) -> Event:
        """Read an event of the log again, from its bytes."""
        return wallet_events.decode(self.log[place])[0]

    def take(self, arrived: Sequence[Arrived]) -> None:
        """Decide all of them, in as many batches as the rules' limits need; one watermark."""
        left = list(arrived)
        watermark_ms = arrived[0].usage_read_to_ms
        while left or self.state.is_amid:
            batch = [one.item for one in left]
            # A batch whose transaction is aborted leaves nothing behind: decided again, it is alike.
            aborted = decide(
                self.state, batch, self.state.now_ms, watermark_ms, self.rules, self.recall
            )
            decision = decide(
                self.state, batch, self.state.now_ms, watermark_ms, self.rules, self.recall
            )
            assert (aborted.events, aborted.replies) == (decision.events, decision.replies)
            self._commit(decision, batch, watermark_ms)
            del left[: decision.consumed]

    def _commit(self, decision: Decision, batch: Sequence[Input], watermark_ms: int) -> None:
        self._check_outcomes(decision, batch)
        self._check_spends(decision.events)
        footer = _footer(decision, watermark_ms)
        decision.overlay.note(footer)
        heads: dict[str, bytes] = {}
        values, _ = self.chains.link((*decision.events, footer), heads)
        self.log += values
        decision.overlay.merge()
        self.chains.advance(heads)
        self.events += [*decision.events, footer]
        self.replies += [(batch[index], reply) for index, reply in decision.replies]
        self.counted["consumed"] += decision.consumed
        self.counted["repeats"] += decision.repeats
        self.counted["ticks"] += decision.ticks
        self.counted["dead letters"] += len(decision.dead_letters)
        self.counted["batches"] += 1
        self.counted["batches that stopped in a tick"] += decision.overlay.draining is not None

    def _check_outcomes(self, decision: Decision, batch: Sequence[Input]) -> None:
        """Invariant 3: one outcome for every input but repeats and ticks, and within the limits."""
        self.ticks |= {one.event_id_stem for one in batch if isinstance(one.value, Tick)}
        answering = {stem_of(event) for event in decision.events if _answers(event)}
        outcomes = len(answering - self.ticks)
        uncounted = decision.repeats + decision.ticks + len(decision.dead_letters)
        assert decision.consumed == outcomes + uncounted
        outputs = len(decision.events) + len(decision.replies) + len(decision.dead_letters)
        assert outputs <= self.rules.outputs_max

    def _check_spends(self, events: Iterable[Event]) -> None:
        """Invariant 1, event by event, on wallets that only follow the log."""
        given_back: dict[str, int] = {}
        for event in events:
            if isinstance(event, WalletEvent):
                wallet = self.followed.setdefault(
                    event.originator_id, Wallet.of(event.originator_id, 0)
                )
                available_before_micros = wallet.available_micros
                stem = event.event_id.rpartition(":")[0]
                if isinstance(event, ChargeReversed) and stem not in given_back:
                    # The new charge may take again what its reversal gave back.
                    given_back[stem] = min(available_before_micros, given_back.get(stem, 0))
                available_before_micros = min(available_before_micros, given_back.get(stem, 0))
                wallet.apply(event)
                if not isinstance(event, TermsSet):
                    invariants.check_spend_is_covered(wallet, available_before_micros)

    def check(self) -> None:
        """All that must hold between two batches."""
        for tenant_id, wallet in self.state.wallets.items():
            events = self.events_of(tenant_id)
            invariants.check_figures(wallet)
            invariants.check_chats_count_as_held(wallet, self.state.cards)
            invariants.check_money_is_conserved(wallet, events)
            invariants.check_simulated_moves_nothing(events)
            invariants.check_sequence(wallet, events)
            invariants.check_payments_credited_once(events)
            assert _facts_of(self.followed[tenant_id]) == _facts_of(wallet)


def stem_of(event: Event) -> str:
    """What names the input that caused it."""
    return event.event_id.rpartition(":")[0]


def _answers(event: Event) -> bool:
    """Whether an input has it as its outcome; the first card is adopted by itself."""
    return is_outcome(event) or (isinstance(event, PartitionEvent) and event.input_id != "")


def in_batches(arrived: Sequence[Arrived], sizes: Iterator[int]) -> Iterator[list[Arrived]]:
    """Cut inputs into batches of those sizes, and wherever the watermark changes."""
    batch: list[Arrived] = []
    size = next(sizes)
    for one in arrived:
        if batch and (len(batch) >= size or batch[0].usage_read_to_ms != one.usage_read_to_ms):
            yield batch
            batch, size = [], next(sizes)
        batch.append(one)
    if batch:
        yield batch


def replayed(
    log: Sequence[bytes], window_ms: int = Rules().deduplication_window_ms
) -> PartitionState:
    """The state that a log's bytes fold to, read as the next owner of the partition reads them."""
    state = PartitionState(LOG)
    overlay = Overlay(state)
    for value in log:
        event, _ = wallet_events.decode(value)
        overlay.replay(event, window_ms)
        if isinstance(event, BatchCommitted):
            overlay.merge()
            overlay = Overlay(state)
    return state


def facts(state: PartitionState) -> dict[str, object]:
    """All of a state that a later decision can depend on."""
    card = state.cards.in_force(state.now_ms)
    return {
        "now": state.now_ms,
        "sequence": state.sequence,
        "draining": state.draining,
        "intake pause": state.intake_pause,
        "wallets": {tenant_id: _facts_of(wallet) for tenant_id, wallet in state.wallets.items()},
        "usage": vars(state.usage),
        "place": state.place,
        "days": state.days,
        "reviewed": state.reviewed,
        "chat charges": state.chat_charges,
        "collections": state.collections,
        "commands": state.commands,
        "holds named by usage": state.holds_named_by_usage,
        "due": [due for due in state.due if is_open(state.wallets[due.tenant_id], due)],
        "card": card and (card.card_id, card.version, card.lines),
    }


def _facts_of(wallet: Wallet) -> dict[str, object]:
    """Every attribute, and of what is kept in an order also the order."""
    assert not vars(wallet), "what has no slot would not be copied"
    own = {name: value for name, value in wallet.facts().items() if not name.startswith("_")}
    own["version"] = wallet.version
    own["in order"] = [list(wallet.unspent.items()), list(wallet.arrears.items())]
    return own


def _footer(decision: Decision, watermark_ms: int) -> BatchCommitted:
    overlay = decision.overlay
    return BatchCommitted(
        originator_id="",
        originator_version=overlay.sequence + 1,
        event_id=f"{LOG}:{overlay.sequence + 1}",
        occurred_at_ms=overlay.now_ms,
        recorded_at_ms=overlay.now_ms,
        input_id="",
        partitions=1,
        input_hash=bytes(16),
        actor="ledger",
        positions=(),
        usage_read_to_ms=watermark_ms,
        events=len(decision.events),
        dead_letters=len(decision.dead_letters),
        repeats=decision.repeats,
        ticks=decision.ticks,
        draining=overlay.draining,
        batch_hash=bytes(32),
        code_version="0",
        configuration_version="0",
        intake_pause=overlay.intake_pause,
    )
