"""What every service does around its work: logs, signals, health, and the refusal to run wrongly.

In order: configure the logs, listen for signals, offer `/livez`, `/readyz` and `/metrics`, check
the topics. Then the work begins; at a signal the service stops being ready, and hands over.
"""

import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final, NamedTuple

import click

from cli import settings
from cli.cluster import reached_kafka
from cli.errors import WrongSetting
from cli.settings import Settings
from cli.translated import translated
from eventlog import topics
from eventlog.settings import KafkaSettings
from service import logs, metrics
from service.health import Health, HealthServer
from service.signals import Stop, stop_on_signals

# A loop that did not go round for so long will not: a batch takes 2 s, a broker's return 12.
SILENCE_S_MAX: Final = 60.0
STOPPING: Final = "stopping"


class Service(NamedTuple):
    """What a service is given."""

    settings: Settings
    kafka: KafkaSettings
    version: str
    stop: Stop
    health: Health


@contextmanager
def service(name: str, *conditions: str) -> Generator[Service]:
    """Be the service `name`, ready once these conditions are met."""
    configured = settings.load()
    program, instance = version("aitelier-ledger"), f"{socket.gethostname()}:{os.getpid()}"
    logs.configure(name, instance, form=configured.log, level=configured.log_level)
    metrics.identify(name, instance, program)
    metrics.partitions(configured.partitions)
    stop = stop_on_signals()
    health = Health(*conditions, silence_s_max=SILENCE_S_MAX)
    log = logs.log()
    with HealthServer(health, host=configured.http_host, port=configured.http_port) as server:
        log.info("starting", version=program, http_port=server.port)
        threading.Thread(target=_tell_stopping, args=[stop, health], daemon=True).start()
        try:
            with translated():
                kafka = reached_kafka(configured)
                check_topics(kafka, configured)
                yield Service(configured, kafka, program, stop, health)
        except click.ClickException as error:
            log.critical("cannot go on", reason=error.message)
            raise SystemExit(error.exit_code) from error
        log.info("stopped", reason=stop.reason)


def check_topics(kafka: KafkaSettings, configured: Settings) -> None:
    """Refuse to run on topics with other settings than those the ledger is safe on."""
    drift = topics.check(kafka, configured.partitions, configured.replication)
    if drift:
        first = drift[0]
        raise WrongSetting(
            f"{first.topic}: {first.setting} must be {first.expected} and is {first.found}"
            f" ({len(drift)} in all): see `ledger topics check`"
        )


def check_tables(url: str) -> None:
    """Refuse to run on other tables than those this program knows."""
    from projections import migrate

    missing = migrate.pending(url)
    if missing:
        raise WrongSetting(f"{', '.join(missing)} not applied: run `ledger migrate`")


def _tell_stopping(stop: Stop, health: Health) -> None:
    stop.wait()
    health.miss(STOPPING, stop.reason or STOPPING)
