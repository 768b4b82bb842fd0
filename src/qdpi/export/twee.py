"""A journey as Twee 3, the source of a Twine story: a passage for each page, with links along the edges.

After https://github.com/iftechfoundation/twine-specs/blob/master/twee-3-specification.md. Passages use only what all
story formats share: links as `[[label->name]]`, and HTML character references for what any of them reads as markup.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from qdpi.export.reading_copy import Itinerary, Link, PageRef
from qdpi.page_schema import Page
from qdpi.symbols import CHARACTER_MAP

DATA_PASSAGE: Final = "QDPI data"
"""The passage with the data of each page, as JSON."""
_DATA_FIELDS: Final = frozenset(
    {"page_id", "symbol_code", "orientation", "provenance", "section", "seq"}
    | {"trajectory", "return_to", "status", "edges"}
)
_LONGEST_NAME: Final = 80
_GRID: Final = 150
_TAG_COLORS: Final = {"canon": "blue", "T0": "green", "T1": "yellow", "T2": "orange", "T3": "red"}
_IN_A_NAME: Final = str.maketrans({"[": "(", "]": ")", "{": "(", "}": ")", "|": "/", "\\": "/", "<": "‹", ">": "›"})
"""Replacements in passage names: the characters of links, and those that Twine misreads in a header even if escaped."""
_MARKUP: Final = re.compile(
    r"[&<>\[\]{}$\\|`]|\((?=[\w-]+:)|(?:(?<=[\n\u2028\u2029])|\A)[ \t]*:(?=:)|//|''|__|\^\^|~~|==|@@"
)
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_JSON_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


class TweeStory:
    """Writes a Twee file: the story's metadata, a passage for each page, and the passage of page data."""

    def __init__(self, itinerary: Itinerary) -> None:
        self._itinerary = itinerary
        self._pieces = [story_head(itinerary)]
        self._data: list[str] = []
        self._columns: Counter[int] = Counter()

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write a passage for each page."""
        for page in pages:
            self._pieces.append(passage_of(page, self._itinerary.links(page), self._position(page)))
            self._data.append(f"{json.dumps(name_of(_ref(page)))}: {_data_of(page)}")
        return self._take()

    def end(self) -> bytes:
        """Write the passage of page data."""
        self._pieces.append(f":: {DATA_PASSAGE} [qdpi-data]\n{{\n" + ",\n".join(self._data) + "\n}\n")
        return self._take()

    def _take(self) -> bytes:
        taken = "".join(self._pieces)
        self._pieces.clear()
        return taken.encode()

    def _position(self, page: Page) -> str:
        """Return a page's position on Twine's map: canon pages in the first row, then a row for each depth."""
        row = page.placement.depth if page.placement else 0
        self._columns[row] += 1
        return f"{_GRID * self._columns[row]},{_GRID * (row + 1)}"


def story_head(itinerary: Itinerary) -> str:
    """Return the passages StoryTitle and StoryData."""
    first = next(iter(itinerary.refs.values()))
    data = {"ifid": itinerary.uuid.upper(), "start": name_of(first), "tag-colors": _TAG_COLORS, "zoom": 0.6}
    title = escape_text(" ".join(itinerary.title.split()))
    return f":: StoryTitle\n{title}\n\n\n:: StoryData\n{json.dumps(data, indent=2)}\n\n\n"


def passage_of(page: Page, links: Sequence[Link], position: str) -> str:
    """Return a page's passage, with a line for each link."""
    tags = ["canon" if page.is_canon else page.trajectory.value, CHARACTER_MAP[page.char_hex]]
    metadata = json.dumps({"position": position, "size": "100,100"}, separators=(",", ":"))
    header = f":: {escape_header(name_of(_ref(page)))} [{' '.join(map(escape_header, tags))}] {metadata}"
    lines = [f"{link.kind.value} [[{label_of(link.target)}->{name_of(link.target)}]]" for link in links]
    return "\n".join((header, escape_text(page.text), "", *lines)).rstrip() + "\n\n\n"


def name_of(ref: PageRef) -> str:
    """Return a page's passage name: its title, with its seq or page id to make it unique."""
    return f"{label_of(ref)} · {ref.page_id if ref.seq is None else ref.seq}"


def label_of(ref: PageRef) -> str:
    """Return a page's title as the label of a link: on one line, without the characters of a link."""
    title = " ".join("".join(c if c.isprintable() else " " for c in ref.title.translate(_IN_A_NAME)).split())
    return title[:_LONGEST_NAME].strip() or "Untitled"


def escape_header(name: str) -> str:
    """Escape a passage or tag name for a header: a backslash before brackets, braces and backslashes."""
    return re.sub(r"([\\\[\]{}])", r"\\\1", name)


def escape_text(text: str) -> str:
    """Escape a text so that no compiler reads a header in it, and no story format reads markup."""
    lines = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _MARKUP.sub(lambda found: "".join(c if c in " \t" else f"&#{ord(c)};" for c in found[0]), lines)


def _ref(page: Page) -> PageRef:
    return PageRef(page.page_id, page.title, page.seq)


def _data_of(page: Page) -> str:
    data = page.model_dump(mode="json", include=set(_DATA_FIELDS), exclude_none=True)
    # Twine reads links in every passage, this one included.
    escaped = _JSON_TEXT.sub(lambda found: found[0].replace("[", "\\u005b"), json.dumps(data))
    return re.sub(r"\[(?=\[)", "[ ", escaped)
