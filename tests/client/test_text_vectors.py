"""The shipped vectors of texts: all that put a text together agree with them, and they cover every case."""

from __future__ import annotations

import json
from html import escape, unescape
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from tests.client import regenerate_text_vectors as regenerate
from tests.support.gateway import delta

from qdpi.api.texts import RunText, marked_pieces
from qdpi.client.stream import Deduplicator
from qdpi.events import PageDelta
from qdpi.gateway.streams.texts_in_flight import TextsInFlight
from qdpi.search.snippets import Snippet
from qdpi.terminal.printable import printable
from qdpi.terminal.reader import ActiveRun
from qdpi.terminal.render import marked

SHIPPED: dict[str, Any] = json.loads((files("qdpi") / "text_vectors.json").read_text(encoding="utf-8"))
TEXTS, PASSAGES = SHIPPED["texts"], SHIPPED["passages"]


def named(vector: dict[str, Any]) -> str:
    name: str = vector["name"]
    return name


def event(step: dict[str, Any]) -> PageDelta:
    given_delta = step["delta"]
    return delta("reader", "press", given_delta["text"], given_delta["offset"], attempt=given_delta["attempt"])


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_vectors_are_current():
    """The shipped file is what the program writes now."""
    assert regenerate.VECTORS.read_text(encoding="utf-8") == regenerate.text()


@pytest.mark.parametrize("vector", TEXTS, ids=named)
def test_texts_by_a_second_implementation(vector: dict[str, Any]):
    """Lists of code points, as a page in a browser would keep them, give what the vectors say."""
    attempt, points, end = 0, list[str](), 0
    for step in vector["steps"]:
        piece, offset = list(step["delta"]["text"]), step["delta"]["offset"]
        restarted = step["delta"]["attempt"] > attempt
        if restarted:
            attempt, points, end = step["delta"]["attempt"], [], 0
        if step["delta"]["attempt"] == attempt:
            end = max(end, offset + len(piece))
            fits = offset <= len(points)
            points += piece[len(points) - offset :] if fits else []
        shown = {"attempt": attempt, "text": "".join(points), "restarted": restarted, "whole": len(points) == end}
        assert step["shown"] == shown


@pytest.mark.parametrize("vector", TEXTS, ids=named)
def test_reader_in_the_terminal_shows_the_vectors(vector: dict[str, Any]):
    run = ActiveRun("press")
    for step in vector["steps"]:
        assert run.take(event(step)) == step["shown"]["restarted"]
        assert (run.so_far.attempt, run.text) == (step["shown"]["attempt"], step["shown"]["text"])
        assert run.so_far.whole == step["shown"]["whole"]


@pytest.mark.parametrize("vector", TEXTS, ids=named)
def test_client_passes_on_what_gives_the_same_texts(vector: dict[str, Any]):
    """The client drops what repeats; what is left gives the same text, step by step."""
    client, shown = Deduplicator(), RunText()
    lost = False
    for step in vector["steps"]:
        new = client.new_part(event(step))
        if isinstance(new, PageDelta):
            shown.take(new.attempt, new.offset, new.text)
        lost = lost or not step["shown"]["whole"]
        assert lost or shown.text == step["shown"]["text"]


@pytest.mark.parametrize("vector", TEXTS, ids=named)
def test_gateway_keeps_the_same_texts_for_who_joins(vector: dict[str, Any]):
    """Whoever joins gets the text so far in one delta, which the next one continues."""
    kept = TextsInFlight()
    for step in vector["steps"]:
        kept.take(event(step))
        joined = RunText()
        so_far = kept.text(event(step).request_id)
        if so_far is not None:
            joined.take(so_far.attempt, so_far.offset, so_far.text)
        assert step["shown"]["text"].startswith(joined.text)


@pytest.mark.parametrize("vector", PASSAGES, ids=named)
def test_passages_are_cut_at_their_marks(vector: dict[str, Any]):
    """In pieces, in HTML, and in the terminal."""
    text, marks = vector["text"], [tuple(mark) for mark in vector["marks"]]
    assert [[*piece] for piece in marked_pieces(text, marks)] == vector["pieces"]
    assert "".join(piece for piece, _ in vector["pieces"]) == text
    assert Snippet(text, tuple(marks)).html == vector["html"]
    html = "".join(f"<mark>{escape(piece)}</mark>" if hit else escape(piece) for piece, hit in vector["pieces"])
    assert html == vector["html"]
    assert unescape(vector["html"].replace("<mark>", "").replace("</mark>", "")) == text
    shown: Text = marked(text, marks)
    assert shown.plain == printable("".join(f"[{piece}]" if hit else piece for piece, hit in vector["pieces"]))


def test_vectors_cover_every_case():
    """Letters beyond UTF-16, gaps, repeats, new and late attempts, marks after such letters."""
    steps = [step for vector in TEXTS for step in vector["steps"]]
    assert any(step["delta"]["offset"] != utf16(before) for step, before in offsets())
    assert {step["shown"]["restarted"] for step in steps} == {step["shown"]["whole"] for step in steps} == {True, False}
    assert any(step["delta"]["attempt"] < step["shown"]["attempt"] for step in steps)
    assert any(not a["shown"]["whole"] and b["shown"]["whole"] for v in TEXTS for a, b in pairs(v["steps"]))
    assert any(utf16(v["text"][: v["marks"][0][0]]) != v["marks"][0][0] for v in PASSAGES if v["marks"])
    assert any(not vector["marks"] for vector in PASSAGES)


def pairs(steps: list[Any]) -> list[tuple[Any, Any]]:
    return list(pairwise(steps))


def offsets() -> list[tuple[dict[str, Any], str]]:
    """Return the deltas that continue a text, each with the text before it."""
    return [
        (b, a["shown"]["text"])
        for v in TEXTS
        for a, b in pairs(v["steps"])
        if b["delta"]["offset"] == len(a["shown"]["text"]) and not b["shown"]["restarted"]
    ]


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_any_text_in_any_pieces_is_put_together(text: str, cuts: list[int]):
    """However a text is cut, and if every piece comes twice."""
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    shown = RunText()
    for start, end in pairwise(places):
        for _ in range(2):
            shown.take(1, start, text[start:end])
    assert (shown.text, shown.whole) == (text, True)
