"""Every file of a book's folder is read, or named; a folder that is nearly a book is told what is wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.canon import written_books

from qdpi.canon import read_book
from qdpi.canon.unread import find_unread
from qdpi.errors import BookRefused
from qdpi.symbols import CHARACTER_NAMES

LAST = "032-page.md"
"""The last page of a written book: the book is whole without it."""


def told(path: Path) -> str:
    """Return all that the reading of a book says: its notes, or its refusal."""
    try:
        return "\n".join(read_book(path).notes)
    except BookRefused as refused:
        return "\n".join((refused.detail, *refused.faults, *refused.notes))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return written_books.markdown(tmp_path / "book")


@pytest.mark.parametrize("ending", [".MD", ".Md", ".markdown", ".MARKDOWN"])
def test_ending_of_markdown_is_read_in_any_case(book: Path, ending: str) -> None:
    """A page's name ends in .md or .markdown, in any case."""
    for path in list(book.glob("*.md")):
        path.rename(path.with_suffix(ending))

    assert len(read_book(book).pages) == 32


MISPLACED = (
    "032-page.txt",
    "032-page.mdx",
    "032-page.mkd",
    "032-page",
    "032-page.md.txt",
    "032-page.md ",
    ".032-page.md",
    "part/032-page.md",
    "part/deep/032-page.md",
    ".hidden/032-page.md",
    "characters/an-author/032-page.md",
    "characters/an-author/first_principles.md",
    "kapitel-ж.txt",
    "032\n-page.txt",
    "032-" + "long-" * 40 + ".txt",
)


@pytest.mark.parametrize("name", MISPLACED)
def test_page_that_would_be_lost_is_a_fault(book: Path, name: str) -> None:
    """A file that claims a page which the book lacks is refused by its name: it would be lost without a word."""
    (book / name).parent.mkdir(parents=True, exist_ok=True)
    (book / LAST).rename(book / name)

    with pytest.raises(BookRefused) as refused:
        read_book(book)

    (fault,) = refused.value.faults
    assert fault.startswith(f"{name.replace(chr(10), chr(92) + 'n')}: S16-P0032: this page is not read: ")


ENCODED = {
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "TOML": lambda text: text.replace("---", "+++").replace(": ", ' = "').encode(),
    "JSON": lambda text: json.dumps({"page_id": "S16-P0032", "text": "…"}, indent=1).encode(),
}


@pytest.mark.parametrize("how", ENCODED)
def test_lost_page_is_known_however_it_is_written(book: Path, how: str) -> None:
    """A page in another encoding or notation is known as one."""
    text = (book / LAST).read_text()
    (book / LAST).unlink()
    (book / "032-page.txt").write_bytes(ENCODED[how](text))

    assert "032-page.txt: S16-P0032: this page is not read: its name does not end in .md or .markdown" in told(book)


COPIES = ("032-page.md~", "032-page.md.bak", "#032-page.md#", ".032-page.md", "old/032-page.md")


@pytest.mark.parametrize("name", COPIES)
def test_copy_of_a_page_is_a_note(book: Path, name: str) -> None:
    """An editor's copy of a page that was read is named, and refuses nothing."""
    (book / name).parent.mkdir(exist_ok=True)
    (book / name).write_bytes((book / LAST).read_bytes())

    made = read_book(book)

    assert len(made.pages) == 32
    assert made.notes == (f"1 file was not read: {name}",)


def test_every_other_file_is_named(book: Path) -> None:
    """Files of other kinds are named, whatever they are called and wherever they lie."""
    others = (".DS_Store", "Thumbs.db", "desktop.ini", "LICENSE", "notes/.keep", "notes/a b.md", "ö.jpg", "x\ny")
    for name in others:
        (book / name).parent.mkdir(exist_ok=True)
        (book / name).write_bytes(b"\xff\0")
    (book / "index.json").write_text('{"title": "A Book"}')
    (book / "away").symlink_to("nowhere")
    (book / "out").symlink_to(book.parent)
    (book / ".git" / "objects").mkdir(parents=True)

    (note,) = read_book(book).notes

    assert note.endswith(" (a name that ends in / is a folder that was not looked into)")
    count, _, names = note.partition(" (")[0].partition(" files were not read: ")
    assert count == "11"
    assert set(names.split(", ")) == {*others[:-1], "x\\ny", "away", "out/", ".git/"}


