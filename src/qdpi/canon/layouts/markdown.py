"""The Markdown layout: a folder of `.md` files, one a page, each with YAML frontmatter.

Frontmatter as in the specification's Appendix B: `page_id`, `character` (slug, display name or number), and optionally
`section`, `page_num`, `title`; other keys are ignored. The text is the body or the key `text`. Beside the
pages, `index.json` may name the book's title, author and colours, and `character_profiles.json` may describe
its voices, both as in the corpus layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from qdpi import frontmatter
from qdpi.canon.assembly import Progress, assemble_book, counted
from qdpi.canon.book import Book
from qdpi.canon.files import MAX_PAGE_BYTES, read_text
from qdpi.canon.metadata import read_about, shown_name
from qdpi.canon.validation import WHOLE_FILE, Fault, RawPage, control_character, normal_text

_OPENING: Final = re.compile(rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n")
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_KEYS: Final = ("page_id", "character", "section", "page_num", "title", "text")
# libyaml reads ten times faster; where PyYAML was built without it, its own reader gives the same events.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class _Frontmatter:
    """The keys that a page is read from, as text, and the reasons against them."""

    values: Mapping[str, str]
    reasons: tuple[str, ...]


def is_markdown(root: Path) -> bool:
    """Return whether a folder holds a Markdown file that begins with frontmatter."""
    return any(_opens_with_frontmatter(root / name) for name in _page_files(root))


def read_markdown(root: Path, progress: Progress | None = None) -> Book:
    """Read a book from a folder of Markdown files. Raises `BookRefused` with every fault."""
    faults: list[Fault] = []
    raws = [raw for name in counted(_page_files(root), progress) if (raw := _raw_page(root, name, faults)) is not None]
    about, about_faults = read_about(root, title=_title_of(root.resolve().name), profiles="character_profiles.json")
    return assemble_book(root, ".", raws, about, (*about_faults, *faults))


def _page_files(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.suffix == ".md" and not p.name.startswith("."))


def _opens_with_frontmatter(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return _OPENING.match(stream.read(64)) is not None


def _title_of(folder: str) -> str:
    return " ".join(re.split(r"[-_\s]+", folder.strip())).title() or "Untitled"


def _raw_page(root: Path, name: str, faults: list[Fault]) -> RawPage | None:
    file = shown_name(name)
    content = read_text(root, name, limit=MAX_PAGE_BYTES)
    if isinstance(content, Fault):
        faults.append(Fault(file, WHOLE_FILE, content.reason))
        return None
    reason, matter, body = _split(content)
    if matter is None:
        faults.append(Fault(file, WHOLE_FILE, reason))
        return None
    label = shown_name(matter.values.get("page_id", "no page_id"))
    text, text_reason = _text(matter.values.get("text"), body)
    reasons = [*matter.reasons, *([text_reason] if text_reason else [])]
    faults.extend(Fault(file, label, reason) for reason in reasons)
    return _page_of(file, label, matter.values, text)


def _page_of(file: str, label: str, values: Mapping[str, str], text: str | None) -> RawPage:
    return RawPage(
        file=file,
        label=label,
        page_id=values.get("page_id"),
        character=values.get("character"),
        section=values.get("section"),
        page_num=values.get("page_num"),
        title=values.get("title"),
        text=text,
    )


def _split(content: str) -> tuple[str, _Frontmatter | None, str]:
    """Return the reason why there is no frontmatter, or the frontmatter and the body."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n")
    parts = frontmatter.split(lines)
    if parts is None:
        return "there is no frontmatter between two lines of ---", None, ""
    matter, body = parts
    if control := control_character(matter):
        return f"the frontmatter has {control}", None, ""
    try:
        return "", _frontmatter(matter), body
    except yaml.YAMLError as error:
        return f"the frontmatter is not YAML: {' '.join(str(error).split())[:200]}", None, ""


def _text(given: str | None, body: str) -> tuple[str | None, str | None]:
    """Return a page's text, or the reason why it is refused."""
    if given is None:
        return body, None
    if normal_text(body):
        return None, "the text is in the frontmatter and in the body; it may be in one of them"
    return given, None


def _frontmatter(source: str) -> _Frontmatter:
    """Read a YAML mapping's top level as text. Raises `yaml.YAMLError`.

    It reads events, not objects: `title: 1984` and `title: No` stay text, tags construct no objects, and aliases
    and nesting take no more time than the length of the file.
    """
    values: dict[str, str] = {}
    reasons: list[str] = []
    for key, value in _pairs(source):
        if key not in _KEYS:
            continue
        if key in values:
            reasons.append(f"{key} is there twice")
        elif value is None:
            reasons.append(f"{key} is not a single value")
        elif key in {"section", "page_num"} and not _WHOLE.fullmatch(value.strip()):
            reasons.append(f"{key} {shown_name(repr(value))} is not a whole number")
        else:
            values[key] = value
    return _Frontmatter(values, tuple(reasons))


def _pairs(source: str) -> list[tuple[str | None, str | None]]:
    """Return the top level's keys and values; None for other than plain scalars. Raises `yaml.YAMLError`."""
    depth = 0
    items: list[str | None] = []
    for event in yaml.parse(source, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            continue
        if depth == 0 and isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.MappingStartEvent):
            raise yaml.YAMLError("it is not a mapping of keys to values")
        if depth == 1 and isinstance(event, yaml.NodeEvent):
            items.append(event.value if isinstance(event, yaml.ScalarEvent) else None)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
    return list(zip(items[::2], items[1::2], strict=True))
