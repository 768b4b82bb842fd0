"""The files of the reader's page, which ship inside the package: found once, served from memory under their version."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

from qdpi.errors import InvalidInput

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",  # the types of vendored files, which no browser loads
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
"""The kinds of files that the page may have. Where an operating system says otherwise, it is not asked."""
PREFIX: Final = "/web/"
TEMPLATES: Final = "templates/"
"""The folder of what pages are made from. It is not served."""
_VENDORED: Final = "vendor/"
"""The folder of what others wrote, which is served to the byte."""
_BLOCKS: Final = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*$", re.MULTILINE)
_LINES: Final = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_COMMENTS: Final = {".css": (_BLOCKS,), ".js": (_BLOCKS, _LINES)}
_COMPRESSED_ALREADY: Final = frozenset({".png", ".woff2"})
_VERSION_DIGITS: Final = 16


@dataclass(frozen=True)
class WebFile:
    """A file with its media type; the bytes that are served are made when they are first wanted."""

    name: str
    body: bytes

    @property
    def suffix(self) -> str:
        """The end of the name, which decides the media type."""
        return PurePosixPath(self.name).suffix

    @property
    def media_type(self) -> str:
        """The media type. Raises `InvalidInput` for a kind of file that the page may not have."""
        try:
            return MEDIA_TYPES[self.suffix]
        except KeyError:
            raise InvalidInput(
                f"{self.name!r} is none of the kinds of files that the reader's page may have.",
                next_step=f"Add its media type to MEDIA_TYPES in {__name__}, or take the file away.",
            ) from None

    @cached_property
    def served(self) -> bytes:
        """The file without the comments of our own modules and styles that have their lines to themselves.

        They are a quarter of what a browser would load. Their lines stay, empty: an error has the place that the file
        on the disk has.
        """
        if self.name.startswith(_VENDORED) or self.suffix not in _COMMENTS:
            return self.body
        text = self.body.decode()
        for comment in _COMMENTS[self.suffix]:
            text = comment.sub(lambda found: "\n" * found[0].count("\n"), text)
        return text.encode()

    @cached_property
    def gzipped(self) -> bytes | None:
        """What is served, compressed as well as gzip can, None where that saves nothing."""
        if self.suffix in _COMPRESSED_ALREADY:
            return None
        packed = gzip.compress(self.served, 9, mtime=0)
        return packed if len(packed) < len(self.served) else None


@dataclass(frozen=True)
class WebFiles:
    """The files by name. `version` changes with any of them, so that a browser may keep each address for ever."""

    files: Mapping[str, WebFile]

    @cached_property
    def version(self) -> str:
        """A hash of all names and contents."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            digest.update(f"{name}\n{hashlib.sha256(self.files[name].served).hexdigest()}\n".encode())
        return digest.hexdigest()[:_VERSION_DIGITS]

    def find(self, version: str, name: str) -> WebFile | None:
        """Return a file of this version by its whole name: no path of a machine is made of it."""
        return self.files.get(name) if version == self.version and not name.startswith(TEMPLATES) else None

    def address(self, root_path: str = "") -> str:
        """Return the address of this version's files, without a slash at its end."""
        return f"{root_path}{PREFIX}{self.version}"

    def template(self, name: str) -> str:
        """Return the text of a template."""
        return self.files[f"{TEMPLATES}{name}"].body.decode()


@cache
def shipped_files() -> WebFiles:
    """Return the files that ship inside the package, read once."""
    return WebFiles({name: WebFile(name, each.read_bytes()) for name, each in _walk(files("qdpi") / "web", "")})


def _walk(folder: Traversable, before: str) -> Iterator[tuple[str, Traversable]]:
    for each in sorted(folder.iterdir(), key=lambda found: found.name):
        name = f"{before}{each.name}"
        if each.is_dir():
            yield from _walk(each, f"{name}/")
        elif not each.name.startswith("."):
            yield name, each
