"""What the services of `ledger run` are given to serve."""

from cli.run import registered
from eventlog.settings import KafkaSettings


def test_the_schema_endpoint_tells_by_which_rule_each_topic_changes() -> None:
    served = registered(KafkaSettings("", prefix="prod."))
    rules = {
        subject: served.get(["config", subject])
        for subject in ("prod.g1.usage.calls-value", "prod.g1.wallet.events-value")
    }
    assert rules == {
        "prod.g1.usage.calls-value": {"compatibilityLevel": "FULL_TRANSITIVE"},
        "prod.g1.wallet.events-value": {"compatibilityLevel": "BACKWARD_TRANSITIVE"},
    }