def test_notes_of_a_refused_book_name_other_files(book: Path) -> None:
    """A refusal names the files that were not read beside the faults."""
    (book / "009-page.md").rename(book / "009-page.txt")
    (book / "009-page.txt").write_text("No frontmatter at all.")

    with pytest.raises(BookRefused) as refused:
        read_book(book)

    assert refused.value.faults == (".: P0009: missing page: the ring has a gap here",)
    assert refused.value.notes == ("1 file was not read: 009-page.txt",)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (b"a\\032.md", "a\\032.md: whole file: the name holds a backslash"),
        (b"a\\..\\032.md", "a\\..\\032.md: whole file: the name leads out of the book's folder"),
        (b"\xff032.md", "\\udcff032.md: whole file: the name is not UTF-8"),
        (b"\xff032.txt", "\\udcff032.txt: S16-P0032: this page is not read"),
        (b"\n032.md", "\\n032.md: whole file: the name holds a control character"),
    ],
)
def test_page_of_a_strange_name_is_a_fault(book: Path, name: bytes, fault: str) -> None:
    """A page whose name cannot be taken is refused with what is strange in it."""
    (book / LAST).rename(book / os.fsdecode(name))

    assert fault in told(book)


@pytest.mark.parametrize("kind", ["fifo", "loop", "dangling", "folder"])
def test_page_that_is_no_file_is_a_fault(book: Path, kind: str) -> None:
    """A page's name on what is no file is refused with the reason, and nothing waits for it."""
    page = book / LAST
    page.unlink()
    match kind:
        case "fifo":
            os.mkfifo(page)
        case "loop":
            page.symlink_to(page.name)
        case "dangling":
            page.symlink_to("nowhere.md")
        case "folder":
            page.mkdir()
            (page / "inner.txt").write_text("page_id: S16-P0032")
    reasons = {
        "fifo": "this is not a file",
        "loop": "the symbolic link leads",
        "dangling": "the symbolic link leads to no file",
        "folder": "this is not a file",
    }

    said = told(book)

    assert f"{LAST}: whole file: {reasons[kind]}" in said
    assert (kind == "folder") == (f"{LAST}/inner.txt: S16-P0032: this page is not read" in said)


def test_corpus_names_the_files_beside_its_pages(tmp_path: Path) -> None:
    """A corpus names what it does not read: hidden files of pages/ as well, and other books in the folder given."""
    made = written_books.corpus(tmp_path / "corpus")
    made.put("pages/.033.md", "Hidden.")
    made.put("characters/an-author/info.json", "{}")
    made.put("characters/an-author/first_principles.md", "1. Read.")
    written_books.texts_json(tmp_path / "texts.json")
    (tmp_path / "README.md").write_text("# A book")

    assert read_book(tmp_path).notes == (
        "2 files were not read: characters/an-author/info.json, pages/.033.md",
        "2 files were not read: README.md, texts.json",
    )


def test_texts_json_names_the_files_of_its_folder(tmp_path: Path) -> None:
    """A folder with a texts.json names its other files; the file given itself names none."""
    texts = written_books.texts_json(tmp_path / "texts.json")
    written_books.markdown(tmp_path / "more")

    (note,) = read_book(tmp_path).notes

    assert note.startswith("32 files were not read: more/001-page.md, ")
    assert read_book(texts).notes == ()


# Nearly a book.


def each(change: Callable[[str], bytes]) -> Callable[[Path], None]:
    def do(root: Path) -> None:
        for path in root.glob("*.md"):
            path.write_bytes(change(path.read_text()))

    return do


