"""The formats that a journey is exported in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, NamedTuple

from qdpi.errors import InvalidInput
from qdpi.export import epub
from qdpi.export.archive.write import stream_archive
from qdpi.export.epub import EpubBook
from qdpi.export.markdown import MarkdownFolder
from qdpi.export.reading_copy import copy_of
from qdpi.export.twee import TweeStory
from qdpi.ids import derived_id
from qdpi.store.ports import PageStore

Pieces = Callable[[PageStore, str], AsyncIterator[bytes]]
"""Gives the pieces of a journey's file."""


class Format(NamedTuple):
    """A format: its media type, how its files are named, and what gives their pieces."""

    media_type: str
    suffix: str
    pieces: Pieces


def _copy(writer: type[MarkdownFolder | TweeStory | EpubBook]) -> Pieces:
    return partial(copy_of, writer_of=writer)


FORMATS: Final[dict[str, Format]] = {
    "log": Format("application/zip", "-log.zip", stream_archive),
    "markdown": Format("application/zip", "-markdown.zip", _copy(MarkdownFolder)),
    "twee": Format("text/plain; charset=utf-8", ".twee", _copy(TweeStory)),
    "epub": Format(epub.MEDIA_TYPE, ".epub", _copy(EpubBook)),
}
"""Every format by its name."""


def format_named(name: str) -> Format:
    """Return a format. Raises `InvalidInput` for one that there is not."""
    try:
        return FORMATS[name]
    except KeyError:
        raise InvalidInput(
            f"{name!r:.80} is no format to export in.", next_step=f"Give one of {', '.join(FORMATS)}."
        ) from None


def file_name(journey: str, form: Format) -> str:
    """Return the name of a journey's file, which does not tell the id that opens it."""
    return f"journey-{derived_id('export', journey)[:8]}{form.suffix}"
