"""Snippets: the passage of a page, and the words marked in it."""

from __future__ import annotations

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.search.query import read_query
from qdpi.search.snippets import WIDTH, Snippet, snippet


def marked(text: str, q: str) -> list[str]:
    shown = snippet(text, read_query(q))
    return [shown.text[start:end] for start, end in shown.marks]


def test_snippet_marks_words_as_written():
    """Hits are marked in the spelling of the text."""
    assert marked("The Doors of the captain’s house; a door.", "door captain") == ["Doors", "captain’s", "door"]
    assert marked("Red door, red wall, red door.", '"red door"') == ["Red door", "red door"]
    assert marked("Red door, a red key.", '"red door" key') == ["Red door", "key"]
    assert marked("A red red door", "red door") == ["red red door"]
    assert marked("Nothing here.", "door") == []


def test_snippet_of_long_text_has_most_matches():
    """The snippet of a long text is where most of the query's words are."""
    text = "red " + "word " * 200 + "the red door with a key " + "word " * 200 + "door"
    shown = snippet(text, read_query("red door key"))
    assert shown.text.startswith("…")
    assert shown.text.endswith("…")
    assert [shown.text[a:b] for a, b in shown.marks] == ["red door", "key"]
    assert len(shown.text) <= WIDTH + 2


def test_snippet_of_short_text_is_whole():
    """A short text is shown whole."""
    assert snippet("“A door.” (Fin)", read_query("door")) == Snippet("“A door.” (Fin)", ((3, 7),))


def test_snippet_without_words_is_the_beginning():
    """The snippet for a query of everything is the beginning of the text."""
    shown = snippet("word " * 200, read_query("*"))
    assert shown.text.startswith("word")
    assert shown.text.endswith("…")
    assert shown.marks == ()


def test_snippet_html_is_escaped():
    """HTML is escaped, and marks are the only tags."""
    shown = snippet("<script>alert('door')</script> & \"door\"", read_query("door"))
    assert shown.html == (
        "&lt;script&gt;alert(&#x27;<mark>door</mark>&#x27;)&lt;/script&gt; &amp; &quot;<mark>door</mark>&quot;"
    )


@pytest.mark.parametrize("text", ["", " ", "...", "🜏 🜏"])
def test_snippet_of_text_without_words_is_unchanged(text: str):
    """A text without words is shown as it is."""
    assert snippet(text, read_query("door")) == Snippet(text, ())


@given(st.text(alphabet="dor DORé.<&\"'’\n🜏", max_size=900), st.sampled_from(["door", '"d o"', "*", "r d", "o"]))
def test_snippet_is_a_substring_with_sorted_marks(text: str, q: str):
    """A snippet is a piece of its text whose marks are in order."""
    shown = snippet(text, read_query(q))
    bare = shown.text.removeprefix("…").removesuffix("…")
    assert bare in text
    assert unescape(shown.html.replace("<mark>", "").replace("</mark>", "")) == shown.text
    assert shown.html.count("<") == 2 * len(shown.marks)
    edges = [edge for mark in shown.marks for edge in mark]
    assert edges == sorted(edges)
    assert all(0 <= a < b <= len(shown.text) for a, b in shown.marks)
