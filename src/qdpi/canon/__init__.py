"""The canon: reads books in three layouts (corpus, texts.json, Markdown) and makes editions of them."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Final

from qdpi.canon.assembly import Progress
from qdpi.canon.book import Book, CanonPage
from qdpi.canon.layouts.almost import almost_faults, folder_of_pages
from qdpi.canon.layouts.corpus import is_corpus, read_corpus
from qdpi.canon.layouts.markdown import is_markdown, read_markdown
from qdpi.canon.layouts.texts_json import read_texts_folder, read_texts_json
from qdpi.canon.unread import UnreadFile, note_of
from qdpi.errors import BookRefused

__all__ = ["Book", "CanonPage", "Progress", "own_book", "read_book"]

_CORPORA: Final = (".", "corpus", "gibsey-canon/corpus")
_TEXTS: Final = ("texts.json", "src/assets/texts.json")
_LAYOUTS: Final = (
    "Give a corpus folder (pages/ with metadata/pages.json or index.json, or a folder that holds corpus/ or "
    "gibsey-canon/corpus/), a texts.json file (or a folder that holds it, also as src/assets/texts.json), "
    "or a folder of Markdown files with frontmatter."
)


def read_book(path: Path, *, progress: Progress | None = None) -> Book:
    """Read the book at a path, in any of the three layouts.

    `progress` is called with (pages read, pages in all). Writes nothing. Raises `BookRefused`, with every
    fault, for a book that breaks a rule, and for a path without a book.
    """
    try:
        return _read(path, progress)
    except OSError as error:
        raise BookRefused(f"The book at {path} cannot be read: {error.strerror or error}.") from error


def own_book() -> Book:
    """Read the short book that ships inside the package."""
    with resources.as_file(resources.files("qdpi") / "book" / "corpus") as root:
        return read_book(root)


def _read(path: Path, progress: Progress | None) -> Book:
    if path.is_file() and path.suffix.lower() == ".json":
        return read_texts_json(path, progress)
    if not path.is_dir():
        missing = "nothing" if not path.exists() else "neither a folder nor a .json file"
        raise BookRefused(f"There is {missing} at {path}.", next_step=_LAYOUTS)
    for corpus in (path / name for name in _CORPORA):
        if is_corpus(corpus):
            return _with_others(path, corpus, read_corpus(corpus, progress))
    for texts in (path / name for name in _TEXTS):
        if texts.is_file():
            return _with_others(path, texts.parent, read_texts_folder(texts, progress))
    if is_markdown(path):
        return read_markdown(path, progress)
    faults = tuple(map(str, almost_faults(path)))
    below = folder_of_pages(path)
    raise BookRefused(
        f"There is no book in a known layout at {path}.",
        faults=faults,
        next_step=f"Give {path / below}, where the pages lie. {_LAYOUTS}" if below else _LAYOUTS,
    )


def _with_others(path: Path, root: Path, book: Book) -> Book:
    """Return a book with a note on the files beside its folder, where it was found below the path that was given."""
    if root == path:
        return book
    beside = {entry.name for entry in path.iterdir() if not entry.is_dir()}
    texts = {name for name in _TEXTS if (path / name).is_file() and (path / name).parent != root}
    return replace(book, notes=(*book.notes, *note_of(map(UnreadFile, sorted(beside | texts)))))
