"""A book that breaks a rule is refused whole, with every fault: file, page, reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.canon import written_books
from tests.canon.written_books import Corpus, Row

from qdpi.canon import read_book
from qdpi.errors import BookRefused


def faults_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(BookRefused) as refused:
        read_book(path)
    number = "1 fault" if len(refused.value.faults) == 1 else f"{len(refused.value.faults)} faults"
    assert refused.value.detail == f"The book at {path} has {number}."
    return refused.value.faults


def without(number: int) -> Callable[[list[Row]], object]:
    return lambda rows: rows.pop(number - 1)


def changed(number: int, **values: object) -> Callable[[list[Row]], object]:
    return lambda rows: rows[number - 1].update(values)


def removed(number: int, key: str) -> Callable[[list[Row]], object]:
    return lambda rows: rows[number - 1].pop(key)


ROW_FAULTS: dict[str, tuple[Callable[[list[Row]], object], str]] = {
    "a gap of one": (without(9), "texts.json: P0009: missing page: the ring has a gap here"),
    "a duplicate": (
        lambda rows: rows.append(dict(rows[6])),
        "texts.json: 007: duplicate id: page number 7 was taken by texts.json: 007",
    ),
    "a seventeenth": (
        changed(9, symbolId="judy-s-cargot"),
        "texts.json: 009: character 'judy-s-cargot' is none of the sixteen",
    ),
    "character 16": (changed(9, symbolId=16), "texts.json: 009: character 16 is none of the sixteen"),
    "a boolean character": (changed(1, symbolId=True), "texts.json: 001: character True is none of the sixteen"),
    "no character": (removed(9, "symbolId"), "texts.json: 009: no character is named"),
    "a mismatch": (
        changed(9, section=6),
        "texts.json: 009: section says section 6, but Jacklyn Variance is section 5",
    ),
    "section 17": (changed(9, section=17), "texts.json: 009: section 17 is not in 1..16"),
    "a section of a wrong type": (changed(9, section=5.0), "texts.json: 009: section 5.0 is not a whole number"),
    "an empty text": (changed(9, text=""), "texts.json: 009: the text is empty"),
    "white space": (changed(9, text=" \n\t\u200b\u00a0"), "texts.json: 009: the text is empty"),
    "no text": (removed(9, "text"), "texts.json: 009: the text is absent"),
    "a text of a wrong type": (changed(9, text=["a"]), "texts.json: 009: the text is not text"),
    "a long text": (
        changed(9, text="a" * 200_001),
        "texts.json: 009: the text has 200,001 characters, more than 200,000",
    ),
    "NUL": (changed(9, text="a\nb\0"), "texts.json: 009: the text has control character U+0000 in line 2"),
    "escape": (changed(9, text="a\x1b[2J"), "texts.json: 009: the text has control character U+001B in line 1"),
    "a C1 control": (changed(9, text="a\x9b"), "texts.json: 009: the text has control character U+009B in line 1"),
    "a lone surrogate": (
        changed(9, text="a\ud800"),
        "texts.json: 009: the text has control character U+D800 in line 1",
    ),
    "an id with a path": (
        changed(9, id="../009"),
        "texts.json: ../009: page id '../009' is neither like S01-P0007 nor a number",
    ),
    "no id": (removed(9, "id"), "texts.json: no id: page id None is neither like S01-P0007 nor a number"),
    "number nought": (changed(1, id=0), "texts.json: 0: page number 0 is not in 1..999999"),
    "a number past all": (
        changed(32, id=1_000_000),
        "texts.json: 1000000: page number 1000000 is not in 1..999999",
    ),
    "a title of a wrong type": (changed(9, title=3), "texts.json: 009: title 3 is not text"),
    "a title of two lines": (
        changed(9, title="a\nb"),
        "texts.json: 009: title holds a line break or a control character",
    ),
    "a long title": (changed(9, title="a" * 301), "texts.json: 009: title has 301 characters, more than 300"),
}


@pytest.mark.parametrize(("breaking", "fault"), ROW_FAULTS.values(), ids=ROW_FAULTS)
def test_broken_page_fault_has_file_and_reason(
    tmp_path: Path, breaking: Callable[[list[Row]], object], fault: str
) -> None:
    """A broken page is named with its file and reason."""
    rows = written_books.rows()
    breaking(rows)

    assert fault in faults_of(written_books.texts_json(tmp_path / "texts.json", rows))


@pytest.mark.parametrize("name", ["an empty text", "NUL", "a mismatch", "a gap of one", "a duplicate"])
def test_one_broken_rule_is_one_fault(tmp_path: Path, name: str) -> None:
    breaking, fault = ROW_FAULTS[name]
    rows = written_books.rows()
    breaking(rows)

    assert faults_of(written_books.texts_json(tmp_path / "texts.json", rows)) == (fault,)


def test_text_at_the_limit_is_accepted(tmp_path: Path) -> None:
    """A text of exactly the limit is taken."""
    rows = written_books.rows()
    rows[0]["text"] = "é" * 200_000

    assert len(read_book(written_books.texts_json(tmp_path / "texts.json", rows)).pages[0].text) == 200_000


def test_wide_gap_is_one_fault(tmp_path: Path) -> None:
    """A wide gap is one fault."""
    rows = written_books.rows()
    rows[-1]["id"] = "9000"

    fault = "texts.json: P0032 to P8999: 8968 missing pages: the ring has a gap here"
    assert faults_of(written_books.texts_json(tmp_path / "texts.json", rows)) == (fault,)


def test_missing_section_fault_names_the_character(tmp_path: Path) -> None:
    """A missing section is named with its character."""
    rows = [row for row in written_books.rows() if row["section"] != 16]

    fault = "texts.json: S16: missing section: the-author has no page"
    assert faults_of(written_books.texts_json(tmp_path / "texts.json", rows)) == (fault,)


def test_empty_book_lacks_all_sixteen_sections(tmp_path: Path) -> None:
    """A book without pages lacks all sixteen sections."""
    assert len(faults_of(written_books.texts_json(tmp_path / "texts.json", []))) == 16


def test_descending_sections_are_faults(tmp_path: Path) -> None:
    """Sections that do not ascend are named."""
    rows = written_books.rows()
    rows[2]["id"], rows[4]["id"] = rows[4]["id"], rows[2]["id"]

    assert faults_of(written_books.texts_json(tmp_path / "texts.json", rows)) == (
        "texts.json: 004: section 2 comes after section 3: sections ascend along the ring",
    )


def test_all_faults_are_listed_together(tmp_path: Path) -> None:
    """Every fault of a book is listed together."""
    rows = written_books.rows()
    rows[0]["text"] = "\0"
    rows[1]["title"] = []
    rows[1]["text"] = ""
    rows[2]["symbolId"] = "nobody"
    rows[31]["section"] = 3
    del rows[9]

    assert faults_of(written_books.texts_json(tmp_path / "texts.json", rows)) == (
        "texts.json: 001: the text is empty",
        "texts.json: 001: the text has control character U+0000 in line 1",
        "texts.json: 002: title [] is not text",
        "texts.json: 002: the text is empty",
        "texts.json: 003: character 'nobody' is none of the sixteen",
        "texts.json: 032: section says section 3, but The Author is section 16",
        "texts.json: P0010: missing page: the ring has a gap here",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[{]", "this is not JSON"),
        (b'[{"id": "001"', "this is not JSON"),
        (b"", "this is not JSON"),
        (b'"\xff"', "the file is not UTF-8: byte 0xff in line 1"),
        (b"[" * 100_000, "the JSON is nested too deeply"),
        (b"9" * 5_000, "this is not JSON"),
        (b'{"title": "no pages"}', "there is no list of pages"),
        (b'{"title": 3, "pages": []}', "title is not one line of at most 300 characters"),
        (b"[1]", "row 1: this is not an object"),
    ],
)
def test_unreadable_json_is_a_fault(tmp_path: Path, content: bytes, reason: str) -> None:
    """Unreadable JSON is named."""
    path = tmp_path / "texts.json"
    path.write_bytes(content)

    faults = faults_of(path)

    assert any(fault.startswith("texts.json: ") and reason in fault for fault in faults), faults


# Faults of files, in the corpus layout.


def rename(made: Corpus, filename: object) -> None:
    rows = written_books.rows()
    rows[8]["filename"] = filename
    made.list_rows(rows)


def escape(made: Corpus) -> None:
    outside = made.root.parent / "outside.md"
    outside.write_text("A page from elsewhere.")
    made.page("009-page.md").unlink()
    made.page("009-page.md").symlink_to(outside)


def a_folder_for_a_file(made: Corpus) -> None:
    made.page("009-page.md").unlink()
    made.page("009-page.md").mkdir()


SVG = 'xmlns="http://www.w3.org/2000/svg"'
FILE_FAULTS: dict[str, tuple[Callable[[Corpus], object], str]] = {
    "absent": (lambda b: b.page("009-page.md").unlink(), "pages/009-page.md: 009: the file is absent"),
    "unnamed": (
        lambda b: b.put("pages/033-more.md", "More."),
        "pages/033-more.md: whole file: metadata/pages.json does not name this file",
    ),
    "not UTF-8": (
        lambda b: b.page("009-page.md").write_bytes(b"one\ntwo \xff"),
        "pages/009-page.md: 009: the file is not UTF-8: byte 0xff in line 2",
    ),
    "empty": (lambda b: b.page("009-page.md").write_bytes(b""), "pages/009-page.md: 009: the text is empty"),
    "NUL": (
        lambda b: b.page("009-page.md").write_bytes(b"a\0b"),
        "pages/009-page.md: 009: the text has control character U+0000 in line 1",
    ),
    "huge": (
        lambda b: b.page("009-page.md").write_bytes(b"a" * 1_000_001),
        "pages/009-page.md: 009: the file is longer than 1,000,000 bytes",
    ),
    "up": (
        lambda b: rename(b, "../../etc/passwd"),
        "pages/../../etc/passwd: 009: the name leads out of the book's folder pages/",
    ),
    "dots": (lambda b: rename(b, ".."), "pages/..: 009: the name leads out of the book's folder"),
    "backslash": (lambda b: rename(b, "..\\x"), "pages/..\\x: 009: the name leads out of the book's folder"),
    "control in a name": (
        lambda b: rename(b, "a\nb.md"),
        "pages/a\\nb.md: 009: the name holds a control character",
    ),
    "no filename": (lambda b: rename(b, None), "metadata/pages.json: 009: the filename is not text"),
    "symbolic link": (escape, "pages/009-page.md: 009: the file is a symbolic link out of the book's folder"),
    "a folder for a file": (
        a_folder_for_a_file,
        "pages/009-page.md: 009: this is not a file",
    ),
    "unreadable metadata": (
        lambda b: b.put("metadata/pages.json", "{"),
        "metadata/pages.json: whole file: this is not JSON: Expecting property name",
    ),
    "metadata of a wrong type": (
        lambda b: b.put("metadata/pages.json", '{"a": 1}'),
        "metadata/pages.json: whole file: this is not a list of pages",
    ),
    "unreadable profiles": (
        lambda b: b.put("metadata/character_profiles.json", "[}"),
        "metadata/character_profiles.json: whole file: this is not JSON: Expecting value in line 1",
    ),
    "profiles of a wrong type": (
        lambda b: b.put("metadata/character_profiles.json", '{"characters": []}'),
        "metadata/character_profiles.json: whole file: characters is not an object",
    ),
    "a profile of a wrong type": (
        lambda b: b.put("metadata/character_profiles.json", '{"characters": {"london-fox": "x"}}'),
        "metadata/character_profiles.json: london-fox: this profile is not an object",
    ),
    "an index of a wrong type": (
        lambda b: b.put("index.json", "[]"),
        "index.json: whole file: this is not an object",
    ),
    "an unknown character in the index": (
        lambda b: b.put("index.json", '{"symbols": {"nobody": {}}}'),
        "index.json: nobody: this character is none of the sixteen",
    ),
    "a colour that is none": (
        lambda b: b.put("index.json", '{"symbols": {"london-fox": {"color": "red"}}}'),
        "index.json: london-fox: color is not like #34ff78",
    ),
    "a section's title that is none": (
        lambda b: b.put("index.json", '{"symbols": {"london-fox": {"title": "two\\nlines"}}}'),
        "index.json: whole file: title of london-fox is not one line of at most 300 characters",
    ),
    "a character's folder elsewhere": (
        lambda b: b.put("index.json", '{"symbols": {"london-fox": {"characterDir": "../x"}}}'),
        "../x/symbol.svg: whole file: the name leads out of the book's folder",
    ),
}


@pytest.mark.parametrize(("breaking", "fault"), FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_broken_file_fault_has_reason(tmp_path: Path, breaking: Callable[[Corpus], object], fault: str) -> None:
    """A broken file is named with its reason."""
    made = written_books.corpus(tmp_path / "corpus")
    breaking(made)

    faults = faults_of(made.root)

    assert any(given.startswith(fault) for given in faults), faults


def test_faults_of_metadata_and_pages_are_listed_together(tmp_path: Path) -> None:
    """Faults of metadata files and pages are listed together."""
    made = written_books.corpus(tmp_path / "corpus")
    for name in ("absent", "unnamed", "unreadable profiles"):
        FILE_FAULTS[name][0](made)
    made.page("010-page.md").write_bytes(b"")

    expected = {FILE_FAULTS[name][1] for name in ("absent", "unnamed", "unreadable profiles")}
    assert set(faults_of(made.root)) == expected | {"pages/010-page.md: 010: the text is empty"}


def test_index_with_wrong_page_count_is_refused(tmp_path: Path) -> None:
    """An index alone must have as many pages as there are files."""
    made = written_books.corpus(tmp_path)
    (tmp_path / "metadata/pages.json").unlink()
    made.put("index.json", json.dumps({"symbols": {"an-author": {"pages": [1, 2, 3]}}}))

    faults = faults_of(tmp_path)

    assert "index.json: whole file: it lists 3 pages and the folder pages/ has 32" in faults
    assert "pages/004-page.md: whole file: index.json does not name this file" in faults


@pytest.mark.parametrize(
    ("svg", "reason"),
    [
        ("<svg><script>alert(1)</script></svg>", "the symbol holds the element <script>"),
        ('<svg onload="alert(1)"/>', "the symbol holds the attribute onload"),
        ('<svg><path fill="url(http://a.example/b)"/></svg>', "the symbol holds a reference in fill"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "the symbol holds a document type"),
        ("<svg><foreignObject><p/></foreignObject></svg>", "the symbol holds the element <foreignObject>"),
        ("<svg><path><animate attributeName='d'/></path></svg>", "the symbol holds the element <animate>"),
        ("<svg><a href='javascript:alert(1)'/></svg>", "the symbol holds the element <a>"),
        ("<svg><style>*{fill:red}</style></svg>", "the symbol holds the element <style>"),
        ("<svg><image href='a.png'/></svg>", "the symbol holds the element <image>"),
        (f'<svg {SVG}><path fill="U\\52l(http://a.example/b)"/></svg>', "the symbol holds a reference in fill"),
        (f'<?xml-stylesheet href="a.css"?><svg {SVG}/>', "the symbol holds the instruction <?xml-stylesheet?>"),
        (f"<g {SVG}><path/></g>", "the symbol holds the element <g>"),
        ("<x:svg xmlns:x='http://www.w3.org/2000/svg'/>", "the symbol holds the element <x:svg>"),
        (f"<svg {SVG}><g xmlns='http://www.w3.org/1999/xhtml'/></svg>", "the symbol holds another namespace in <g>"),
        (f"<svg {SVG}>{'<g>' * 100}{'</g>' * 100}</svg>", "the symbol holds elements that lie more than 100 deep"),
        ("<svg><path/></svg>", 'the symbol has no xmlns="http://www.w3.org/2000/svg"'),
        ("<svg>", "the symbol is not well-formed XML"),
        ("", "the symbol is not well-formed XML"),
    ],
)
def test_drawing_with_more_than_shapes_is_refused(tmp_path: Path, svg: str, reason: str) -> None:
    """A symbol that is more than shapes is refused."""
    written_books.corpus(tmp_path).put("characters/london-fox/symbol.svg", svg)

    (fault,) = faults_of(tmp_path)

    assert fault.startswith("characters/london-fox/symbol.svg: whole file: ")
    assert reason in fault


# Faults of frontmatter.

HEAD = "page_id: S05-P0009\ncharacter: jacklyn-variance\n"
FRONTMATTER_FAULTS: dict[str, tuple[str, str]] = {
    "text in both": (
        f"---\n{HEAD}text: Here.\n---\nAnd here.\n",
        "009-page.md: S05-P0009: the text is in the frontmatter and in the body; it may be in one of them",
    ),
    "an empty text beside a body": (
        f"---\n{HEAD}text: ''\n---\nAnd here.\n",
        "009-page.md: S05-P0009: the text is in the frontmatter and in the body; it may be in one of them",
    ),
    "no text": (f"---\n{HEAD}---\n\n", "009-page.md: S05-P0009: the text is empty"),
    "no frontmatter": (
        "A door.\n",
        "009-page.md: whole file: there is no frontmatter between two lines of ---",
    ),
    "no end": (
        f"---\n{HEAD}A door.\n",
        "009-page.md: whole file: there is no frontmatter between two lines of ---",
    ),
    "no YAML": ("---\npage_id: [\n---\nA door.\n", "009-page.md: whole file: the frontmatter is not YAML: "),
    "no mapping": (
        "---\n- page_id\n---\nA door.\n",
        "009-page.md: whole file: the frontmatter is not YAML: it is not a mapping of keys to values",
    ),
    "no page_id": (
        "---\ncharacter: 4\n---\nA door.\n",
        "009-page.md: no page_id: page id None is neither like S01-P0007 nor a number",
    ),
    "a list for an id": (
        "---\npage_id: [a]\ncharacter: 4\n---\nA door.\n",
        "009-page.md: no page_id: page_id is not a single value",
    ),
    "a key twice": (f"---\n{HEAD}page_id: x\n---\nA.\n", "009-page.md: S05-P0009: page_id is there twice"),
    "a section in words": (
        f"---\n{HEAD}section: five\n---\nA door.\n",
        "009-page.md: S05-P0009: section 'five' is not a whole number",
    ),
    "a section that is half": (
        f"---\n{HEAD}section: 5.5\n---\nA door.\n",
        "009-page.md: S05-P0009: section '5.5' is not a whole number",
    ),
    "a list for a section": (
        f"---\n{HEAD}section: [5]\n---\nA door.\n",
        "009-page.md: S05-P0009: section is not a single value",
    ),
    "an object for a text": (
        f"---\n{HEAD}text: {{a: b}}\n---\n",
        "009-page.md: S05-P0009: text is not a single value",
    ),
    "a page number that is another's": (
        f"---\n{HEAD}page_num: 8\n---\nA door.\n",
        "009-page.md: S05-P0009: page_num '8' is not the 9 of its page id",
    ),
    "a page number in words": (
        f"---\n{HEAD}page_num: nine\n---\nA door.\n",
        "009-page.md: S05-P0009: page_num 'nine' is not a whole number",
    ),
    "a section that is not the id's": (
        f"---\n{HEAD}section: 6\n---\nA door.\n",
        "009-page.md: S05-P0009: section says section 6, but Jacklyn Variance is section 5",
    ),
    "an id of another section": (
        "---\npage_id: S06-P0009\ncharacter: 4\n---\nA door.\n",
        "009-page.md: S06-P0009: page id says section 6, but Jacklyn Variance is section 5",
    ),
    "a generated page": (
        "---\npage_id: 192cdf3d-fe88-5266-aa81-ffac34bb38e6\ncharacter: 4\n---\nA door.\n",
        "page id '192cdf3d-fe88-5266-aa81-ffac34bb38e6' is neither like S01-P0007 nor a number",
    ),
    "a control character": (
        f"---\n{HEAD}title: \x07\n---\nA door.\n",
        "009-page.md: whole file: the frontmatter has control character U+0007 in line 3",
    ),
    "a hidden control character": (
        f'---\n{HEAD}text: "a\\0"\n---\n',
        "009-page.md: S05-P0009: the text has control character U+0000 in line 1",
    ),
    "deep nesting": (
        "---\n" + "[" * 50_000 + "\n---\nA door.\n",
        "009-page.md: whole file: the frontmatter is not YAML: ",
    ),
    "an alias": (
        f"---\na: &a jack-parlance\n{HEAD}title: *a\n---\nA door.\n",
        "009-page.md: S05-P0009: title is not a single value",
    ),
}


@pytest.mark.parametrize(("content", "fault"), FRONTMATTER_FAULTS.values(), ids=FRONTMATTER_FAULTS)
def test_broken_frontmatter_fault_has_reason(tmp_path: Path, content: str, fault: str) -> None:
    """Broken frontmatter is named with its reason."""
    root = written_books.markdown(tmp_path / "book")
    (root / "009-page.md").write_text(content)

    faults = faults_of(root)

    assert any(fault in given for given in faults), faults


def test_missing_markdown_file_is_a_gap(tmp_path: Path) -> None:
    """A missing file of Markdown is a gap."""
    root = written_books.markdown(tmp_path / "book")
    (root / "009-page.md").unlink()

    assert faults_of(root) == (".: P0009: missing page: the ring has a gap here",)


def test_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A Markdown file that is a link out of the folder is refused."""
    root = written_books.markdown(tmp_path / "book")
    (root / "009-page.md").rename(tmp_path / "elsewhere.md")
    (root / "009-page.md").symlink_to(tmp_path / "elsewhere.md")

    reason = "the file is a symbolic link out of the book's folder"
    assert f"009-page.md: whole file: {reason}" in faults_of(root)


def test_link_inside_the_folder_is_read(tmp_path: Path) -> None:
    """A link that stays in the folder is read."""
    made = written_books.corpus(tmp_path)
    made.page("009-page.md").rename(tmp_path / "kept.md")
    made.page("009-page.md").symlink_to(tmp_path / "kept.md")

    assert len(read_book(tmp_path).pages) == 32


def test_refused_book_has_next_step(tmp_path: Path) -> None:
    """The error of a refused book has a next step."""
    path = written_books.texts_json(tmp_path / "texts.json", [])

    with pytest.raises(BookRefused) as refused:
        read_book(path)

    assert "nothing was written" in refused.value.next_step
