"""The Markdown layout: a folder of `.md` or `.markdown` files, one a page, each with YAML frontmatter.

Frontmatter as in the specification's Appendix B: `page_id`, `character` (slug, display name or number), and optionally
`section`, `page_num`, `title`; other keys are ignored, and null is no value. The text is the body or the key `text`.
A file elsewhere, or of another name, that claims a page which the book lacks is a fault. Beside the pages,
`index.json` may name the book's title, author and colours, and `character_profiles.json` may describe its voices, both
as in the corpus layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import yaml

from qdpi import frontmatter
from qdpi.canon.assembly import Progress, assemble_book, counted
from qdpi.canon.book import Book
from qdpi.canon.files import MAX_PAGE_BYTES, BookFolder, shown_path
from qdpi.canon.metadata import read_about, shown_name
from qdpi.canon.unread import PAGE_ENDINGS, UnreadFile, claimed_id, find_unread, is_page_name, note_of
from qdpi.canon.validation import WHOLE_FILE, Fault, RawPage, control_character, normal_text, read_page

_OPENING: Final = re.compile(rb"(?:\xef\xbb\xbf)?---[ \t]*[\r\n]")
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_KEYS: Final = ("page_id", "character", "section", "page_num", "title", "text")
# libyaml reads ten times faster; where PyYAML was built without it, its own reader gives the same events.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
"""The plain scalars that are null in YAML."""
_NULL_TAG: Final = "tag:yaml.org,2002:null"
_NO_FRONTMATTER: Final = "there is no frontmatter between two lines of ---"


class _Node(NamedTuple):
    """A key or a value of the frontmatter: its text, None for a list, a mapping or an alias; or null."""

    text: str | None
    is_null: bool = False


@dataclass(frozen=True, slots=True)
class _Frontmatter:
    """The keys that a page is read from, as text, and the reasons against them."""

    values: Mapping[str, str]
    reasons: tuple[str, ...]


def is_markdown(root: Path) -> bool:
    """Return whether a folder holds a Markdown file that begins with frontmatter, or claims to be a page."""
    return any(_opens_with_frontmatter(root / name) or claimed_id(root / name) for name in _page_files(root))


def read_markdown(root: Path, progress: Progress | None = None) -> Book:
    """Read a book from a folder of Markdown files. Raises `BookRefused` with every fault."""
    faults: list[Fault] = []
    folder, files = BookFolder(root), _page_files(root)
    raws = [raw for name in counted(files, progress) if (raw := _raw_page(folder, name, faults)) is not None]
    pages = set(folder.read)
    about, about_faults = read_about(folder, title=_title_of(root.resolve().name), profiles="character_profiles.json")
    # A file that was read as metadata but claims to be a page is looked at as well.
    unread = [file for file in find_unread(root, pages) if file.is_page or file.name not in folder.read]
    lost = _lost_pages(unread, raws)
    faults += [misplaced(file) for file in lost]
    notes = note_of(file for file in unread if file not in lost)
    return assemble_book(root, ".", raws, about, (*about_faults, *faults), notes)


def _page_files(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if is_page_name(path.name))


def _lost_pages(unread: Iterable[UnreadFile], raws: Iterable[RawPage]) -> list[UnreadFile]:
    """Return the unread files that claim a page which no page that was read has: other ones are copies."""
    numbers = {read_page(raw).number for raw in raws}
    return [file for file in unread if file.is_page and file.number not in numbers]


def misplaced(file: UnreadFile) -> Fault:
    """Return the fault of a file that claims to be a page and is not where pages are read, or not named so."""
    path = PurePosixPath(file.name)
    if path.parent.name:
        reason = (
            f"it lies in the folder {shown_path(str(path.parent))}/, and pages lie side by side in the book's folder"
        )
    elif path.name.startswith("."):
        reason = "its name begins with a dot"
    else:
        reason = f"its name does not end in {' or '.join(PAGE_ENDINGS)}"
    return Fault(shown_path(file.name), shown_name(file.claims), f"this page is not read: {reason}")


def page_fault(root: Path, name: str) -> Fault | None:
    """Return why a file cannot be a page, None where it has frontmatter."""
    faults: list[Fault] = []
    return None if _raw_page(BookFolder(root), name, faults) else faults[0]


def _opens_with_frontmatter(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return _OPENING.match(stream.read(64)) is not None


def _title_of(folder: str) -> str:
    return " ".join(re.split(r"[-_\s]+", folder.strip())).title() or "Untitled"


def _raw_page(folder: BookFolder, name: str, faults: list[Fault]) -> RawPage | None:
    file = shown_path(name)
    content = folder.text(name, limit=MAX_PAGE_BYTES)
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
        return _NO_FRONTMATTER + _nearest(lines), None, ""
    matter, body = parts
    if control := control_character(matter):
        return f"the frontmatter has {control}", None, ""
    try:
        return "", _frontmatter(matter), body
    except yaml.YAMLError as error:
        return f"the frontmatter is not YAML: {' '.join(str(error).split())[:200]}", None, ""


def _nearest(lines: str) -> str:
    """Return what stands where a file's frontmatter should."""
    first = lines.partition("\n")[0]
    if not lines.strip():
        return ": the file is empty"
    if not first.strip():
        return ": a blank line stands before it" if lines.lstrip().startswith("---") else ": line 1 is blank"
    if first.rstrip() == "---":
        return ": the line that ends it is missing"
    toml = ", which begins TOML; write YAML" if first.rstrip() == "+++" else ""
    return f": line 1 is {shown_name(first)[:40]!r}{toml}"


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
    seen: set[str] = set()
    for key, value in _pairs(source):
        if key.text not in _KEYS:
            continue
        if key.text in seen:
            reasons.append(f"{key.text} is there twice")
        elif value.text is None:
            reasons.append(f"{key.text} is not a single value")
        elif value.is_null:
            pass  # null is no value, as if the key were not there
        elif key.text in {"section", "page_num"} and not _WHOLE.fullmatch(value.text.strip()):
            reasons.append(f"{key.text} {shown_name(repr(value.text))} is not a whole number")
        else:
            values[key.text] = value.text
        seen.add(key.text)
    return _Frontmatter(values, tuple(reasons))


def _pairs(source: str) -> list[tuple[_Node, _Node]]:
    """Return the top level's keys and values. Raises `yaml.YAMLError`."""
    depth = 0
    items: list[_Node] = []
    for event in yaml.parse(source, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            continue
        if depth == 0 and isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.MappingStartEvent):
            raise yaml.YAMLError("it is not a mapping of keys to values")
        if depth == 1 and isinstance(event, yaml.NodeEvent):
            items.append(_node(event))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
    return list(zip(items[::2], items[1::2], strict=True))


def _node(event: yaml.NodeEvent) -> _Node:
    if not isinstance(event, yaml.ScalarEvent):
        return _Node(None)
    plain, _ = event.implicit
    return _Node(event.value, event.tag == _NULL_TAG or (plain and event.value in _NULLS))
