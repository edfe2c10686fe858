"""The operator's file of outside providers: what it says counts, and what is wrong in it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.outside import Provider
from tianfu.services.accounts.providers import load_providers

HERE = "https://health.example"
PROVIDER = {
    "key": "province",
    "names": {"zh-CN": "示例登录", "en": "Made-up sign-in"},
    "issuer": "https://login.example",
    "client": "tianfu",
    "secret_file": "secret",
    "scopes": ["openid"],
    "is_enough_for_staff": False,
}


def own(file: Path, text: str) -> None:
    """A file that its owner alone may read."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own(tmp_path / "secret", "made-up-secret\n")
    own(tmp_path / "key.json", json.dumps(ECKey.generate_key("P-384", {"kid": "k1"}).as_dict(private=True)))
    pem = ECKey.generate_key("P-256").as_pem(private=True).decode()
    own(tmp_path / "key.pem", pem)
    own(tmp_path / "public.json", json.dumps(ECKey.generate_key("P-256", {"kid": "k1"}).as_dict(private=False)))
    own(tmp_path / "other-curve.json", json.dumps(ECKey.generate_key("P-521", {"kid": "k1"}).as_dict(private=True)))
    own(tmp_path / "empty", "")
    (tmp_path / "open").write_text("made-up-secret")
    (tmp_path / "open").chmod(0o640)
    return tmp_path


def load(folder: Path, *, is_production: bool = True, here: str | None = HERE, **changes: Any) -> Provider:
    """The one provider of a file that is sound but for the changes; None takes a member away."""
    listed = {name: value for name, value in {**PROVIDER, **changes}.items() if value is not None}
    file = folder / "providers.json"
    file.write_text(json.dumps({"version": 1, "providers": [listed]}))
    [provider] = load_providers(file, here=here, is_production=is_production)
    return provider


def reason(folder: Path, **changes: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        load(folder, **changes)
    assert refusal.value.code == "providers-invalid"
    return refusal.value.details["reason"]


def test_without_a_file_there_is_no_provider() -> None:
    assert load_providers(None, here=None, is_production=True) == ()


def test_what_the_file_says_counts(folder: Path) -> None:
    provider = load(folder)
    assert (provider.issuer, provider.client, provider.secret) == ("https://login.example", "tianfu", "made-up-secret")
    assert provider.redirect == "https://health.example/sign-in/outside/province"
    assert not provider.is_enough_for_staff


@pytest.mark.parametrize(("file", "named"), [("key.json", None), ("key.json", "k2"), ("key.pem", "k2")])
def test_a_key_stands_in_the_place_of_a_secret(folder: Path, file: str, named: str | None) -> None:
    provider = load(folder, secret_file=None, key_file=file, key_id=named)
    assert provider.secret is None
    assert provider.signing is not None
    assert provider.signing.kid == (named or "k1")


@pytest.mark.parametrize("left_out", ["is_enough_for_staff", "issuer", "client", "scopes", "names", "key"])
def test_nothing_that_matters_has_a_default(folder: Path, left_out: str) -> None:
    assert left_out in reason(folder, **{left_out: None})


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"is_enough_for_staff": "yes"}, "is_enough_for_staff"),
        ({"issuer": "http://login.example"}, "province: issuer"),
        ({"issuer": "http://127.0.0.1:9000"}, "province: issuer"),
        ({"issuer": "https://login.example?a=b"}, "province: issuer"),
        ({"issuer": "https://login.example#a"}, "province: issuer"),
        ({"issuer": "https://user@login.example"}, "province: issuer"),
        ({"issuer": "login.example"}, "province: issuer"),
        ({"names": {"en": "Made-up"}}, "province: names"),
        ({"names": {"en": "Made-up", "zh-CN": " "}}, "province: names"),
        ({"names": {"en": "M" * 41, "zh-CN": "示例"}}, "province: names"),
        ({"client": "with space"}, "province: client"),
        ({"scopes": []}, "province: scopes"),
        ({"scopes": ["profile"]}, "province: scopes"),
        ({"scopes": ["openid", "two words"]}, "province: scopes"),
        ({"key": "Province/"}, "key"),
        ({"secret_file": None}, "province: one of secret_file and key_file"),
        ({"key_file": "key.json"}, "province: one of secret_file and key_file"),
        ({"key_id": "k1"}, "province: key_id"),
        ({"secret_file": "nowhere"}, "province: nowhere cannot be read"),
        ({"secret_file": "open"}, "province: open is open to others"),
        ({"secret_file": "empty"}, "province: secret_file"),
        ({"secret_file": None, "key_file": "secret"}, "province: key_file"),
        ({"secret_file": None, "key_file": "public.json"}, "province: key_file"),
        ({"secret_file": None, "key_file": "other-curve.json"}, "province: key_file"),
        ({"secret_file": None, "key_file": "key.pem"}, "province: key_id"),
        ({"secret": "in-the-file-itself"}, "secret"),
    ],
)
def test_what_is_wrong_is_refused_by_name(folder: Path, changes: dict[str, Any], fault: str) -> None:
    said = reason(folder, **changes)
    assert fault in said
    assert "made-up-secret" not in said


def test_a_provider_on_this_machine_is_for_development(folder: Path) -> None:
    assert load(folder, is_production=False, issuer="http://127.0.0.1:9000").issuer == "http://127.0.0.1:9000"


def test_an_installation_that_does_not_know_its_address_has_no_providers(folder: Path) -> None:
    with pytest.raises(Refusal, match="address-missing"):
        load(folder, here=None)


@pytest.mark.parametrize("twice", ["key", "issuer"])
def test_no_two_providers_are_one(folder: Path, twice: str) -> None:
    other = {**PROVIDER, "key": "other", "issuer": "https://other.example", twice: PROVIDER[twice]}
    file = folder / "providers.json"
    file.write_text(json.dumps({"version": 1, "providers": [PROVIDER, other]}))
    with pytest.raises(Refusal) as refusal:
        load_providers(file, here=HERE, is_production=True)
    assert refusal.value.details["reason"] == f"{twice} twice"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2, "providers": []}', '{"version": 1, "providers": []}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "providers.json"
    file.write_text(text)
    with pytest.raises(Refusal, match="providers-invalid"):
        load_providers(file, here=HERE, is_production=True)
