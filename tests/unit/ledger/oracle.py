"""What the wallets must come to, by a plain reading of the product: sort and sum.

Knows nothing of holds, lots, credit or batches: the balance less arrears does not depend on them.
Only whether a negative adjustment was accepted is taken from the answers, as it does.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from ledger import commands as ask
from ledger.decide import Input, Unreadable
from ledger.usage import CallUsage

DAY_MS = 86_400_000
WINDOW_MS = 90 * DAY_MS
AHEAD_MS = 300_000

# By tier: success, real conversation, spam or silent, overage minute; in micro-dollars.
PRICES = {
    "ECONOMY": (600_000, 400_000, 50_000, 80_000),
    "STANDARD": (900_000, 600_000, 100_000, 120_000),
    "PREMIUM": (1_500_000, 1_000_000, 150_000, 200_000),
}


def price_micros(usage: CallUsage) -> int:
    success, real, spam, minute = PRICES[usage.tier.value]
    if usage.goal_reached:
        flat = success
    elif not usage.flagged_spam and usage.duration_ms >= 30_000 and usage.user_turns >= 3:
        flat = real
    else:
        flat = spam
    charged_ms = min(usage.duration_ms, usage.duration_cap_ms)
    minutes = max(0, (charged_ms - 300_000 + 59_999) // 60_000)
    return flat + minutes * minute


class Oracle:
    """Reads inputs in their order; `net_micros` is each tenant's balance less arrears."""

    def __init__(self, accepted: Collection[tuple[str, str]]) -> None:
        self.accepted = accepted
        self.net_micros: defaultdict[str, int] = defaultdict(int)
        self.now_ms = 0
        self._seen: set[tuple[str, str, str]] = set()
        self._paid: set[tuple[str, str]] = set()
        self._tenants: set[str] = set()
        self._switches: dict[tuple[str, str], list[tuple[int, bool]]] = {}
        self._used: set[tuple[str, str]] = set()

    def read(self, inputs: Iterable[Input]) -> "Oracle":
        for item in inputs:
            self.now_ms = max(self.now_ms, item.appended_at_ms)
            value = item.value
            if isinstance(value, Unreadable | ask.Tick):
                continue
            if isinstance(value, CallUsage):
                if value.user_turns >= 0 and self._is_new("usage", value.event_id, value):
                    self._call(item, value)
            elif _keeps_contract(value) and self._is_new("command", value.command_id, value):
                self._command(item, value)
        return self

    def _is_new(self, topic: str, name: str, value: CallUsage | ask.Command) -> bool:
        key = (topic, value.tenant_id, name)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    def _call(self, item: Input, usage: CallUsage) -> None:
        self._meet(usage.tenant_id, usage.project_id)
        self._used.add((usage.tenant_id, usage.project_id))
        if (
            self.now_ms - WINDOW_MS <= usage.ended_at <= item.appended_at_ms + AHEAD_MS
            and usage.corrects is None
            and self._is_live(usage.tenant_id, usage.project_id, usage.started_at)
        ):
            self.net_micros[usage.tenant_id] -= price_micros(usage)

    def _command(self, item: Input, command: ask.Command) -> None:
        tenant_id = command.tenant_id
        if not isinstance(command, ask.SettleTopUp) and self._is_ahead(item):
            return
        if item.not_after_ms is not None and self.now_ms > item.not_after_ms:
            return
        match command:
            case ask.PlaceHold() if self._is_timely(item):
                self._meet(tenant_id, command.project_id)
            case ask.OpenProject():
                self._open(command)
            case ask.GoLive() | ask.ReturnToSandbox():
                self._switch(tenant_id, command.project_id, isinstance(command, ask.GoLive))
            case ask.SettleTopUp():
                self._pay(command)
            case ask.GrantCredit():
                self._move(tenant_id, command.amount_micros)
            case ask.AdjustBalance():
                if command.amount_micros > 0 or (tenant_id, command.command_id) in self.accepted:
                    self._move(tenant_id, command.amount_micros)
            case _:
                pass

    def _is_ahead(self, item: Input) -> bool:
        return (item.asked_at_ms or 0) > item.appended_at_ms + AHEAD_MS

    def _is_timely(self, item: Input) -> bool:
        asked_at_ms = item.appended_at_ms if item.asked_at_ms is None else item.asked_at_ms
        return self.now_ms - WINDOW_MS <= asked_at_ms <= item.appended_at_ms + AHEAD_MS

    def _meet(self, tenant_id: str, project_id: str) -> None:
        self._tenants.add(tenant_id)
        self._switches.setdefault((tenant_id, project_id), [])

    def _open(self, command: ask.OpenProject) -> None:
        project = (command.tenant_id, command.project_id)
        live_from_ms = command.live_from_ms
        if project in self._used or (live_from_ms or 0) > self.now_ms:
            return
        self._meet(*project)
        if live_from_ms is not None:
            self._switches[project].append((live_from_ms, True))

    def _switch(self, tenant_id: str, project_id: str, to_live: bool) -> None:
        switches = self._switches.get((tenant_id, project_id))
        if switches is not None and to_live is not (switches[-1][1] if switches else False):
            switches.append((self.now_ms, to_live))

    def _is_live(self, tenant_id: str, project_id: str, began_ms: int) -> bool:
        before = [live for at, live in self._switches[tenant_id, project_id] if at <= began_ms]
        return bool(before) and before[-1]

    def _pay(self, command: ask.SettleTopUp) -> None:
        payment = (command.tenant_id, command.payment_id)
        is_known = command.tenant_id in self._tenants
        if is_known and payment not in self._paid and command.amount_micros >= 20_000_000:
            self._paid.add(payment)
            self._move(command.tenant_id, command.amount_micros)

    def _move(self, tenant_id: str, amount_micros: int) -> None:
        if tenant_id in self._tenants:
            self.net_micros[tenant_id] += amount_micros


def _keeps_contract(command: ask.Command) -> bool:
    match command:
        case ask.GrantCredit() | ask.SettleTopUp():
            return command.amount_micros > 0
        case ask.AdjustBalance():
            return command.amount_micros != 0
        case _:
            return True
