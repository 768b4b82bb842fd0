"""A journey as a folder of Markdown files, and a page as Markdown with the specified frontmatter, lossless both ways.

The text is the body of the file. A text that the canon's reader, or a program that normalises line ends, would
change is escaped in the frontmatter instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml
from pydantic import ValidationError

from qdpi import frontmatter
from qdpi.canon.validation import control_character, normal_text
from qdpi.errors import InvalidInput, validation_detail
from qdpi.export.reading_copy import Itinerary
from qdpi.export.zip_stream import ZipStream
from qdpi.page_schema import Page
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES

_WORDLESS: Final = ("user_intent", "")
_COMPUTED: Final = ("char_hex", "behavior")
"""Fields that follow from the symbol; the specification's frontmatter has `character` and `symbol_code` for them."""
_FIRST: Final = (
    "page_id",
    "symbol_code",
    "character",
    "orientation",
    "provenance",
    "trajectory",
    "voice_preset",
    "inputs",
)
_LONGEST_NAME: Final = 60
_NEXT_STEP: Final = "Give a page as `qdpi export --format markdown` writes it."


class MarkdownFolder:
    """Writes a zip file with `pages/00001-a-title.md` for generated pages and `canon/S01-P0001.md` for canon pages."""

    def __init__(self, itinerary: Itinerary) -> None:
        self._itinerary = itinerary
        self._zip = ZipStream()

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write pages."""
        for page in pages:
            self._zip.add(file_of(page), markdown_of(page))
        return self._zip.take()

    def end(self) -> bytes:
        """End the zip file."""
        return self._zip.close()


def file_of(page: Page) -> str:
    """Return a page's path in the folder."""
    if page.seq is None:
        return f"canon/{page.page_id}.md"
    slug = re.sub(r"[^\w]+", "-", page.title.lower()).strip("-_")[:_LONGEST_NAME].strip("-_")
    return f"pages/{page.seq:05}-{slug or page.page_id}.md"


def markdown_of(page: Page) -> str:
    """Return a page as a Markdown file: the specification's frontmatter, the page's other fields, and its text."""
    values = frontmatter_of(page)
    text = values.pop("text")
    if _is_plain(text):
        return frontmatter.write(values, f"{text}\n" if text else "")
    return frontmatter.write({**values, "text": text}, "")


def frontmatter_of(page: Page) -> dict[str, Any]:
    """Return a page's frontmatter in the specification's order, with `text`; fields without a value are left out.

    `voice_preset` and `inputs` follow from the other fields; they are there for people and other programs.
    """
    stored = page.model_dump(mode="json", exclude=set(_COMPUTED))
    values = {name: value for name, value in stored.items() if value is not None and (name, value) != _WORDLESS}
    values |= {
        "symbol_code": frontmatter.Hexadecimal(page.symbol_code),
        "character": CHARACTER_NAMES[page.char_hex],
        "voice_preset": f"{CHARACTER_MAP[page.char_hex].replace('-', '_')}.v1",
        "inputs": {"seeds": stored["edges"]["mirrors"], "motifs": stored["signals"]["motifs"], "constraints": {}},
    }
    return {name: values.pop(name) for name in _FIRST} | values


def page_of(markdown: str) -> Page:
    """Return the page of a Markdown file; line ends are kept. Raises `InvalidInput` with the reason."""
    parts = frontmatter.split(markdown)
    if parts is None:
        raise InvalidInput("There is no frontmatter between two lines of ---.", next_step=_NEXT_STEP)
    matter, body = parts
    values = _values(matter)
    if "text" in values and body:
        raise InvalidInput(
            "The text is both in the frontmatter and in the body; it can be in only one of them.", next_step=_NEXT_STEP
        )
    try:
        return Page.model_validate({"text": body.removesuffix("\n"), **values})
    except ValidationError as error:
        faults = validation_detail(error, "page")
        raise InvalidInput(f"The frontmatter does not describe a page: {faults}.", next_step=_NEXT_STEP) from error


def _values(matter: str) -> dict[str, Any]:
    try:
        values = yaml.load(matter, Loader=_Plain)  # noqa: S506 (a safe loader, and without aliases)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InvalidInput(f"The frontmatter is not plain YAML: {detail}.", next_step=_NEXT_STEP) from error
    if not isinstance(values, dict):
        raise InvalidInput("The frontmatter is not a mapping of keys to values.", next_step=_NEXT_STEP)
    return values


class _Plain(yaml.SafeLoader):
    """Loads plain data: no tags that construct objects, and no aliases, by which a small file expands endlessly."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node. Raises `YAMLError` for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it contains an alias")
        return super().compose_node(parent, index)


def _is_plain(text: str) -> bool:
    return normal_text(text) == text and control_character(text) is None
