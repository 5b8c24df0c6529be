"""What operators ask about what they find in the log: all that moves money or stops it."""

from collections.abc import Iterable, Iterator
from typing import Any

from eventlog.producer import Publication
from ledger import commands as ask
from schemas import codec
from tests import oracle

USD = 1_000_000
HOUR_MS = 3_600_000


class Operators:
    """Ann asks; Bea approves, declines and undoes. Their commands are numbered."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._count = 0

    def at_first(self, records: Iterable[oracle.Record], log: oracle.Log) -> list[Publication]:
        """Decide what is in review; give, take, write off and set terms, some above the amount."""
        return list(self._at_first(list(records), log))

    def then(self, records: Iterable[oracle.Record]) -> list[Publication]:
        """Approve or decline what was asked, undo, let holds be placed again."""
        return list(self._then(list(records)))

    def _at_first(self, records: list[oracle.Record], log: oracle.Log) -> Iterator[Publication]:
        reviews = events(records, "InputHeldForReview")
        of_usage = [one for one in reviews if one[1]["usage"][1]["corrects"] is None]
        for number, (value, _) in enumerate(of_usage):
            decided = ask.AcceptReview if number % 2 else ask.RejectReview
            yield self._ask(decided, value["tenant_id"], review_id=value["event_id"])
        for tenant_id, wallet in sorted(log.wallets.items()):
            if wallet.arrears_micros:
                # An event of writing off names at most a thousand charges.
                micros = min(100 * USD, max(1, wallet.arrears_micros // 2))
                yield self._ask(ask.WriteOffArrears, tenant_id, amount_micros=micros)
                continue
            yield self._ask(ask.FreezeWallet, tenant_id)
            if wallet.funds_micros - wallet.held_micros > 100 * USD:
                yield self._ask(ask.AdjustBalance, tenant_id, amount_micros=-USD)
                yield self._ask(ask.GrantCredit, tenant_id, amount_micros=1_500 * USD)
                micros = 2_000 * USD
                yield self._ask(
                    ask.SettleTopUp, tenant_id, payment_id="typed", amount_micros=micros
                )
            hours = self._now_ms // HOUR_MS + 24 * 30
            yield self._ask(ask.AssignCard, tenant_id, card_id="default", from_ms=hours * HOUR_MS)
        for number in range(20):
            tenant_id = f"closing-{number}"
            yield self._ask(ask.OpenProject, tenant_id, project_id="shop")
            yield self._ask(ask.GrantCredit, tenant_id, amount_micros=5 * USD)
            yield self._ask(ask.CloseWallet, tenant_id)

    def _then(self, records: list[oracle.Record]) -> Iterator[Publication]:
        for number, (value, _) in enumerate(events(records, "ApprovalAsked")):
            decided = ask.Decline if number % 3 == 0 else ask.Approve
            yield self._ask(decided, value["tenant_id"], "bea", approval_id=value["event_id"])
        for value, _ in events(records, "BalanceAdjusted"):
            if value["input_id"].startswith("operators-") and value["tenant_id"][:7] != "closing":
                yield self._ask(ask.Undo, value["tenant_id"], "bea", event_id=value["event_id"])
        for value, _ in events(records, "WalletFrozen"):
            yield self._ask(ask.UnfreezeWallet, value["tenant_id"], "bea")

    def _ask(
        self, kind: type[ask.Command], tenant_id: str, by: str = "ann", **fields: Any
    ) -> Publication:
        self._count += 1
        command = kind(
            command_id=f"operators-{self._count}",
            tenant_id=tenant_id,
            actor=f"operator:{by}",
            reason="looked into",
            **fields,
        )
        return Publication(oracle.COMMANDS, tenant_id.encode(), codec.asked.encode(command))


def events(records: Iterable[oracle.Record], name: str) -> list[tuple[oracle.Avro, oracle.Avro]]:
    """The log's events of a kind: envelope and fields."""
    found: list[tuple[oracle.Avro, oracle.Avro]] = []
    for record in records:
        value = oracle.decoded(oracle.EVENTS, record.value)
        assert value is not None
        kind, fields = value["body"]
        if kind.rpartition(".")[2] == name:
            found.append((value, fields))
    return found
