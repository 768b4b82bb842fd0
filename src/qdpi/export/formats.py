"""The formats of an export."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Final, NamedTuple

from qdpi.errors import InvalidInput
from qdpi.export import epub
from qdpi.export.archive.write import stream_archive
from qdpi.export.epub import EpubBook
from qdpi.export.markdown import MarkdownFolder
from qdpi.export.reading_copy import stream_copy
from qdpi.export.twee import TweeStory
from qdpi.ids import derived_id
from qdpi.store.ports import PageStore

Stream = Callable[[PageStore, str], AsyncGenerator[bytes]]
"""Yields the pieces of a journey's file."""


class Format(NamedTuple):
    """A format: its media type, the end of its file names, and the function that yields a file."""

    media_type: str
    suffix: str
    stream: Stream


def _copy(writer: type[MarkdownFolder | TweeStory | EpubBook]) -> Stream:
    return partial(stream_copy, writer_of=writer)


FORMATS: Final[dict[str, Format]] = {
    "log": Format("application/zip", "-log.zip", stream_archive),
    "markdown": Format("application/zip", "-markdown.zip", _copy(MarkdownFolder)),
    "twee": Format("text/plain; charset=utf-8", ".twee", _copy(TweeStory)),
    "epub": Format(epub.MEDIA_TYPE, ".epub", _copy(EpubBook)),
}
"""The formats by name."""


def format_named(name: str) -> Format:
    """Return the format of a name. Raises `InvalidInput` if there is none."""
    try:
        return FORMATS[name]
    except KeyError:
        raise InvalidInput(
            f"{name!r:.80} is not an export format.", next_step=f"Give one of {', '.join(FORMATS)}."
        ) from None


def file_name(journey: str, form: Format) -> str:
    """Return the name of a journey's file. It does not reveal the journey's id."""
    return f"journey-{derived_id('export', journey)[:8]}{form.suffix}"
