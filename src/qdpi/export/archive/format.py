"""The archive of a journey: its outcomes and its events log, line by line, and a manifest that vouches for them.

A line is `{"chain": …, "outcome": …}` or `{"chain": …, "event": …}`. Its chain is the SHA-256 of the chain of
the line before and of its own value's bytes, so that whatever was edited, moved, doubled or left out shows at its
line; the chain of a file begins with the hash of the journey's and the file's name.
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
VALUES: Final = {OUTCOMES: "outcome", LOG: "event"}
"""The files of lines, and what a line of each holds."""


class Value(BaseModel):
    """Base of the manifest's parts: what they do not know they refuse, for it would be lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BookFacts(Value):
    """A revision of the book, by what tells it from any other."""

    revision: int
    book_id: str
    title: str
    content_hash: str


class FileFacts(Value):
    """A file of lines: how many, its bytes, their SHA-256, and the chain of its last line."""

    lines: int
    bytes: int
    sha256: str
    chain: str


class Manifest(Value):
    """What an archive holds.

    `book` is the canon as it stood, `canon` every revision that a page or a run of the journey names;
    `digest` is the hash of the state that the outcomes fold to.
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
        """Return the manifest as JSON that a person can read."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def book_facts(revision: CanonRevision) -> BookFacts:
    """Return what an archive says of a revision of the canon."""
    return BookFacts.model_validate(revision.model_dump(include=set(BookFacts.model_fields)))


class Lines:
    """Makes the lines of a file and keeps its facts."""

    def __init__(self, session_id: str, file: str) -> None:
        self._name = VALUES[file]
        self._chain = sha256(f"{FORMAT}/{FORMAT_VERSION}/{session_id}/{file}")
        self._hash = hashlib.sha256()
        self._lines = self._bytes = 0

    def line(self, value: bytes) -> bytes:
        """Return the line of a value, given as its JSON."""
        self._chain = hashlib.sha256(self._chain.encode() + value).hexdigest()
        line = b'{"chain":"%b","%b":%b}\n' % (self._chain.encode(), self._name.encode(), value)
        self._hash.update(line)
        self._lines += 1
        self._bytes += len(line)
        return line

    def facts(self) -> FileFacts:
        """Return what the manifest says of the file so far."""
        return FileFacts(lines=self._lines, bytes=self._bytes, sha256=self._hash.hexdigest(), chain=self._chain)


def revisions_of(outcome: Outcome) -> set[int]:
    """Return the canon revisions that an outcome names."""
    page = outcome.page.canon_revision if outcome.page else None
    named = {outcome.receipt.canon_revision, outcome.request.canon_revision, page}
    return {revision for revision in named if revision is not None}
