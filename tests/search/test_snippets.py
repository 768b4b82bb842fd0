"""Snippets: what is shown of a page, and which words of it are marked."""

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


def test_the_hits_are_marked_as_they_are_written():
    assert marked("The Doors of the captain’s house; a door.", "door captain") == ["Doors", "captain’s", "door"]
    assert marked("Red door, red wall, red door.", '"red door"') == ["Red door", "red door"]
    assert marked("Red door, a red key.", '"red door" key') == ["Red door", "key"]
    assert marked("A red red door", "red door") == ["red red door"]
    assert marked("Nothing here.", "door") == []


def test_a_long_text_is_shown_where_most_of_what_was_asked_for_stands():
    text = "red " + "word " * 200 + "the red door with a key " + "word " * 200 + "door"
    shown = snippet(text, read_query("red door key"))
    assert shown.text.startswith("…")
    assert shown.text.endswith("…")
    assert [shown.text[a:b] for a, b in shown.marks] == ["red door", "key"]
    assert len(shown.text) <= WIDTH + 2


def test_a_short_text_is_shown_whole():
    assert snippet("“A door.” (Fin)", read_query("door")) == Snippet("“A door.” (Fin)", ((3, 7),))


def test_without_anything_in_particular_it_is_the_beginning():
    shown = snippet("word " * 200, read_query("*"))
    assert shown.text.startswith("word")
    assert shown.text.endswith("…")
    assert shown.marks == ()


def test_html_is_escaped_and_marks_are_the_only_tags():
    shown = snippet("<script>alert('door')</script> & \"door\"", read_query("door"))
    assert shown.html == (
        "&lt;script&gt;alert(&#x27;<mark>door</mark>&#x27;)&lt;/script&gt; &amp; &quot;<mark>door</mark>&quot;"
    )


@pytest.mark.parametrize("text", ["", " ", "...", "🜏 🜏"])
def test_a_text_without_words_is_shown_as_it_is(text: str):
    assert snippet(text, read_query("door")) == Snippet(text, ())


@given(st.text(alphabet="dor DORé.<&\"'’\n🜏", max_size=900), st.sampled_from(["door", '"d o"', "*", "r d", "o"]))
def test_a_snippet_is_a_piece_of_its_text_whose_marks_stand_in_order(text: str, q: str):
    shown = snippet(text, read_query(q))
    bare = shown.text.removeprefix("…").removesuffix("…")
    assert bare in text
    assert unescape(shown.html.replace("<mark>", "").replace("</mark>", "")) == shown.text
    assert shown.html.count("<") == 2 * len(shown.marks)
    edges = [edge for mark in shown.marks for edge in mark]
    assert edges == sorted(edges)
    assert all(0 <= a < b <= len(shown.text) for a, b in shown.marks)
