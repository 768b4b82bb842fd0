"""The endpoint of a model's server. Its secrets are not shown."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies

from qdpi.errors import InvalidSetting
from qdpi.observability.redaction import Redactor, url_secrets

Dialect = Literal["openai", "vllm", "ollama", "anthropic"]
"""The protocol of a server; `vllm` is any server compatible with OpenAI's."""

_DEFAULT_URLS: Final = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com/v1"}
_NAMES: Final = {"openai": "OpenAI", "anthropic": "Anthropic"}
_CALLED: Final = ("/chat/completions", "/completions", "/messages", "/models")
_UNSENDABLE: Final = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and an API key. Neither the key nor a password in the address is part of `repr` or of errors."""

    dialect: Dialect
    base_url: str | None = field(default=None, repr=False)
    """None for the provider's own address. A user and password in it are sent as Basic credentials (RFC 7617)."""
    api_key: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The address without its secrets."""
        if self.base_url is None:
            return _NAMES.get(self.dialect, self.dialect)
        return _public(urlsplit(self.base_url))._replace(query="", fragment="").geturl()

    @property
    def has_path(self) -> bool:
        """Whether the address has a path: that of most servers ends with `/v1`."""
        return urlsplit(self._url).path.strip("/") != ""

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this machine, which is reached without a proxy."""
        host = (urlsplit(self._url).hostname or "").removesuffix(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return address.is_loopback or address.is_unspecified or bool(mapped and mapped.is_loopback)

    @property
    def credentials(self) -> str | None:
        """The `authorization` header of a user and password in the address, None where it has none."""
        parts = urlsplit(self._url)
        if parts.username is None and parts.password is None:
            return None
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def url(self, path: str) -> str:
        """Return the address of `path`, without the user and password; the query stays."""
        parts = _public(urlsplit(self._url))
        return parts._replace(path=parts.path.rstrip("/") + path, fragment="").geturl()

    def scrub(self, text: str) -> str:
        """Return `text` without the secrets of this endpoint and of the proxies, in whichever form a library quotes."""
        proxies = (secret for proxy in getproxies().values() for secret in url_secrets(proxy))
        return Redactor({self.api_key or "", *url_secrets(self.base_url), *proxies})(text)

    @property
    def _url(self) -> str:
        return self.base_url or _DEFAULT_URLS.get(self.dialect, "")


def _public(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])


def checked_url(setting: str, url: str) -> str:
    """Return `url` without a trailing slash, and without the path of a call, which many give with it.

    Raises InvalidSetting where it is not an http address; its secrets are not shown.
    """
    given = url.strip()
    if not _is_address(given):
        raise InvalidSetting(
            f"{setting} is {_harmless(given)!r}, which is not an http address.",
            next_step="Give one that begins with http:// or https://, such as http://127.0.0.1:11434.",
        )
    parts = urlsplit(given)
    path = parts.path.rstrip("/")
    for called in _CALLED:
        path = path.removesuffix(called)
    return parts._replace(path=path.rstrip("/"), fragment="").geturl()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that is no number
        return False
    return usable and not _UNSENDABLE.search(url) and "\\" not in url


def _harmless(url: str) -> str:
    """Return the part of a malformed address that can hold no secret."""
    return re.split(r"[?#]", url.rpartition("@")[2])[0][:80]
