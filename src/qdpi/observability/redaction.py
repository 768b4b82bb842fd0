"""Redaction: text without secrets, in whichever form a library quotes them."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar, cast
from urllib.parse import parse_qsl, unquote, urlsplit

T = TypeVar("T")

HIDDEN: Final = "***"
SHORTEST: Final = 4
"""Secrets shorter than this are hidden only where they stand alone: within words they would hide half of a message."""
_LONGEST_FRAGMENT_IGNORED: Final = 7
"""Fragments of a secret with white space or control characters in it are secrets too, if they are longer than this."""
_TOKEN: Final = 12
"""A user of a URL this long, or one without a password, is taken for a token."""
_NAMES_SECRET: Final = re.compile(r"key|token|secret|pass|auth|sig|code|cred", re.IGNORECASE)
"""Names in a URL's query of which even a short value is a secret."""
_CODECS: Final = ("utf-8", "latin-1")
"""The encodings in which HTTP libraries send a user and a password."""
_SEPARATORS: Final = re.compile(r"[\s\x00-\x1f\x7f]+")


class Redactor:
    """Replaces secrets in text, in every form in which they may be quoted, the longest first.

    The forms are, character by character: plain, escaped as by Python or JSON, or percent-encoded in either case, both
    however often, or an HTML entity; and Base64 (RFC 4648, both alphabets), on its own or within a longer text such as
    `user:secret`.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in _parts(secret) if part.strip()}
        patterns = [(len(part), "".join(map(_character, part))) for part in parts]
        patterns += [(len(form), re.escape(form)) for part in parts for form in _base64(part)]
        longest_first = sorted({(-length, _alone(pattern, length)) for length, pattern in patterns})
        self._pattern = re.compile("|".join(pattern for _, pattern in longest_first)) if patterns else None

    def __call__(self, text: str) -> str:
        """Return a text with `***` in place of every secret."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def within(self, value: T) -> T:
        """Return a value as of JSON with its texts redacted; the names of its members stay."""
        return cast("T", self._within(value))

    def _within(self, value: object) -> object:
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {name: self._within(each) for name, each in value.items()}
        if type(value) in {list, tuple}:
            return type(value)(map(self._within, cast("Iterable[object]", value)))  # type: ignore[call-arg]
        return value


def _alone(pattern: str, length: int) -> str:
    return pattern if length >= SHORTEST else rf"(?<!\w){pattern}(?!\w)"


def _parts(secret: str) -> Iterator[str]:
    yield secret
    yield secret.strip()
    fragments = _SEPARATORS.split(secret)
    if len(fragments) > 1:
        yield from (fragment for fragment in fragments if len(fragment) > _LONGEST_FRAGMENT_IGNORED)


_NAMED: Final = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a", "\0": "0"}
_SLASHES: Final = r"\\+"


def _character(character: str) -> str:
    """Return a pattern of the forms of one character of a secret."""
    raw = character.encode("utf-8", "surrogatepass")
    forms = [re.escape(character) if character != "\\" else _SLASHES]
    if character in "'\"/`&":
        forms.append(_SLASHES + character)
    if character in _NAMED:
        forms.append(_SLASHES + _NAMED[character])
    units = character.encode("utf-16-be", "surrogatepass")
    code = ord(character)
    forms += [
        _coded("u", [f"{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2)]),
        _coded("x", [f"{byte:02x}" for byte in raw]),
        _coded("U", [f"{code:08x}"]),
        *([_coded("x", [f"{code:02x}"])] if code < 256 else []),
        *(_percent(character.encode(codec, "surrogatepass")) for codec in _CODECS if _fits(character, codec)),
        *([r"\+"] if character == " " else []),
        rf"(?i:&\#0*{code};|&\#x0*{code:x};)",
        *([re.escape(html.escape(character))] if character in '&<>"' else []),
    ]
    return f"(?:{'|'.join(dict.fromkeys(forms))})"


def _percent(raw: bytes) -> str:
    """Return a pattern of percent-encoded bytes, encoded once or more often."""
    return "".join(f"%(?:25)*(?i:{byte:02x})" for byte in raw)


def _fits(text: str, codec: str) -> bool:
    return codec != "latin-1" or all(ord(character) < 256 for character in text)


def _coded(letter: str, units: list[str]) -> str:
    return "".join(f"{_SLASHES}{letter}(?i:{unit})" for unit in units)


def _base64(text: str) -> Iterator[str]:
    for codec in _CODECS:
        if _fits(text, codec):
            yield from _base64_of(text.encode(codec, "surrogatepass"))


def _base64_of(raw: bytes) -> Iterator[str]:
    """Yield the Base64 of bytes at each of the three offsets, without the characters that encode neighbours too."""
    for before in range(3):
        padded = base64.b64encode(bytes(before) + raw).decode()
        first = (before * 8 + 5) // 6  # characters that hold bits of the bytes before
        whole = (before + len(raw)) * 8 // 6  # characters that hold bits of ours alone
        form = padded[first:whole]
        if len(form) >= 2 * SHORTEST:
            yield form
            yield form.replace("+", "-").replace("/", "_")


def secrets_in(value: str, secret: bool) -> set[str]:
    """Return the secrets in a setting's value: a secret's itself and the parts of its list, or those within URLs."""
    parts = {part.strip() for part in (value, *value.split(","))}
    if secret:
        return {form for form in (value, *parts) if form.strip()}
    return {found for part in parts if "://" in part for found in url_secrets(part)}


def _query_secrets(query: str) -> Iterator[str]:
    for part in query.split("&"):
        name, _, written = part.partition("=")
        for value in (written, *(decoded for _, decoded in parse_qsl(part))):
            if len(value) >= _TOKEN or (_NAMES_SECRET.search(name) and len(value) >= SHORTEST):
                yield value


def url_secrets(url: str | None) -> set[str]:
    """Return a URL's secrets, as written and decoded: its password, its query, and its user where that is a token.

    The values in the query are secrets by themselves too; of the short ones, those that their name calls so.
    """
    try:
        parts = urlsplit(url or "")
        user, password = parts.username or "", parts.password or ""
        found = {password, parts.query, "" if password and len(user) < _TOKEN else user, *_query_secrets(parts.query)}
    except ValueError:  # not a URL: everything before an @ may be a secret
        found = {(url or "").rpartition("@")[0]}
    return {form for secret in found if secret for form in (secret, unquote(secret))}
