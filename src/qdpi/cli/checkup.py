"""The checks of `qdpi doctor`, each a finding with a next step."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from qdpi.errors import QdpiError, Unavailable
from qdpi.settings import Settings
from qdpi.system import System

_ROOM_TO_START: Final = 20 << 20
_ROOM_TO_GROW: Final = 500 << 20


class Health(StrEnum):
    """How a thing that was checked is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """What was checked, how it is, and what to do where it is not well."""

    what: str
    health: Health
    detail: str
    next_step: str = ""


async def examine(flags: Mapping[str, Any]) -> list[Finding]:
    """Return the findings on this machine under the settings that flags and environment come to."""
    from qdpi.cli.options import settings_of

    findings = [_python(sys.version_info[:3])]
    try:
        settings = settings_of(dict(flags))
    except QdpiError as error:
        return [*findings, _failed("settings", error)]
    findings += [Finding("settings", Health.OK, "All have values that can be used."), _disk(settings.data_dir)]
    if findings[-1].health is not Health.FAIL:
        findings += [finding async for finding in _parts(settings)]
    return [*findings, await _model(settings), _wheels(), _port(settings)]


def told(findings: list[dict[str, Any]]) -> str:
    """Return findings as a line each, what to do behind those that are not well."""
    return "\n".join(
        " ".join(part for part in (f"{f['health']:4}", f"{f['what']:8}", f["detail"], f["next_step"]) if part)
        for f in findings
    )


def _failed(what: str, error: QdpiError) -> Finding:
    return Finding(what, Health.FAIL, error.detail, error.next_step)


def _python(version: tuple[int, ...]) -> Finding:
    name = ".".join(map(str, version))
    if version < (3, 11):
        return Finding("python", Health.FAIL, f"This is Python {name}.", "Use Python 3.11 or newer.")
    return Finding("python", Health.OK, f"Python {name}.")


def _disk(data_dir: Path) -> Finding:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir) as probe:
            probe.write(b"x")
            probe.flush()
        free = shutil.disk_usage(data_dir).free
    except OSError as error:
        detail = f"{data_dir} cannot be written to: {error.strerror}."
        return Finding("data", Health.FAIL, detail, "Give a QDPI_DATA_DIR that this user may write to.")
    detail = f"{data_dir} can be written to and has {free / 1e9:.1f} GB free."
    if free < _ROOM_TO_GROW:
        health = Health.FAIL if free < _ROOM_TO_START else Health.WARN
        return Finding("data", health, detail, "Make room on that disk.")
    return Finding("data", Health.OK, detail)


async def _parts(settings: Settings) -> AsyncIterator[Finding]:
    from qdpi.bootstrap import build_system

    system = build_system(settings)
    try:
        store = await _answering("store", system.store.open, system.store.ping)
        yield store
        if store.health is Health.OK:
            yield await _book(system)
        yield await _answering("bus", system.bus.open, system.bus.ping)
    finally:
        await system.bus.close()
        await system.store.close()


async def _answering(what: str, *calls: Callable[[], Awaitable[None]]) -> Finding:
    try:
        for call in calls:
            await call()
    except Unavailable as error:
        return _failed(what, error)
    return Finding(what, Health.OK, "It opens and answers.")


async def _book(system: System) -> Finding:
    from qdpi.cli.ring_walk import walk_ring

    revision = await system.store.canon()
    if revision is None:
        return Finding("book", Health.WARN, "There is none yet.", "`qdpi run` brings one, or `qdpi ingest-canon PATH`.")
    detail = f"{revision.title}, {revision.pages} pages, revision {revision.revision}"
    if not (await walk_ring(system.store, revision)).closed:
        return Finding("book", Health.FAIL, f"{detail}; its ring is not closed.", "Ingest the book again.")
    return Finding("book", Health.OK, f"{detail}, ring closed.")


async def _model(settings: Settings) -> Finding:
    from qdpi.cli.opening import chosen_model, model_open

    try:
        model = await chosen_model(settings)
    except QdpiError as error:
        return _failed("model", error)
    async with model_open(model):
        trouble = await model.check()
        name = model.name
    if trouble:
        return Finding("model", Health.FAIL, f"{name}: {trouble}", "Start it, or set QDPI_MODEL to another.")
    if name == "offline":
        step = "Set OLLAMA_BASE_URL or a key, or run `make local-model`, for pages that a language model writes."
        return Finding("model", Health.OK, "offline: the writer that needs no model.", step)
    return Finding("model", Health.OK, f"{name} answers.")


def _wheels() -> Finding:
    from qdpi.language.local import weights

    if weights() is None:
        return Finding(
            "wheels", Health.WARN, "The small local model is not installed.", "`make local-model` brings it."
        )
    return Finding("wheels", Health.OK, "The small local model is installed.")


def _port(settings: Settings) -> Finding:
    from qdpi.cli.listening import PortTaken, address_of, listen

    try:
        with listen(settings) as listening:
            return Finding("port", Health.OK, f"{address_of(listening)} is free.")
    except PortTaken as error:
        return Finding("port", Health.WARN, error.detail, f"If that is not `qdpi run`: {error.next_step}")
    except QdpiError as error:
        return _failed("port", error)