def in_parts(root: Path) -> None:
    for number, path in enumerate(sorted(root.glob("*.md"))):
        part = root / f"part-{number // 11}"
        part.mkdir(exist_ok=True)
        path.rename(part / path.name)


NEARLY: dict[str, tuple[Callable[[Path], None], str]] = {
    "UTF-16": (
        each(lambda text: text.encode("utf-16")),
        "001-page.md: whole file: the file is not UTF-8: byte 0xff in line 1; it begins as UTF-16 does",
    ),
    "UTF-16 without a mark": (
        each(lambda text: text.encode("utf-16-le")),
        "001-page.md: whole file: the file is not UTF-8: every second byte is 0x00, as in UTF-16",
    ),
    "Latin-1, CR": (
        each(lambda text: text.replace("quiet", "stüll").replace("\n", "\r").encode("latin-1")),
        "001-page.md: whole file: the file is not UTF-8: byte 0xfc in line 7",
    ),
    "a blank line": (
        each(lambda text: f"\n{text}".encode()),
        "001-page.md: whole file: there is no frontmatter between two lines of ---: a blank line stands before it",
    ),
    "four dashes": (
        each(lambda text: text.replace("---", "----").encode()),
        "001-page.md: whole file: there is no frontmatter between two lines of ---: line 1 is '----'",
    ),
    "one line of dashes": (
        each(lambda text: text.replace("\n---\n", "\n").encode()),
        "001-page.md: whole file: there is no frontmatter between two lines of ---: the line that ends it is missing",
    ),
    "TOML": (
        each(lambda text: text.replace("---", "+++").replace(": ", " = ").encode()),
        "001-page.md: whole file: there is no frontmatter between two lines of ---: line 1 is '+++', which begins TOML",
    ),
    "no frontmatter": (
        each(lambda text: text.rpartition("---\n")[2].encode()),
        "001-page.md: whole file: there is no frontmatter between two lines of ---: ",
    ),
    "empty": (each(lambda text: b""), "001-page.md: whole file: there is no frontmatter between two lines of ---: the"),
    "parts": (
        in_parts,
        "part-0/001-page.md: S01-P0001: this page is not read: it lies in the folder part-0/, and pages lie side",
    ),
}


@pytest.mark.parametrize(("change", "fault"), NEARLY.values(), ids=NEARLY)
def test_folder_that_is_nearly_a_book_is_told_why(book: Path, change: Callable[[Path], None], fault: str) -> None:
    """A folder of pages that all lack the same is refused, file by file, with what each lacks."""
    change(book)

    with pytest.raises(BookRefused) as refused:
        read_book(book)

    assert len(refused.value.faults) == 32
    assert refused.value.faults[0].startswith(fault)


def test_folder_above_the_pages_is_told_where_they_are(book: Path) -> None:
    """The folder above a book of Markdown is told to give that book's own folder."""
    with pytest.raises(BookRefused) as refused:
        read_book(book.parent)

    assert f"Give {book}, where the pages lie." in refused.value.next_step


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda c: (c / "metadata/pages.json").unlink(), "pages: whole file: the folder has 32 files, and neither"),
        (lambda c: (c / "pages").rename(c / "Pages"), "Pages: whole file: its name is not pages, in small letters"),
        (lambda c: (c / "pages").rename(c / "chapters"), "metadata/pages.json: whole file: there is no folder pages/"),
    ],
)
def test_folder_that_is_nearly_a_corpus_is_told_why(
    tmp_path: Path, change: Callable[[Path], object], fault: str
) -> None:
    """A corpus that lacks a part is told which."""
    change(written_books.corpus(tmp_path).root)

    assert fault in told(tmp_path)


def test_json_of_another_name_is_told_its_name(tmp_path: Path) -> None:
    """A folder with one JSON file of another name is told to give the file; given, it is read."""
    book = written_books.texts_json(tmp_path / "book.JSON")

    assert "book.JSON: whole file: its name is not texts.json; give the file itself" in told(tmp_path)
    assert len(read_book(book).pages) == 32


