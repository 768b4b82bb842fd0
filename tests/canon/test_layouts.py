"""The three layouts of a book: lookup, equivalence and parsing."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.canon import written_books

from qdpi.canon import read_book
from qdpi.canon.book import CanonPage, book_id_of
from qdpi.errors import BookRefused
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES


def contents_of(pages: tuple[CanonPage, ...]) -> list[tuple[str, int, int, str, str, int]]:
    return [(p.page_id, p.section, p.page_num, p.title, p.text, p.character) for p in pages]


def test_layouts_of_one_book_have_the_same_pages(tmp_path: Path) -> None:
    """The three layouts of one book have the same pages."""
    corpus = read_book(written_books.corpus(tmp_path / "corpus").root)
    texts = read_book(written_books.texts_json(tmp_path / "texts.json"))
    markdown = read_book(written_books.markdown(tmp_path / "a-folder"))

    assert contents_of(corpus.pages) == contents_of(texts.pages) == contents_of(markdown.pages)
    assert [p.page_id for p in corpus.pages[:3]] == ["S01-P0001", "S01-P0002", "S02-P0003"]
    assert corpus.pages[-1].page_id == "S16-P0032"
    assert [v.character for v in corpus.voices] == list(range(16))


def test_long_book_has_five_digit_page_ids(tmp_path: Path) -> None:
    """A long book has page ids of five digits, in the order of its numbers."""
    pages = 10_016
    made = [
        {
            "id": f"S{section:02}-P{number:04}" if number % 2 else number,
            "symbolId": CHARACTER_MAP[section - 1],
            "section": section,
            "title": "a long book",
            "text": f"Page {number}.",
        }
        for number in range(1, pages + 1)
        for section in [(number - 1) * 16 // pages + 1]
    ]
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(made))
    book = read_book(path)
    assert [page.page_num for page in book.pages] == list(range(1, pages + 1))
    assert [page.page_id for page in book.pages[9_998:10_001]] == ["S16-P9999", "S16-P10000", "S16-P10001"]


@pytest.mark.parametrize("inside", ["", "corpus", "gibsey-canon/corpus"])
def test_corpus_is_found_in_its_folder_and_above(tmp_path: Path, inside: str) -> None:
    """A corpus is found in its folder and in the folders above it."""
    written_books.corpus(tmp_path / "given" / inside)

    assert len(read_book(tmp_path / "given").pages) == 32


@pytest.mark.parametrize("inside", ["texts.json", "src/assets/texts.json"])
def test_texts_json_is_found_by_file_and_folder(tmp_path: Path, inside: str) -> None:
    """A texts file is found by itself and in a given folder."""
    path = written_books.texts_json(tmp_path / inside)

    assert read_book(tmp_path) == read_book(path)


def test_corpus_precedes_texts_json(tmp_path: Path) -> None:
    """A corpus goes before a texts file."""
    written_books.texts_json(tmp_path / "texts.json")
    made = written_books.corpus(tmp_path)
    made.put("index.json", json.dumps({"title": "From the corpus"}))

    assert read_book(tmp_path).title == "From the corpus"


def test_texts_json_names_title_and_author(tmp_path: Path) -> None:
    """A texts file may name its title and author."""
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"title": "A Book", "author": "Somebody", "pages": written_books.rows()}))

    book = read_book(path)

    assert (book.book_id, book.title, book.author) == ("a-book", "A Book", "Somebody")


def test_index_names_title_author_colours_and_folders(tmp_path: Path) -> None:
    """An index names title, author, colours and folders."""
    made = written_books.corpus(tmp_path)
    index = {
        "title": "The Ninth Door",
        "author": "A. Writer",
        "symbols": {"an-author": {"color": "#34FF78", "characterDir": "people/first"}},
    }
    made.put("index.json", json.dumps(index))
    made.put("people/first/symbol.svg", '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>\n')

    book = read_book(tmp_path)

    assert (book.book_id, book.title, book.author) == ("the-ninth-door", "The Ninth Door", "A. Writer")
    assert (book.voices[0].color, book.voices[1].color) == ("#34ff78", "#0a0b0c")
    assert book.voices[0].symbol_svg == '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>'
    assert book.voices[1].symbol_svg is None


def test_index_may_title_sections(tmp_path: Path) -> None:
    """A section's number in the place of its title is none, and a book with a title is another revision."""
    made = written_books.corpus(tmp_path)
    before = read_book(tmp_path).content_hash
    given = {
        "an-author": "The First Door",
        "london-fox": 2,
        "glyph-marrow": "3",
        "princhetta": None,
        "jack-parlance": "",
    }
    made.put("index.json", json.dumps({"symbols": {slug: {"title": title} for slug, title in given.items()}}))

    book = read_book(tmp_path)

    assert [voice.section_title for voice in book.voices] == ["The First Door", *[None] * 15]
    assert book.content_hash != before


