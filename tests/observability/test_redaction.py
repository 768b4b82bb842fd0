"""No form of a secret passes, whatever a library makes of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.observability.redaction import Redactor, secrets_in, url_secrets

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=8, max_size=40).filter(
    lambda secret: len(secret.strip()) >= 8
)
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=60)
SURROUNDINGS = st.text(st.sampled_from("abc XYZ:/'\"=&{}\n"), max_size=20)

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "repr": lambda secret: repr(secret)[1:-1],
    "repr of bytes": lambda secret: repr(secret.encode())[2:-1],
    "repr of repr of bytes": lambda secret: repr(repr(secret.encode()))[3:-2],
    "repr of repr": lambda secret: repr(repr(secret))[2:-2],
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json in json": lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    "percent": lambda secret: quote(secret, safe=""),
    "percent, lower case": lambda secret: quote(secret, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "form": quote_plus,
    "percent, twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(secret=PRINTABLE, before=SURROUNDINGS, after=SURROUNDINGS)
def test_no_form_of_a_key_passes(form: Callable[[str], str], secret: str, before: str, after: str):
    shown = form(secret)

    redacted = Redactor([secret])(f"{before}{shown}{after}")

    assert "***" in redacted
    assert shown not in redacted.replace("***", "")


@given(secret=SECRETS)
def test_any_text_can_be_a_secret(secret: str):
    """Line ends, quotes and other scripts included, as they are and as Python and JSON escape them."""
    text = f"{secret} | {secret!r} | {secret.encode()!r} | {json.dumps(secret)}"

    assert Redactor([secret])(text).count("***") >= 4


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "Bearer "])
def test_base64_of_a_longer_text_hides_the_secret_in_it(before: str):
    secret = "sk-very-secret-0123456789"
    encoded = base64.b64encode(f"{before}{secret}:more".encode()).decode()

    redacted = Redactor([secret])(f"Authorization: Basic {encoded}")

    assert "***" in redacted
    kept = redacted.partition("Basic ")[2].partition("***")
    assert secret[4:-4] not in base64.b64decode(kept[0] + "=" * (-len(kept[0]) % 4)).decode(errors="replace")


def test_a_key_with_a_line_end_is_hidden_in_a_librarys_complaint():
    """As `http.client` and `h11` word it: the key is escaped, and the line end with it."""
    key = "sk-secret-0123456789\r\n"

    for complaint in (f"Invalid header value {f'Bearer {key}'.encode()!r}", f"illegal header: {key!r}", key.strip()):
        assert "sk-secret" not in Redactor([key])(complaint)


def test_a_secret_that_contains_another_is_hidden_completely():
    assert Redactor(("abc", "abcdef"))("abcdef") == "***"
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh and abcd") == "*** and ***"


def test_user_and_password_of_other_scripts_are_hidden_in_either_encoding():
    """HTTP libraries send them in UTF-8 or in Latin-1."""
    secret = "pässwörd-ñandú"

    for codec in ("utf-8", "latin-1"):
        encoded = base64.b64encode(f"user:{secret}".encode(codec)).decode()
        assert base64.b64encode(secret.encode(codec)).decode()[4:-4] not in Redactor([secret])(encoded)
        assert Redactor([secret])(quote(secret.encode(codec))) == "***"


def test_texts_within_a_value_are_redacted_and_its_names_stay():
    value = {"status": "status ok", "parts": [{"detail": ("a status", 7, None, True)}]}

    assert Redactor(["status"]).within(value) == {"status": "*** ok", "parts": [{"detail": ("a ***", 7, None, True)}]}


@pytest.mark.parametrize(
    ("value", "secret", "found"),
    [
        ("sk-1234", True, {"sk-1234"}),
        ("first, second", True, {"first, second", "first", "second"}),
        ("plain", False, set()),
        ("https://one:p1@a,https://two:p2@b", False, {"p1", "p2"}),
        ("", True, set()),
    ],
)
def test_secrets_in_the_value_of_a_setting(value: str, secret: bool, found: set[str]):
    assert secrets_in(value, secret) == found


def test_a_short_secret_is_hidden_where_it_stands_alone():
    assert Redactor(["x"])("the key x in example x.") == "the key *** in example ***."


def test_without_secrets_nothing_changes():
    assert Redactor(["", "  "])("as it was") == "as it was"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("http://127.0.0.1:1234/v1", set()),
        (None, set()),
        ("http://reader:pass%2Fword@host/v1", {"pass%2Fword", "pass/word"}),
        ("https://sk-0123456789abcdef@host/v1", {"sk-0123456789abcdef"}),
        ("https://host/v1?token=abc", {"token=abc"}),
        ("https://host/v1?v=2&key=le%2Fak", {"v=2&key=le%2Fak", "v=2&key=le/ak", "le%2Fak", "le/ak"}),
        ("https://host/v1?x=0123456789ab&v=2024", {"x=0123456789ab&v=2024", "0123456789ab"}),
        ("http://[broken:secret@host", {"http://[broken:secret"}),
    ],
)
def test_secrets_of_an_address(url: str | None, secrets: set[str]):
    assert url_secrets(url) == secrets
