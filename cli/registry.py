"""The production registry of the configuration, beside the schemas that it must hold."""

from ipaddress import ip_address
from urllib.parse import urlsplit

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
    """Raises WrongSetting where the password would be read by others, or by nobody."""
    if configured.registry_password and not configured.registry_user:
        raise WrongSetting(
            "A password for the registry is set, and no user: set LEDGER_REGISTRY_USER, or unset"
            " LEDGER_REGISTRY_PASSWORD."
        )
    url = urlsplit(configured.registry_url)
    if configured.registry_password and url.scheme == "http" and not _is_here(url.hostname or ""):
        raise WrongSetting(
            "LEDGER_REGISTRY_URL is plain http, and LEDGER_REGISTRY_PASSWORD would be sent for all"
            " to read: use https, or unset the password."
        )
    return Registry(
        configured.registry_url,
        configured.registry_user,
        configured.registry_password,
        str(configured.registry_ca or ""),
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _names(configured: Settings) -> KafkaSettings:
    """Only for the names of topics: no broker is asked."""
    return KafkaSettings("", configured.topic_prefix)


def _wanted(names: KafkaSettings) -> list[Registered]:
    return [
        Registered(subject, schema.version, schema.schema_id, schema.text)
        for subject, schema in subjects(names)
    ]
