"""A journey as Twee 3, the source of a Twine story: a passage a page, and links where pages lead.

After https://github.com/iftechfoundation/twine-specs/blob/master/twee-3-specification.md. Passages are told
in the story formats' common ground: `[[label->name]]`, and HTML's character references for what one of them
would take as markup.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from qdpi.export.reading_copy import Itinerary, Link, Stop
from qdpi.page_schema import Page
from qdpi.symbols import CHARACTER_MAP

DATA_PASSAGE: Final = "QDPI data"
"""The passage that tells, in JSON, what each page is."""
_DATA: Final = frozenset(
    {"page_id", "symbol_code", "orientation", "provenance", "section", "seq"}
    | {"trajectory", "return_to", "status", "edges"}
)
_LONGEST_NAME: Final = 80
_GRID: Final = 150
_TAG_COLORS: Final = {"canon": "blue", "T0": "green", "T1": "yellow", "T2": "orange", "T3": "red"}
_IN_A_NAME: Final = str.maketrans({"[": "(", "]": ")", "{": "(", "}": ")", "|": "/", "\\": "/", "<": "‹", ">": "›"})
"""What links are made of; and what Twine itself misreads in a header, escaped or not."""
_MARKUP: Final = re.compile(
    r"[&<>\[\]{}$\\|`]|\((?=[\w-]+:)|(?:(?<=[\n\u2028\u2029])|\A)[ \t]*:(?=:)|//|''|__|\^\^|~~|==|@@"
)
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_JSON_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


class TweeStory:
    """Writes a Twee file: the story's data, a passage for each page, and the data of all pages."""

    def __init__(self, itinerary: Itinerary) -> None:
        self._itinerary = itinerary
        self._pieces = [story_head(itinerary)]
        self._data: list[str] = []
        self._columns: Counter[int] = Counter()

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write the passages of pages."""
        for page in pages:
            self._pieces.append(passage_of(page, self._itinerary.links(page), self._place(page)))
            self._data.append(f"{json.dumps(name_of(_stop(page)))}: {_data_of(page)}")
        return self._take()

    def end(self) -> bytes:
        """Write the passage of data."""
        self._pieces.append(f":: {DATA_PASSAGE} [qdpi-data]\n{{\n" + ",\n".join(self._data) + "\n}\n")
        return self._take()

    def _take(self) -> bytes:
        taken = "".join(self._pieces)
        self._pieces.clear()
        return taken.encode()

    def _place(self, page: Page) -> str:
        """Return where Twine's map shows a page: the book's in a row, each depth under it in the next."""
        row = page.placement.depth if page.placement else 0
        self._columns[row] += 1
        return f"{_GRID * self._columns[row]},{_GRID * (row + 1)}"


def story_head(itinerary: Itinerary) -> str:
    """Return the passages StoryTitle and StoryData."""
    first = next(iter(itinerary.stops.values()))
    data = {"ifid": itinerary.uuid.upper(), "start": name_of(first), "tag-colors": _TAG_COLORS, "zoom": 0.6}
    title = escape_text(" ".join(itinerary.title.split()))
    return f":: StoryTitle\n{title}\n\n\n:: StoryData\n{json.dumps(data, indent=2)}\n\n\n"


def passage_of(page: Page, links: Sequence[Link], position: str) -> str:
    """Return a page's passage, with a line for each link."""
    tags = ["canon" if page.is_canon else page.trajectory.value, CHARACTER_MAP[page.char_hex]]
    metadata = json.dumps({"position": position, "size": "100,100"}, separators=(",", ":"))
    header = f":: {escape_header(name_of(_stop(page)))} [{' '.join(map(escape_header, tags))}] {metadata}"
    lines = [f"{link.way.value} [[{label_of(link.to)}->{name_of(link.to)}]]" for link in links]
    return "\n".join((header, escape_text(page.text), "", *lines)).rstrip() + "\n\n\n"


def name_of(stop: Stop) -> str:
    """Return a page's passage name: its title and what tells it from others of that title."""
    return f"{label_of(stop)} · {stop.page_id if stop.seq is None else stop.seq}"


def label_of(stop: Stop) -> str:
    """Return a page's title as it can stand in a link: on one line, without what a link is made of."""
    title = " ".join("".join(c if c.isprintable() else " " for c in stop.title.translate(_IN_A_NAME)).split())
    return title[:_LONGEST_NAME].strip() or "Untitled"


def escape_header(name: str) -> str:
    """Return a passage or tag name as a header carries it: brackets, braces and backslashes after a backslash."""
    return re.sub(r"([\\\[\]{}])", r"\\\1", name)


def escape_text(text: str) -> str:
    """Return a text that no compiler takes for a header, and no story format for markup."""
    lines = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _MARKUP.sub(lambda found: "".join(c if c in " \t" else f"&#{ord(c)};" for c in found[0]), lines)


def _stop(page: Page) -> Stop:
    return Stop(page.page_id, page.title, page.seq)


def _data_of(page: Page) -> str:
    told = page.model_dump(mode="json", include=set(_DATA), exclude_none=True)
    # Twine looks for links in every passage, also in this one.
    apart = _JSON_TEXT.sub(lambda found: found[0].replace("[", "\\u005b"), json.dumps(told))
    return re.sub(r"\[(?=\[)", "[ ", apart)
