"""The format of an archive: JSONL files of the outcomes, the events log and the reader's place, and a manifest with
their hashes.

A line is `{"chain": …, "outcome": …}`, or the same with `event` or `place`. Its chain is the SHA-256 of the previous
line's chain followed by the bytes of its own value, so an edited, moved, repeated or missing line is found at its
place. The first line continues from the hash of the format, the journey and the file name.
"""

from __future__ import annotations

import hashlib
from typing import Final

from pydantic import BaseModel, ConfigDict

from qdpi.ids import sha256
from qdpi.outcome import Outcome
from qdpi.store.rows import CanonRevision

FORMAT: Final = "gibsey-journey"
FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
OUTCOMES: Final = "outcomes.jsonl"
LOG: Final = "log.jsonl"
PLACE: Final = "place.jsonl"
VALUES: Final = {OUTCOMES: "outcome", LOG: "event", PLACE: "place"}
"""The JSONL files, and the key of the value in each of their lines."""
OPTIONAL: Final = frozenset({PLACE})
"""The files of `VALUES` that an archive may lack: one of an earlier version, or of a reader who turned no page."""


class ManifestPart(BaseModel):
    """Base of the manifest and its parts. Unknown fields are refused, because an import would lose them."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BookFacts(ManifestPart):
    """Identifies a revision of the book."""

    revision: int
    book_id: str
    title: str
    content_hash: str


class FileFacts(ManifestPart):
    """A JSONL file: the number of its lines and bytes, its SHA-256, and the chain of its last line."""

    lines: int
    bytes: int
    sha256: str
    chain: str


class Manifest(ManifestPart):
    """The contents of an archive.

    `book` is the current revision at the time of the export, `canon` every revision that a page or a run of the
    journey names. `digest` is the hash of the state that the outcomes fold to.
    """

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    schema_version: int
    fold_version: int
    session_id: str
    outcomes: int
    pages: int
    failures: int
    digest: str
    book: BookFacts | None
    canon: tuple[BookFacts, ...]
    files: dict[str, FileFacts]

    def encode(self) -> bytes:
        """Return the manifest as indented JSON."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def book_facts(revision: CanonRevision) -> BookFacts:
    """Return the facts that identify a revision of the canon."""
    return BookFacts.model_validate(revision.model_dump(include=set(BookFacts.model_fields)))


class ChainedLines:
    """Encodes the lines of a JSONL file and accumulates its facts."""

    def __init__(self, session_id: str, file: str) -> None:
        self._name = VALUES[file]
        self._chain = sha256(f"{FORMAT}/{FORMAT_VERSION}/{session_id}/{file}")
        self._hash = hashlib.sha256()
        self._lines = self._bytes = 0

    def line(self, value: bytes) -> bytes:
        """Return the line for a value, which is given as JSON."""
        self._chain = hashlib.sha256(self._chain.encode() + value).hexdigest()
        line = b'{"chain":"%b","%b":%b}\n' % (self._chain.encode(), self._name.encode(), value)
        self._hash.update(line)
        self._lines += 1
        self._bytes += len(line)
        return line

    def facts(self) -> FileFacts:
        """Return the facts of the file so far."""
        return FileFacts(lines=self._lines, bytes=self._bytes, sha256=self._hash.hexdigest(), chain=self._chain)


def revisions_of(outcome: Outcome) -> set[int]:
    """Return the canon revisions that an outcome names."""
    page = outcome.page.canon_revision if outcome.page else None
    named = {outcome.receipt.canon_revision, outcome.request.canon_revision, page}
    return {revision for revision in named if revision is not None}
