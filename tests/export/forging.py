"""Archives that somebody has had in hand: cut, shuffled, edited, and sealed again so that every hash fits."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES, VALUES, ChainedLines, FileFacts

Files = dict[str, bytes]


def unpacked(archive: bytes) -> Files:
    """Return an archive's files."""
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
    """Return an archive with a file's lines changed, and nothing else."""
    files = unpacked(archive)
    return packed({**files, file: b"".join(change(files[file].splitlines(keepends=True)))})


def with_manifest(archive: bytes, **changes: Any) -> bytes:
    """Return an archive whose manifest says something else."""
    files = unpacked(archive)
    return packed({**files, MANIFEST: json.dumps(json.loads(files[MANIFEST]) | changes).encode()})


def values(archive: bytes, file: str) -> list[dict[str, Any]]:
    """Return a file's values."""
    lines = unpacked(archive)[file].splitlines()
    return [json.loads(line)[VALUES[file]] for line in lines]


def forged(archive: bytes, file: str, change: Callable[[list[dict[str, Any]]], object], **manifest: Any) -> bytes:
    """Return an archive with a file's values changed, and every chain and hash made to fit them."""
    files, changed = unpacked(archive), values(archive, file)
    change(changed)
    told = json.loads(files[MANIFEST]) | manifest
    lines = ChainedLines(told["session_id"], file)
    files[file] = b"".join(
        lines.line(json.dumps(v, ensure_ascii=False, separators=(",", ":")).encode()) for v in changed
    )
    told["files"][file] = lines.facts().model_dump()
    return packed({**files, MANIFEST: json.dumps(told).encode()})


def renamed(archive: bytes, journey: str) -> bytes:
    """Return the archive as another journey's, with every hash made to fit."""
    files = unpacked(archive)
    told = json.loads(files[MANIFEST])
    before = f'"{told["session_id"]}"'
    for file in (OUTCOMES, LOG):
        lines = ChainedLines(journey, file)
        texts = [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values(archive, file)]
        swapped = [
            text.replace(before, f'"{journey}"').replace(before.replace('"', '\\"'), f'\\"{journey}\\"')
            for text in texts
        ]
        files[file] = b"".join(lines.line(text.encode()) for text in swapped)
        told["files"][file] = lines.facts().model_dump()
    told["session_id"] = journey
    return packed({**files, MANIFEST: json.dumps(told).encode()})


def facts_of(archive: bytes, file: str) -> FileFacts:
    """Return what the manifest says of a file."""
    return FileFacts.model_validate(json.loads(unpacked(archive)[MANIFEST])["files"][file])