def test_corpus_with_index_only(tmp_path: Path) -> None:
    """A corpus may have an index alone."""
    made = written_books.corpus(tmp_path)
    (tmp_path / "metadata/pages.json").unlink()
    symbols = {slug: {"title": c + 1, "pages": [1, 1]} for c, slug in CHARACTER_MAP.items()}
    made.put("index.json", json.dumps({"symbols": symbols}))

    book = read_book(tmp_path)

    expected = [(written_books.page_id(row), row["text"], "page") for row in written_books.rows()]
    assert [(p.page_id, p.text, p.title) for p in book.pages] == expected


def test_section_in_words_follows_the_character(tmp_path: Path) -> None:
    """A section given in words is that of the character."""
    rows = written_books.rows()
    rows[4]["section"] = "Part One: The Entrance Way"

    assert read_book(written_books.texts_json(tmp_path / "texts.json", rows)).pages[4].section == 3


def test_pages_are_sorted_by_global_number(tmp_path: Path) -> None:
    """Pages are in the order of their global numbers."""
    backwards = written_books.rows()[::-1]

    book = read_book(written_books.texts_json(tmp_path / "texts.json", backwards))

    assert [p.page_num for p in book.pages] == list(range(1, 33))


@pytest.mark.parametrize("name", ["old-natalie", "old-natalie-weissman", "Old Natalie Weissman", "OLD_NATALIE", 6])
def test_character_names_are_recognised(tmp_path: Path, name: object) -> None:
    """A character is known by slug, alias, display name and number."""
    rows = written_books.rows()
    rows[12]["symbolId"] = name

    assert read_book(written_books.texts_json(tmp_path / "texts.json", rows)).pages[12].character == 6


@pytest.mark.parametrize("title", ["\u3164", "\u2800 \u200b", "\u202e", "\ufe0f"])
def test_a_title_with_nothing_to_see_is_absent(tmp_path: Path, title: str) -> None:
    """The page then has its character's name: a link to it can be seen."""
    rows = written_books.rows()
    rows[0]["title"] = title
    assert read_book(written_books.texts_json(tmp_path / "texts.json", rows)).pages[0].title == "an author"


def test_line_ends_and_blank_lines_are_normalised(tmp_path: Path) -> None:
    """Line ends and surrounding blank lines are not part of a text."""
    made = written_books.corpus(tmp_path)
    made.page("001-page.md").write_bytes("\ufeff\r\n \r\n  One,\r\ntwo.  \rThree.\r\n\r\n".encode())

    assert read_book(tmp_path).pages[0].text == "  One,\ntwo.  \nThree."


def test_default_title_is_the_characters_name(tmp_path: Path) -> None:
    """A page without a title has its character's name."""
    root = written_books.markdown(tmp_path / "book")
    (root / "003-page.md").write_text("---\npage_id: S02-P0003\ncharacter: 1\n---\nA door.\n")

    assert read_book(root).pages[2].title == CHARACTER_NAMES[1]


def test_frontmatter_with_text_and_other_keys(tmp_path: Path) -> None:
    """Frontmatter may carry the text and keys of others."""
    root = written_books.markdown(tmp_path / "a_small-book")
    (root / "001-page.md").write_text(
        "---\npage_id: S01-P0001\nsymbol_code: 0x00\ncharacter: an author\ntitle: 1984\nsection: 1\npage_num: 1\n"
        "inputs:\n  motifs: [preface, identity]\n  constraints: { tense: present }\n"
        "text: |\n  First line.\n\n  ---\n\n  Last line.\nedges:\n  next_within: S01-P0002\n---\n"
    )

    book = read_book(root)

    assert book.title == "A Small Book"
    assert (book.pages[0].title, book.pages[0].text) == ("1984", "First line.\n\n---\n\nLast line.")


