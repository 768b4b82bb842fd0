"""The writers that are compared: settings of this product, served for the evaluation alone, or a gateway elsewhere."""

from __future__ import annotations

import asyncio
import re
import shlex
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from qdpi.errors import InvalidInput, ModelUnreachable
from qdpi.observability.redaction import HIDDEN
from qdpi.settings import SETTINGS, LogLevel, Settings, load_settings

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLES: Final = frozenset(setting.variable for setting in SETTINGS)
_SECRETS: Final = frozenset(setting.variable for setting in SETTINGS if setting.secret)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Writer:
    """A writer by name: a gateway at a URL, or the settings of one that is started for it.

    `described` is what was given, without secrets: a writer of the same name that differs in it is another.
    """

    name: str
    settings: Settings
    url: str | None = None
    described: Mapping[str, str] = field(default_factory=dict)


_HINT: Final = 'Give a model such as local, or "QDPI_MODEL=local as=mine", or "url=http://127.0.0.1:8000 as=other".'


def parse_writer(given: str, environ: Mapping[str, str], *, noun: str = "writer", hint: str = _HINT) -> Writer:
    """Read a writer: words, as a shell reads them. Raises `InvalidInput`, which calls it a `noun`, `InvalidSetting`.

    A word alone is the model, `VARIABLE=VALUE` any setting, `url=URL` a gateway in place of settings, `as=NAME` the
    writer's name. Settings that are not given come from the environment.
    """
    alone, pairs = list[str](), dict[str, str]()
    for word in _words_of(given, noun, hint):
        name, is_pair, value = word.partition("=")
        if is_pair and "/" not in name:
            pairs[name] = value
        else:
            alone.append(word)
    name, url = pairs.pop("as", ""), pairs.pop("url", "") or None
    if alone:
        pairs["QDPI_MODEL"] = alone[0]
    unknown = sorted(pairs.keys() - _VARIABLES)
    if unknown or len(alone) > 1 or (url and pairs):
        reason = f"{unknown[0]} is no setting" if unknown else "it names more than one model or gateway"
        raise InvalidInput(f"{given[:80]!r} is no {noun}: {reason}.", next_step=hint)
    settings = quiet(load_settings({**environ, **pairs}))
    described = {"url": url} if url else {"QDPI_MODEL": settings.model or "", **pairs}
    return Writer(
        _checked_name(name or _default_name(url, settings), given),
        settings,
        _checked_url(url, given),
        {name: HIDDEN if name in _SECRETS else settings.redact(value) for name, value in described.items()},
    )


def distinct_writers(given: Sequence[str], environ: Mapping[str, str]) -> list[Writer]:
    """Read several writers. Raises `InvalidInput` where two have the same name."""
    writers = [parse_writer(each, environ) for each in given]
    names = [writer.name for writer in writers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"Two writers are named {twice[0]!r}.", next_step="Give one of them another with as=NAME.")
    return writers


def _words_of(given: str, noun: str, hint: str) -> list[str]:
    try:
        return shlex.split(given)
    except ValueError as error:
        raise InvalidInput(f"{given[:80]!r} is no {noun}: {error}.", next_step=hint) from error


def _default_name(url: str | None, settings: Settings) -> str:
    return _NO_NAME.sub("-", urlsplit(url).netloc if url else settings.model or "default").strip("-.")


def _checked_name(name: str, given: str) -> str:
    if _NAME.fullmatch(name):
        return name
    raise InvalidInput(
        f"{given[:80]!r} is no writer: its name would be {name[:80]!r}.",
        next_step="Give it one with as=NAME, of at most 64 letters, digits, '.', '_' and '-'.",
    )


def _checked_url(url: str | None, given: str) -> str | None:
    if url is None or (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname):
        return url
    raise InvalidInput(f"{given[:80]!r} is no writer: {url[:80]!r} is not a URL.", next_step=_HINT)


class Gateway(NamedTuple):
    """A gateway at a URL; `ended` is set when it ends by itself, as far as that is known."""

    url: str
    ended: asyncio.Event


@asynccontextmanager
async def serving(writer: Writer, edition: Path) -> AsyncIterator[Gateway]:
    """Give a gateway at which the writer answers on the edition: its own, or one that is started for the block.

    That is the whole product, on an embedded bus and store in a temporary directory; nothing of it is left. Raises
    `ModelUnreachable` where its model does not answer, and after the block what the product failed with meanwhile.
    """
    if writer.url is not None:
        yield Gateway(writer.url, asyncio.Event())
        return
    from qdpi.runtime.address import address_of, listen
    from qdpi.runtime.process import build_process, running
    from qdpi.topology import WORKERS

    with tempfile.TemporaryDirectory(prefix="qdpi-eval-") as data:
        settings = apart(writer.settings, Path(data), edition)
        with listen(settings) as listening:
            process = await build_process(
                settings, workers=WORKERS, listening=listening, first_book=_unseen, retry=False
            )
            async with running(process):
                reason = await process.model.check() if process.model else None
                if reason:
                    raise ModelUnreachable(f"{writer.name} cannot be evaluated. {reason}")
                yield Gateway(address_of(listening), process.stopping)


def _unseen(done: int, total: int) -> None:
    """Take the progress of an ingest, which is short beside the presses."""


def quiet(settings: Settings) -> Settings:
    """Return settings whose log begins with warnings, unless debug was asked for: an evaluation makes many requests."""
    level = settings.log_level
    return settings if level is not LogLevel.INFO else replace(settings, log_level=LogLevel.WARNING)


def apart(settings: Settings, data: Path, edition: Path) -> Settings:
    """Return settings of a system that shares nothing with any other, and has the edition as its book."""
    return replace(
        settings,
        data_dir=data,
        book=edition,
        host="127.0.0.1",
        port=0,
        root_path="",
        secret=None,
        kafka_brokers=None,
        cassandra_hosts=None,
    )
