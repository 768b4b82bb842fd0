"""The endpoint of a model's server. Its secrets are not shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from qdpi.errors import InvalidSetting
from qdpi.observability.redaction import Redactor, url_secrets

Dialect = Literal["openai", "vllm", "ollama", "anthropic"]
"""lm15's names for the protocol of a server; `vllm` is any server compatible with OpenAI's."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and an API key. Neither the key nor a password in the address is part of `repr` or of errors."""

    dialect: Dialect
    base_url: str | None = field(default=None, repr=False)
    """None for the provider's default address."""
    api_key: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The address without its secrets."""
        if self.base_url is None:
            return {"anthropic": "Anthropic", "openai": "OpenAI"}.get(self.dialect, self.dialect)
        parts = urlsplit(self.base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this machine, which is reached without a proxy."""
        host = urlsplit(self.base_url or "").hostname or ""
        return host in {"localhost", "::1"} or host.startswith("127.")

    def scrub(self, text: str) -> str:
        """Return `text` without this endpoint's secrets, in whichever form a library quotes them."""
        return Redactor({self.api_key or "", *url_secrets(self.base_url)})(text)


def checked_url(setting: str, url: str) -> str:
    """Return `url` without a trailing slash. Raises InvalidSetting where it is not an http address."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
        raise InvalidSetting(
            f"{setting} is {shown!r}, which is not an http address.",
            next_step="Give one that begins with http:// or https://, such as http://127.0.0.1:11434.",
        )
    return url.strip().rstrip("/")
