"""Addresses of models' servers, as people give them."""

from __future__ import annotations

import base64

import pytest

from qdpi.errors import InvalidSetting
from qdpi.language.endpoint import Endpoint, checked_url

SECRET = "hunter2secret"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        (" https://models.example/v1 ", "https://models.example/v1"),
        ("https://models.example/v1/chat/completions", "https://models.example/v1"),
        ("https://models.example/v1/messages/", "https://models.example/v1"),
        ("https://models.example", "https://models.example"),
        ("https://models.example/v1?api-version=7#top", "https://models.example/v1?api-version=7"),
        (f"http://reader:{SECRET}@[::1]:8000/v1", f"http://reader:{SECRET}@[::1]:8000/v1"),
    ],
)
def test_address_is_the_one_before_the_paths_of_calls(given: str, url: str) -> None:
    assert checked_url("OPENAI_BASE_URL", given) == url


@pytest.mark.parametrize(
    "given",
    [
        f"reader:{SECRET}@127.0.0.1:8000/v1",
        f"http://reader:{SECRET}@[::1/v1",
        f"http://reader:{SECRET}@127.0.0.1:notaport/v1",
        f"http://reader:{SECRET}@127.0.0.1:99999/v1",
        f"http://reader:{SECRET}@127.0.0.1:0/v1",
        f"ftp://reader:{SECRET}@127.0.0.1/v1",
        f"http://reader:{SECRET}@/v1",
        f"http://127.0.0.1:x/v1?key={SECRET}",
        f"http://127.0.0.1 /v1?key={SECRET}",
        f"http://127.0.0.1\\v1?key={SECRET}",
        "127.0.0.1:8000",
        "/v1",
        "http://",
    ],
)
def test_malformed_address_is_refused_by_its_variable_without_its_secret(given: str) -> None:
    with pytest.raises(InvalidSetting, match=r"OPENAI_BASE_URL is .*, which is not an http address") as refused:
        checked_url("OPENAI_BASE_URL", given)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("http://localhost:1/v1", True), ("http://LOCALHOST./v1", True), ("http://models.localhost/v1", True),
        ("http://127.0.0.1", True), ("http://127.9.9.9", True), ("http://[::1]:8000/v1", True),
        ("http://0.0.0.0:8000", True), ("http://[::ffff:127.0.0.1]", True), (f"http://x:{SECRET}@127.0.0.1/v1", True),
        ("http://192.168.1.7:11434", False), ("http://127.0.0.1.example", False), ("https://api.example", False),
    ],
)  # fmt: skip
def test_loopback_is_this_machine_only(url: str, is_loopback: bool) -> None:
    assert Endpoint("vllm", url).is_loopback is is_loopback


def test_credentials_are_sent_and_not_shown() -> None:
    endpoint = Endpoint("vllm", f"http://reader:{SECRET}%40@host:8000/v1?key={SECRET}", "sk-key-of-a-test")
    assert endpoint.credentials == "Basic " + base64.b64encode(f"reader:{SECRET}@".encode()).decode()
    assert endpoint.url("/models") == f"http://host:8000/v1/models?key={SECRET}"
    assert endpoint.shown == "http://host:8000/v1"
    assert SECRET not in repr(endpoint) + endpoint.scrub(f"{endpoint.base_url} {endpoint.credentials}")


def test_token_alone_is_a_user_without_a_password() -> None:
    assert Endpoint("vllm", f"http://{SECRET}@host/v1").credentials == (
        "Basic " + base64.b64encode(f"{SECRET}:".encode()).decode()
    )


def test_address_without_credentials_has_none() -> None:
    assert Endpoint("vllm", "http://host/v1").credentials is None


def test_secrets_of_proxies_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://reader:{SECRET}@proxy.example:3128")
    assert SECRET not in Endpoint("openai", None, "sk").scrub(f"Proxy http://reader:{SECRET}@proxy.example:3128 failed")


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_providers_have_addresses_of_their_own(dialect: str) -> None:
    endpoint = Endpoint(dialect, None, "sk")  # type: ignore[arg-type]
    assert endpoint.url("/models") == f"https://api.{dialect}.com/v1/models"
    assert (endpoint.has_path, endpoint.is_loopback, endpoint.credentials) == (True, False, None)
