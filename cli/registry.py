"""The production registry of the configuration, beside the schemas that it must hold."""

from cli.errors import WrongSetting
from cli.settings import Settings
from cli.subjects import compatibility, subjects
from eventlog.settings import KafkaSettings
from gateways.registry import Difference, Registered, Registry


def differences(configured: Settings) -> list[Difference] | None:
    """How the registry differs from what it must hold; None if there is none."""
    if not configured.registry_url:
        return None
    names = _names(configured)
    return _registry(configured).differences(_wanted(names), compatibility(names))


def published(configured: Settings) -> list[Registered]:
    """Give the registry what it lacks; what that was. Raises WrongSetting if there is none."""
    if not configured.registry_url:
        raise WrongSetting("LEDGER_REGISTRY_URL is not set: where is the registry?")
    names = _names(configured)
    return _registry(configured).publish(_wanted(names), compatibility(names))


def _registry(configured: Settings) -> Registry:
    return Registry(
        configured.registry_url,
        configured.registry_user,
        configured.registry_password,
        str(configured.registry_ca or ""),
    )


def _names(configured: Settings) -> KafkaSettings:
    """Only for the names of topics: no broker is asked."""
    return KafkaSettings("", configured.topic_prefix)


def _wanted(names: KafkaSettings) -> list[Registered]:
    return [
        Registered(subject, schema.version, schema.schema_id, schema.text)
        for subject, schema in subjects(names)
    ]