# No value.


@pytest.mark.parametrize("nothing", ["null", "Null", "NULL", "~", "", "''", "'  '", "!!null x", '"\\u200b"', "# none"])
def test_title_without_a_value_is_no_title(book: Path, nothing: str) -> None:
    """A title of null, of nothing or of white space is no title: the page has its character's name."""
    (book / LAST).write_text(f"---\npage_id: S16-P0032\ncharacter: 15\ntitle: {nothing}\n---\nA door.\n")

    assert read_book(book).pages[-1].title == CHARACTER_NAMES[15]


@pytest.mark.parametrize(
    ("given", "title"),
    [("'null'", "null"), ("!!str null", "null"), ("nil", "nil"), ("1984", "1984"), ("No", "No"), ("0x1F", "0x1F")],
)
def test_title_that_looks_like_another_value_is_text(book: Path, given: str, title: str) -> None:
    """Only null is no title: quoted or tagged it is a text, and so are numbers and words of truth."""
    (book / LAST).write_text(f"---\npage_id: S16-P0032\ncharacter: 15\ntitle: {given}\n---\nA door.\n")

    assert read_book(book).pages[-1].title == title


@pytest.mark.parametrize("key", ["section", "page_num", "text", "title"])
def test_optional_key_of_null_is_absent(book: Path, key: str) -> None:
    """Every optional key may be null."""
    (book / LAST).write_text(f"---\npage_id: S16-P0032\ncharacter: 15\n{key}: null\n---\nA door.\n")

    assert read_book(book).pages[-1].text == "A door."


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("page_id", "null", "no page_id: page id None is neither like S01-P0007 nor a number"),
        ("character", "null", "no character is named"),
        ("character", "[15]", "character is not a single value"),
        ("character", "15.0", "character '15.0' is none of the sixteen"),
        ("title", "[a]", "title is not a single value"),
        ("title", "null\ntitle: a", "title is there twice"),
        ("page_num", "-1", "page_num '-1' is not a whole number"),
        ("section", "true", "section 'true' is not a whole number"),
    ],
)
def test_key_with_a_wrong_value_is_a_fault(book: Path, key: str, value: str, fault: str) -> None:
    """A key that a page needs may not be null, and no key may be of another kind."""
    matter = {"page_id": "S16-P0032", "character": "15", key: value}
    lines = "".join(f"{name}: {given}\n" for name, given in matter.items())
    (book / LAST).write_text(f"---\n{lines}---\nA door.\n")

    assert fault in told(book)


@pytest.mark.parametrize("nothing", [None, "", " ", "\u200b"])
def test_json_titles_without_a_value_are_none(tmp_path: Path, nothing: object) -> None:
    """In JSON null, an empty text and white space are no title, of a page as of a book."""
    rows = written_books.rows()
    rows[0]["title"] = nothing
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"title": nothing, "author": nothing, "pages": rows}))

    made = read_book(path)

    assert (made.pages[0].title, made.title, made.author) == (CHARACTER_NAMES[0], "The Entrance Way", "")


def test_metadata_of_null_is_absent(tmp_path: Path) -> None:
    """Null is no value in the metadata either."""
    made = written_books.corpus(tmp_path)
    made.put("index.json", '{"title": null, "author": null, "symbols": {"an-author": {"color": null}}}')
    made.put("metadata/character_profiles.json", '{"characters": null}')

    assert read_book(tmp_path).title == "The Entrance Way"


def test_folder_of_many_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A book in a folder of countless files is read, and only so many files are looked at."""
    from qdpi.canon import unread

    monkeypatch.setattr(unread, "MOST", 3)
    for number in range(9):
        (tmp_path / f"{number}").write_text("")

    found = find_unread(tmp_path, ())

    assert len(found) == 3
    assert unread.note_of(found)[0].endswith("(and more: only the first 3 were looked at)")
