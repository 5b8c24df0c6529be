"""A registry's password goes to whom it is for, and to nobody by the way."""

import pytest

from cli import registry
from cli.errors import WrongSetting
from cli.settings import Settings
from gateways.registry import RegistryUnavailable

PASSWORD = {"LEDGER_REGISTRY_USER": "ann", "LEDGER_REGISTRY_PASSWORD": "hush"}
NOBODY = "http://127.0.0.1:9"


def said(given: dict[str, str]) -> str:
    with pytest.raises(WrongSetting) as raised:
        registry.differences(Settings(given))
    assert "hush" not in raised.value.message
    return raised.value.message


def test_a_password_without_a_user_is_refused() -> None:
    alone = {"LEDGER_REGISTRY_URL": NOBODY, "LEDGER_REGISTRY_PASSWORD": "hush"}
    assert "set LEDGER_REGISTRY_USER" in said(alone)


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1:8081", "localhost.example.com"])
def test_a_password_is_not_sent_for_all_to_read(host: str) -> None:
    assert "plain http" in said({"LEDGER_REGISTRY_URL": f"http://{host}", **PASSWORD})


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"])
def test_to_this_machine_it_may_go(url: str) -> None:
    with pytest.raises(RegistryUnavailable):
        registry.differences(Settings({"LEDGER_REGISTRY_URL": url, **PASSWORD}))


def test_over_tls_it_may_go_anywhere() -> None:
    with pytest.raises(RegistryUnavailable):
        registry.differences(Settings({"LEDGER_REGISTRY_URL": "https://127.0.0.1:9", **PASSWORD}))
