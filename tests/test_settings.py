"""Settings have defaults; a value that is no value of its setting is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.settings import DESCRIBED, settings_from


def test_nothing_needs_to_be_set() -> None:
    settings = settings_from({})
    assert (settings.home, settings.host, settings.port) == (Path.cwd() / ".tianfu", "127.0.0.1", 8000)
    assert settings.database_url is None
    assert settings.database_secret_file == settings.home / "database-secret"


def test_what_is_set_counts(tmp_path: Path) -> None:
    settings = settings_from({"TIANFU_HOME": str(tmp_path), "TIANFU_PORT": "9000", "TIANFU_WORKERS": "3"})
    assert (settings.home, settings.port, settings.workers) == (tmp_path, 9000, 3)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "eighty", "８０", "1.5"])
def test_port_that_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="setting-invalid"):
        settings_from({"TIANFU_PORT": text})


def test_an_installation_is_in_development_until_somebody_says_otherwise() -> None:
    assert settings_from({}).mode == "development"
    assert settings_from({"TIANFU_MODE": "production"}).is_production


@pytest.mark.parametrize("text", ["Production", "prod", "test", " production", "development,production"])
def test_a_mode_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="setting-invalid"):
        settings_from({"TIANFU_MODE": text})


def test_host_names_are_divided_by_spaces_and_have_no_case() -> None:
    assert settings_from({"TIANFU_HOSTS": "Health.example  records.health.example"}).hosts == {
        "health.example",
        "records.health.example",
    }


@pytest.mark.parametrize(
    "text", ["*", "https://health.example", "health.example:443", "a..example", "-a.example", "a/b"]
)
def test_a_host_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="setting-invalid"):
        settings_from({"TIANFU_HOSTS": text})


def test_development_is_called_by_its_own_machine_and_production_by_what_it_was_told() -> None:
    assert settings_from({}).address == "http://localhost:8000"
    assert settings_from({"TIANFU_PORT": "9000"}).address == "http://localhost:9000"
    assert settings_from({"TIANFU_MODE": "production"}).address is None
    assert settings_from({"TIANFU_ADDRESS": "https://Health.example:8443"}).address == "https://health.example:8443"


@pytest.mark.parametrize(
    "text",
    [
        "health.example",
        "https://health.example/",
        "https://health.example/tianfu",
        "https://health.example?x=1",
        "https://user@health.example",
        "ftp://health.example",
        "https://",
        "https://health.example:port",
        "https://health.example:65536",
        "https://health.example:0",
        "https://health.example https://other.example",
    ],
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="setting-invalid"):
        settings_from({"TIANFU_ADDRESS": text})


@pytest.mark.parametrize("text", ["http://127.0.0.1", "http://localhost", "http://[::1]:8000", "https://127.0.0.1"])
def test_an_address_without_tls_is_taken_on_this_machine(text: str) -> None:
    assert settings_from({"TIANFU_ADDRESS": text}).address == text


@pytest.mark.parametrize("text", ["http://health.example", "http://127.0.0.1.health.example", "http://10.0.0.1:8000"])
def test_an_address_without_tls_of_another_machine_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="address-not-safe"):
        settings_from({"TIANFU_ADDRESS": text})


def test_proxies_are_addresses_or_networks_divided_by_spaces() -> None:
    networks = settings_from({"TIANFU_TRUSTED_PROXIES": "127.0.0.1  10.2.0.0/16 ::1"}).trusted_proxies
    assert [str(each) for each in networks] == ["127.0.0.1/32", "10.2.0.0/16", "::1/128"]
    assert settings_from({}).trusted_proxies == ()


@pytest.mark.parametrize("text", ["*", "proxy.example", "10.0.0.1/8", "127.0.0.1,::1", "0.0.0.0/0", "::/0", "unix:"])
def test_a_proxy_that_is_none_and_a_network_of_everybody_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="setting-invalid"):
        settings_from({"TIANFU_TRUSTED_PROXIES": text})


def test_every_setting_that_is_read_is_described() -> None:
    read: set[str] = set()

    class Noting(dict[str, str]):
        def get(self, name: str, default: object = None) -> Any:
            read.add(name)
            return default

    settings_from(Noting())
    assert read >= {"TIANFU_HOME", "TIANFU_TRUSTED_PROXIES"}
    assert read <= {each.name for each in DESCRIBED if each.read_by == "program"}


def test_every_description_is_whole_and_stands_once() -> None:
    assert [each.name for each in DESCRIBED if not (each.form and each.default and each.meaning)] == []
    assert len({each.name for each in DESCRIBED}) == len(DESCRIBED)
    # A bar would end the cell of its table.
    assert [each.name for each in DESCRIBED if "|" in each.form + each.default + each.meaning + each.production] == []
