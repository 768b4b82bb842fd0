"""The script's modules that a page loads first, found by what imports what, so that a browser asks for all at once."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from qdpi.errors import InvalidInput
from qdpi.gateway.web_files import WebFiles

ENTRY: Final = "app.js"
_IMPORT: Final = re.compile(
    r"""^[ \t]*(?:import|export)\b(?:[^;"'()]*?\bfrom)?\s*["'](?P<path>[^"']+)["']""", re.MULTILINE
)
"""A static import, or an export from another module. What is imported with `import(…)` is loaded later."""


def first_load(files: WebFiles) -> tuple[str, ...]:
    """Return the entry and all modules that it imports, the entry first; nothing where there is no entry.

    Raises `InvalidInput` for an import of what is not there.
    """
    if ENTRY not in files.files:
        return ()
    found, ahead = dict[str, None](), [ENTRY]
    while ahead:
        name = ahead.pop(0)
        if name not in found:
            found[name] = None
            ahead += _imports(files, name)
    return tuple(found)


def _imports(files: WebFiles, name: str) -> Iterator[str]:
    for match in _IMPORT.finditer(files.files[name].body.decode()):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), match["path"]))
        if not match["path"].startswith((".", "/")) or path not in files.files:
            raise InvalidInput(
                f"{name} imports {match['path']!r}, which is no file of the reader's page.",
                next_step="Name a file of src/qdpi/web by its relative path, with its ending.",
            )
        yield path
