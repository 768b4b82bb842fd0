from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from tests.export.pages import AWKWARD, pages
from tests.support import factories

from qdpi import frontmatter
from qdpi.canon import own_book, read_book
from qdpi.canon.revision import canon_pages
from qdpi.errors import InvalidInput
from qdpi.export.markdown import markdown_of, page_of
from qdpi.page_schema import Page, PageSchema
from qdpi.search.analysis import read_text
from qdpi.system import utc_now


@settings(max_examples=100, deadline=None)
@given(pages())
@example(factories.generated_page(text=""))
@pytest.mark.slow
def test_page_survives_markdown(page: Page):
    """Any page is the same after a round trip through Markdown."""
    assert page_of(markdown_of(page)) == page


@pytest.mark.parametrize("text", AWKWARD, ids=ascii)
def test_awkward_text_survives_file(tmp_path: Path, text: str):
    """An awkward text is the same after a round trip through the bytes of a file."""
    page = factories.generated_page(text=text, title=text)
    file = tmp_path / "page.md"
    file.write_bytes(markdown_of(page).encode())

    assert page_of(file.read_bytes().decode()) == page


@settings(max_examples=25, deadline=None)
@given(pages())
@pytest.mark.slow
def test_frontmatter_has_plan_keys(page: Page):
    """The frontmatter has the specification's keys in its order, and passes its schema."""
    parts = frontmatter.split(markdown_of(page))
    assert parts is not None
    values = yaml.safe_load(parts[0])
    schema = PageSchema.model_validate({"text": parts[1], **values})

    assert list(values)[:8] == [
        "page_id", "symbol_code", "character", "orientation", "provenance", "trajectory", "voice_preset", "inputs"
    ]  # fmt: skip
    assert (schema.page_id, schema.symbol_code) == (page.page_id, page.symbol_code)
    assert {"next_within", "loop_back_to", "forks"} <= schema.edges.keys()
    assert {"seeds", "motifs", "constraints"} == schema.inputs.keys()


def test_plan_template_is_read():
    """The specification's own template of a page is read."""
    page = page_of(
        "---\npage_id: S01-P0007\nsymbol_code: 0x00\ncharacter: an author\norientation: X\nprovenance: C\n"
        "trajectory: T0\nvoice_preset: an_author.v1\ninputs:\n  seeds: []\n  motifs: [preface, identity]\n"
        "  constraints: { tense: present, max_tokens: 800 }\ntext: |\n  A beginning.\nedges:\n"
        "  next_within: S01-P0008\n  loop_back_to: null\n  forks: []\nvalidation:\n  passed: true\n  style_ok: true\n"
        "  continuity_score: 1.0\nsection: 1\ntitle: A title\ncreated_at: 2026-11-01T00:00:00Z\nauthor: me\n"
        "version: '1'\n---\n"
    )

    assert (page.page_id, page.symbol_code, page.text) == ("S01-P0007", 0, "A beginning.\n")
    assert page.edges.next_within == "S01-P0008"


def test_text_is_body_or_frontmatter():
    """A plain text is the body; a text that a reader would change is in the frontmatter."""
    assert markdown_of(factories.generated_page(text="One.\n\nTwo.")).endswith("\n---\nOne.\n\nTwo.\n")
    assert 'text: "One.\\r\\nTwo."\n---\n' in markdown_of(factories.generated_page(text="One.\r\nTwo."))


def test_book_survives_markdown(tmp_path: Path):
    """A book written as Markdown files is read as the same book."""
    book = own_book()
    readings = {page.page_id: read_text(page.text) for page in book.pages}
    for page in canon_pages(book, readings, 1, utc_now(), {}):
        (tmp_path / f"{page.page_id}.md").write_text(markdown_of(page), encoding="utf-8")

    assert read_book(tmp_path).pages == book.pages


@pytest.mark.parametrize(
    ("markdown", "why"),
    [
        ("", "no frontmatter"),
        ("just a text", "no frontmatter"),
        ("---\npage_id: S01-P0001\n", "no frontmatter"),
        ("---\n- a\n- b\n---\n", "not a mapping"),
        ("---\na: [\n---\n", "not plain YAML"),
        ("---\na: &a [x]\nb: [*a, *a]\n---\n", "alias"),
        ("---\na: !!python/object/apply:os.system ['true']\n---\n", "not plain YAML"),
        ("---\n" + "[" * 5_000 + "\n---\n", "not plain YAML"),
        ("---\npage_id: S01-P0001\n---\ntext", "symbol_code: Field required"),
        ("---\ntext: a\n---\nb", "one of them"),
    ],
    ids=range(10),
)
def test_malformed_page_is_refused(markdown: str, why: str):
    """A file that is not a page is refused with the reason."""
    with pytest.raises(InvalidInput, match=why):
        page_of(markdown)


@pytest.mark.parametrize("field", ["symbol_code", "trajectory", "created_at", "edges", "section"])
def test_invalid_field_is_named(field: str):
    """The error for an invalid field names the field."""
    markdown = markdown_of(factories.generated_page())
    parts = frontmatter.split(markdown)
    assert parts is not None
    values = yaml.safe_load(parts[0]) | {field: "no such thing"}

    with pytest.raises(InvalidInput, match=field):
        page_of(frontmatter.write(values, parts[1]))
