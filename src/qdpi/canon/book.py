"""A book that has been read: its pages in ring order and its sixteen voices. Values only, no I/O."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from qdpi.page_schema import Voice

LANGUAGE: Final = "en"
"""The language of a book, as BCP 47 names it: no layout has a field for another."""


@dataclass(frozen=True, slots=True)
class CanonPage:
    """One page of the canon.

    `page_id` is `S{section:02}-P{page_num:04}`; `page_num` counts the whole book from 1; `section` is 1..16
    and `character`, 0..15, is the section's voice. `text` ends its lines with `\\n` alone.
    """

    page_id: str
    section: int
    page_num: int
    title: str
    text: str
    character: int


@dataclass(frozen=True, slots=True)
class Book:
    """A whole, valid book: pages in ring order, one voice per character.

    `notes` say which data was ignored while reading; they are not part of the content.
    """

    book_id: str
    title: str
    author: str
    pages: tuple[CanonPage, ...]
    voices: tuple[Voice, ...]
    notes: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) over title, author, pages, voices and titles of sections: equal hashes are equal books."""
        content: dict[str, object] = {
            "title": self.title,
            "author": self.author,
            "pages": [(p.page_id, p.section, p.page_num, p.title, p.text, p.character) for p in self.pages],
            "voices": [(v.character, v.slug, v.name, v.profile, v.color, v.symbol_svg, v.source) for v in self.voices],
        }
        titles = {v.character: v.section_title for v in self.voices if v.section_title is not None}
        content |= {"sections": titles} if titles else {}
        return _sha256(json.dumps(content, sort_keys=True, separators=(",", ":")))


def page_id_of(section: int, page_num: int) -> str:
    """Return the id of a canon page, such as `S08-P0381`."""
    return f"S{section:02}-P{page_num:04}"


def book_id_of(title: str) -> str:
    """Return a book's id: its title as a slug; a title without Latin letters gives `book-` and a hash."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    return slug or f"book-{_sha256(title)[:12]}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
