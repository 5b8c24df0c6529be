"""The process's figures, as Prometheus reads them; any package defines its own beside its code."""

from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, Info, generate_latest

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# From a transaction of one record to the end of a session, so that both ends can be told apart.
LATENCY_BUCKETS_S: Final = (
    0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 2, 5, 10, 30,
)  # fmt: skip

_PROCESS: Final = Info("ledger_process", "Which service this is, and of which version.")
_PARTITIONS: Final = Gauge(
    "ledger_partitions", "Partitions of every topic keyed by tenant, as this process is told."
)
_READY: Final = Gauge("ledger_process_ready", "1 where `/readyz` answers 200, else 0.")


def identify(service: str, instance: str, version: str) -> None:
    """Name the process in its figures."""
    _PROCESS.info({"service": service, "instance": instance, "version": version})


def partitions(count: int) -> None:
    """Tell how many partitions all processes together have to serve."""
    _PARTITIONS.set(count)


def ready(*, is_ready: bool) -> None:
    """Tell what the readiness probe would."""
    _READY.set(is_ready)


def exposition() -> bytes:
    """All figures of the process at this moment, in the text format."""
    return generate_latest(REGISTRY)
