"""A page as Markdown with the plan's frontmatter, and back, the same page.

The text is the body, where the canon's reader would leave it as it is; a text that such a reader, or a program
that tidies line ends, would change stands in the frontmatter, with every character escaped that needs it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml
from pydantic import ValidationError

from qdpi import frontmatter
from qdpi.canon.validation import control_character, normal_text
from qdpi.errors import InvalidInput
from qdpi.export.reading_copy import Itinerary
from qdpi.export.zip_stream import ZipStream
from qdpi.page_schema import Page
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES

_COMPUTED: Final = ("char_hex", "behavior")
"""What the symbol says already, and the plan's frontmatter says by `character` and by `symbol_code`."""
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
    """Writes `pages/00001-a-title.md` for what was written, `canon/S01-P0001.md` for pages of the book."""

    def __init__(self, itinerary: Itinerary) -> None:
        self._itinerary = itinerary
        self._zip = ZipStream()

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write pages."""
        for page in pages:
            self._zip.add(name_of(page), markdown_of(page))
        return self._zip.take()

    def end(self) -> bytes:
        """End the zip file."""
        return self._zip.close()


def name_of(page: Page) -> str:
    """Return a page's place in the folder."""
    if page.seq is None:
        return f"canon/{page.page_id}.md"
    slug = re.sub(r"[^\w]+", "-", page.title.lower()).strip("-_")[:_LONGEST_NAME].strip("-_")
    return f"pages/{page.seq:05}-{slug or page.page_id}.md"


def markdown_of(page: Page) -> str:
    """Return a page as a Markdown file: the plan's frontmatter, all else that is known of the page, its text."""
    values = frontmatter_of(page)
    text = values.pop("text")
    if _is_plain(text):
        return frontmatter.write(values, f"{text}\n" if text else "")
    return frontmatter.write({**values, "text": text}, "")


def frontmatter_of(page: Page) -> dict[str, Any]:
    """Return a page's frontmatter in the plan's order, with `text`; what a page does not have is left out.

    `voice_preset` and `inputs` are told for people and other programs: they follow from the rest.
    """
    stored = page.model_dump(mode="json", exclude=set(_COMPUTED))
    told = {name: value for name, value in stored.items() if value is not None}
    told |= {
        "symbol_code": frontmatter.Hexadecimal(page.symbol_code),
        "character": CHARACTER_NAMES[page.char_hex],
        "voice_preset": f"{CHARACTER_MAP[page.char_hex].replace('-', '_')}.v1",
        "inputs": {"seeds": stored["edges"]["mirrors"], "motifs": stored["signals"]["motifs"], "constraints": {}},
    }
    return {name: told.pop(name) for name in _FIRST} | told


def page_of(markdown: str) -> Page:
    """Return the page of such a file, line ends as they are. Raises `InvalidInput` that says what is wrong with it."""
    parts = frontmatter.split(markdown)
    if parts is None:
        raise InvalidInput("There is no frontmatter between two lines of ---.", next_step=_NEXT_STEP)
    matter, body = parts
    values = _values(matter)
    if "text" in values and body:
        raise InvalidInput(
            "The text is in the frontmatter and in the body; it may be in one of them.", next_step=_NEXT_STEP
        )
    try:
        return Page.model_validate({"text": body.removesuffix("\n"), **values})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise InvalidInput(f"The frontmatter is not a page's: {faults}.", next_step=_NEXT_STEP) from error


def _values(matter: str) -> dict[str, Any]:
    try:
        values = yaml.load(matter, Loader=_Plain)  # noqa: S506 - a safe loader that takes no aliases either
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InvalidInput(f"The frontmatter is not plain YAML: {detail}.", next_step=_NEXT_STEP) from error
    if not isinstance(values, dict):
        raise InvalidInput("The frontmatter is not a mapping of keys to values.", next_step=_NEXT_STEP)
    return values


class _Plain(yaml.SafeLoader):
    """Reads plain data: no tags that construct, and no aliases, by which a small file could say endlessly much."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it holds an alias")
        return super().compose_node(parent, index)


def _is_plain(text: str) -> bool:
    return normal_text(text) == text and control_character(text) is None
