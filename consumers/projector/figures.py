"""The projector's figures and health, told by its loop."""

import time
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from projections.standing import Standing
from service.health import Health
from service.metrics import LATENCY_BUCKETS_S

READ_MODELS: Final = "read models"
"""The condition of readiness: Postgres answers and its checkpoints belong to this log."""

_EVENTS: Final = Counter("ledger_projected_events_total", "Events folded in.", ["partition"])
_BATCH_S: Final = Histogram(
    "ledger_projected_batch_seconds", "Write and commit of a batch.", buckets=LATENCY_BUCKETS_S
)
_LAG_S: Final = Gauge(
    "ledger_projection_lag_seconds",
    "Age of the last event folded in when it was committed; 0 at the log's end.",
    ["partition"],
)
_NEXT: Final = Gauge("ledger_projection_next_offset", "The checkpoint.", ["partition"])
_LAG: Final = Gauge(
    "ledger_projection_lag", "Offsets of the log that are not folded in yet.", ["partition"]
)
_OVERTAKEN: Final = Counter(
    "ledger_projections_overtaken_total", "Batches given up because another projector was quicker."
)
_CUT: Final = Counter(
    "ledger_projections_cut_total", "Batches given up because Postgres did not take them."
)
_REVIEWS: Final = Gauge("ledger_reviews_open", "Usage that waits for an operator to decide.")
_APPROVALS: Final = Gauge(
    "ledger_approvals_open", "What one operator asked and a second one has to approve."
)
_WALLETS_IN_ARREARS: Final = Gauge("ledger_wallets_in_arrears", "Wallets that owe something.")
_ARREARS: Final = Gauge("ledger_arrears_micros", "What all wallets owe, in micro-dollars.")


class Figures:
    """Turns what the loop tells into figures, and into what the health endpoint says."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def turned(self) -> None:
        self._health.beat()

    def connected(self) -> None:
        self._health.meet(READ_MODELS)

    def cut(self, reason: str) -> None:
        _CUT.inc()
        self._health.miss(READ_MODELS, reason)
        self._health.beat()

    def behind(self, partition: int, records: int) -> None:
        _LAG.labels(partition).set(records)

    def stands(self, standing: Standing) -> None:
        """Tell what waits for people, over all tenants."""
        _REVIEWS.set(standing.reviews)
        _APPROVALS.set(standing.approvals)
        _WALLETS_IN_ARREARS.set(standing.wallets_in_arrears)
        _ARREARS.set(standing.arrears_micros)

    def overtaken(self) -> None:
        _OVERTAKEN.inc()

    def folded(
        self,
        partition: int,
        events: int,
        following: int,
        appended_at_ms: int | None,
        seconds: float,
    ) -> None:
        """`appended_at_ms` is the last event's, None where there was none left to fold."""
        _EVENTS.labels(partition).inc(events)
        _BATCH_S.observe(seconds)
        _NEXT.labels(partition).set(following)
        lag_s = 0.0 if appended_at_ms is None else time.time() - appended_at_ms / 1_000
        _LAG_S.labels(partition).set(max(0.0, lag_s))