def test_rule_of_dashes_in_the_body_is_kept(tmp_path: Path) -> None:
    """A rule of dashes in the body stays in the text."""
    root = written_books.markdown(tmp_path / "book")
    (root / "001-page.md").write_text("---\npage_id: S01-P0001\ncharacter: 0\n---\nOne.\n\n---\n\nTwo.\n")

    assert read_book(root).pages[0].text == "One.\n\n---\n\nTwo."


def test_progress_counts_every_page(tmp_path: Path) -> None:
    for path in (
        written_books.corpus(tmp_path / "corpus").root,
        written_books.texts_json(tmp_path / "texts.json"),
        written_books.markdown(tmp_path / "md"),
    ):
        seen: list[tuple[int, int]] = []
        read_book(path, progress=lambda done, whole, seen=seen: seen.append((done, whole)))  # type: ignore[misc]
        assert seen == [(n, 32) for n in range(1, 33)]


def test_content_hash_changes_with_a_word(tmp_path: Path) -> None:
    """Reading twice gives an equal book, and a changed word another hash."""
    made = written_books.corpus(tmp_path)
    first, again = read_book(tmp_path), read_book(tmp_path)
    made.page("007-page.md").write_text("A changed word.")
    changed = read_book(tmp_path)

    assert first == again
    assert first.content_hash == again.content_hash != changed.content_hash
    differing = [p.page_num for p, q in zip(first.pages, changed.pages, strict=True) if p != q]
    assert differing == [7]


def test_canon_page_is_frozen_and_includes_its_title() -> None:
    """A title is part of a page, and a page is immutable."""
    page = CanonPage("S01-P0001", 1, 1, "A", "text", 0)

    assert page != CanonPage("S01-P0001", 1, 1, "B", "text", 0)
    with pytest.raises(FrozenInstanceError):
        page.text = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("title", "book_id"),
    [("The Entrance Way", "the-entrance-way"), ("Café d'Été!", "cafe-dete"), ("  --  ", None), ("書", None)],
)
def test_book_id_is_the_slug_of_the_title(title: str, book_id: str | None) -> None:
    """A book id is the slug of the title."""
    assert book_id_of(title) == book_id if book_id else book_id_of(title).startswith("book-")


@pytest.mark.parametrize("path", ["absent", "empty", "prose", "notes.txt"])
def test_path_without_a_book_is_refused(tmp_path: Path, path: str) -> None:
    """A path without a book is refused with the three layouts."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "prose").mkdir()
    (tmp_path / "prose" / "README.md").write_text("# No page\n")
    (tmp_path / "notes.txt").write_text("no book")

    with pytest.raises(BookRefused) as refused:
        read_book(tmp_path / path)

    assert str(tmp_path / path) in refused.value.detail
    for layout in ("corpus folder", "texts.json", "Markdown"):
        assert layout in str(refused.value)


# What a page may hold: any characters but controls and surrogates, and something to see.
prose = st.text(st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n\t"), max_size=200).map(
    lambda text: f"{text}."
)


def quoted(text: str) -> str:
    """Write a text as a double-quoted YAML scalar."""
    escaped = (f"\\U{ord(c):08x}" if c in '"\\' or not c.isascii() or ord(c) < 32 else c for c in text)
    return f'"{"".join(escaped)}"'


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(prose, min_size=4, max_size=4), in_frontmatter=st.booleans())
def test_prose_survives_markdown(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], in_frontmatter: bool
) -> None:
    """Any prose comes back from Markdown as it was written."""
    root = written_books.markdown(tmp_path_factory.mktemp("book"))
    for row, text in zip(written_books.rows(), texts, strict=False):
        head = f"page_id: {written_books.page_id(row)}\ncharacter: {row['symbolId']}\n"
        content = f"---\n{head}text: {quoted(text)}\n---\n" if in_frontmatter else f"---\n{head}---\n{text}"
        (root / row["filename"]).write_bytes(content.encode())

    assert [p.text.lstrip("\n \t") for p in read_book(root).pages[:4]] == [t.lstrip("\n \t") for t in texts]
