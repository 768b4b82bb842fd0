"""Changed archives: with lines cut, moved or edited, and with every hash recomputed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from tests.support import factories

from qdpi.events import SCHEMA_VERSION
from qdpi.export.archive.format import (
    LOG,
    MANIFEST,
    OUTCOMES,
    VALUES,
    ChainedLines,
    FileFacts,
    Manifest,
    book_facts,
)
from qdpi.journey import FOLD_VERSION, JourneyState
from qdpi.outcome import LogEntry, Outcome

Files = dict[str, bytes]


def written(outcomes: Sequence[Outcome], rows: Sequence[LogEntry], journey: str = "reader") -> Files:
    """Return the files of an archive with these outcomes and rows, as an export writes them, without a store."""
    book = book_facts(factories.canon_revision())
    state = outcomes[-1].state if outcomes else JourneyState()
    lines = {OUTCOMES: ChainedLines(journey, OUTCOMES), LOG: ChainedLines(journey, LOG)}
    found: Files = {
        OUTCOMES: b"".join(lines[OUTCOMES].line(o.model_dump_json().encode()) for o in outcomes),
        LOG: b"".join(lines[LOG].line(row.model_dump_json().encode()) for row in rows),
    }
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        fold_version=FOLD_VERSION,
        session_id=journey,
        outcomes=state.seq,
        pages=state.pages,
        failures=state.failures,
        digest=state.digest(),
        book=book,
        canon=(book,) if outcomes else (),
        files={file: chained.facts() for file, chained in lines.items()},
    )
    return {**found, MANIFEST: manifest.encode()}


def unpacked(archive: bytes) -> Files:
    """Return an archive's files by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        return {name: found.read(name) for name in found.namelist()}


def packed(files: Files) -> bytes:
    """Return files as an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_lines(archive: bytes, file: str, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """Return an archive with the lines of one file changed and the hashes as they were."""
    files = unpacked(archive)
    return packed({**files, file: b"".join(change(files[file].splitlines(keepends=True)))})


def with_manifest(archive: bytes, **changes: Any) -> bytes:
    """Return an archive with some fields of its manifest changed."""
    files = unpacked(archive)
    return packed({**files, MANIFEST: json.dumps(json.loads(files[MANIFEST]) | changes).encode()})


def values(archive: bytes, file: str) -> list[dict[str, Any]]:
    """Return a file's values."""
    lines = unpacked(archive)[file].splitlines()
    return [json.loads(line)[VALUES[file]] for line in lines]


def forged(archive: bytes, file: str, change: Callable[[list[dict[str, Any]]], object], **manifest: Any) -> bytes:
    """Return an archive with the values of one file changed and every chain and hash recomputed."""
    files, changed = unpacked(archive), values(archive, file)
    change(changed)
    facts = json.loads(files[MANIFEST]) | manifest
    lines = ChainedLines(facts["session_id"], file)
    files[file] = b"".join(
        lines.line(json.dumps(v, ensure_ascii=False, separators=(",", ":")).encode()) for v in changed
    )
    facts["files"][file] = lines.facts().model_dump()
    return packed({**files, MANIFEST: json.dumps(facts).encode()})


def renamed(archive: bytes, journey: str) -> bytes:
    """Return the archive as another journey's, with every hash recomputed."""
    files = unpacked(archive)
    facts = json.loads(files[MANIFEST])
    before = f'"{facts["session_id"]}"'
    for file in (OUTCOMES, LOG):
        lines = ChainedLines(journey, file)
        texts = [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values(archive, file)]
        swapped = [
            text.replace(before, f'"{journey}"').replace(before.replace('"', '\\"'), f'\\"{journey}\\"')
            for text in texts
        ]
        files[file] = b"".join(lines.line(text.encode()) for text in swapped)
        facts["files"][file] = lines.facts().model_dump()
    facts["session_id"] = journey
    return packed({**files, MANIFEST: json.dumps(facts).encode()})


def facts_of(archive: bytes, file: str) -> FileFacts:
    """Return the manifest's facts of a file."""
    return FileFacts.model_validate(json.loads(unpacked(archive)[MANIFEST])["files"][file])
