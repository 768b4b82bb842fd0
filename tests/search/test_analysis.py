"""Readings of pages: summary, hooks, entities, motifs, anchors and scores."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.search.own_pages import LEDGER, LIGHTHOUSE, ORCHARD, OWN_PAGES

from qdpi.errors import InvalidInput
from qdpi.page_schema import Reading
from qdpi.search.analysis import EXTRACTOR_VERSION, read_text
from qdpi.search.text import FUNCTION_WORDS, sentences

ANY_WORD = [*LIGHTHOUSE.split(), "Dr.", "—", "שלום", "世界", "🙂", "\ud800"]
ANY_PAGE = st.one_of(
    st.text(max_size=400),
    st.text(alphabet=".?!…'\"”’ \nAaé-", max_size=300),
    st.lists(st.sampled_from([*LIGHTHOUSE.split(), "Dr.", "—", "שלום", "世界", "🙂", "\ud800"]), max_size=120).map(
        " ".join
    ),
)
LONG = {
    "one word": "a" * 100_000,
    "one character": "?" * 100_000,
    "quotes, then stops": '"' * 50_000 + "." * 50_000,
    "blank lines": "\n \n" * 33_000,
    "names": "Ab of Cd-" * 11_000,
    "emoji": "🙂" * 100_000,
    "right to left": "שלום עולם? " * 9_000,
}


def assert_in_range(reading: Reading, text: str) -> None:
    assert len(reading.summary) <= 300
    assert len(reading.hooks) <= 3
    assert len(reading.entities) <= 12
    assert len(reading.motifs) <= 12
    assert len(reading.anchors) <= 4
    assert set(reading.scores) == {"novelty", "coherence"}
    assert all(0 <= score <= 1 for score in reading.scores.values())
    assert not FUNCTION_WORDS.intersection(reading.motifs)
    flat = " ".join(text.split())
    assert all(name in flat for name in reading.entities)
    assert all(sentence.rstrip("…")[:200] in flat for sentence in (*reading.hooks, *reading.anchors))


@given(ANY_PAGE)
@settings(deadline=None)
def test_reading_of_any_text_is_deterministic_and_bounded(text: str) -> None:
    """The reading of any text is deterministic and within bounds."""
    reading = read_text(text)
    assert reading == read_text(text)
    assert_in_range(reading, text)


@pytest.mark.parametrize("name", LONG)
def test_reading_of_100_000_characters(name: str) -> None:
    """A hundred thousand characters are read."""
    assert_in_range(read_text(LONG[name]), LONG[name])


@given(ANY_PAGE)
@settings(deadline=None)
def test_reading_survives_json(text: str) -> None:
    """A reading is unchanged after a round trip through JSON."""
    reading = read_text(text)
    assert Reading.from_dict(json.loads(json.dumps(reading.as_dict()))) == reading


@pytest.mark.parametrize(
    "change",
    [{"summary": 3}, {"hooks": "one"}, {"anchors": [1]}, {"scores": {"novelty": "high"}}, {"extra": 1}],
    ids=str,
)
def test_stored_reading_of_wrong_type_is_refused(change: dict[str, object]) -> None:
    """A stored row with a field of a wrong type is refused."""
    with pytest.raises(InvalidInput):
        Reading.from_dict(read_text(LIGHTHOUSE).as_dict() | change)


def test_stored_reading_without_a_field_is_refused() -> None:
    """A stored row that lacks a field is refused, and the field is named."""
    stored = read_text(LIGHTHOUSE).as_dict()
    del stored["motifs"]
    with pytest.raises(InvalidInput, match="motifs"):
        Reading.from_dict(stored)


def test_extractor_version_is_kept() -> None:
    """A reading has the version of its extractor, and keeps the version it was stored with."""
    assert read_text("").version == EXTRACTOR_VERSION
    assert Reading.from_dict(read_text("").as_dict() | {"version": "text/0"}).version == "text/0"


def test_reading_of_empty_page_is_empty() -> None:
    """The reading of an empty page is empty."""
    assert read_text(" \n ") == Reading("", (), (), (), (), {"novelty": 0.0, "coherence": 0.0}, EXTRACTOR_VERSION)


@pytest.mark.parametrize("page", OWN_PAGES, ids=["lighthouse", "orchard", "ledger"])
def test_summary_is_whole_sentences_in_order(page: str) -> None:
    """A summary is whole sentences of the page in their order."""
    summary = read_text(page).summary
    whole = sentences(page)
    assert summary
    rest = summary
    for sentence in whole:
        rest = rest.removeprefix(sentence).lstrip()
    assert rest == ""


def test_summary_of_one_long_sentence_is_its_beginning() -> None:
    """The summary of one very long sentence is its beginning."""
    summary = read_text("the river carried lamps " * 60).summary
    assert summary.endswith("…")
    assert summary.startswith("the river carried lamps")


def test_hooks_are_last_sentence_and_open_question() -> None:
    """The last sentence and the open question are hooks."""
    hooks = read_text(LIGHTHOUSE).hooks
    assert hooks[0] == "Where does a light go when nobody is looking for it?"
    assert read_text(ORCHARD).hooks[0].endswith("she went in to light the stove.")
    assert "Who opened it?" in read_text("Who opened it? The gate stood there. Rain fell on the hill.").hooks


def test_entities_exclude_sentence_beginnings() -> None:
    """Names are found and beginnings of sentences are not."""
    assert {"Adair", "Port Ellory"} <= {name.removeprefix("Mrs. ") for name in read_text(LIGHTHOUSE).entities}
    assert {"Hollin Mill"} <= set(read_text(ORCHARD).entities)
    entities = read_text(LEDGER).entities
    assert "Inspector Vale" in entities
    assert not {"The", "Each", "At", "It", "Since", "His", "He"} & set(entities)


def test_entity_needs_a_capital_inside_a_sentence() -> None:
    """A word that only opens sentences is not a name until it is inside one."""
    assert read_text("Lanterns burned. Lanterns went out.").entities == ()
    assert read_text("Marguerite waited. We called Marguerite again.").entities == ("Marguerite",)


def test_heading_in_capitals_has_no_entities() -> None:
    """A heading in capitals has no entities."""
    assert read_text("THE LAST DAY OF THE LONG FAIR\n\nnobody came.").entities == ()


def test_motifs_are_repeated_words_without_names() -> None:
    """Motifs are words that a page repeats, without names."""
    motifs = read_text("We built a kite. The kite tore. Tobias mended the kites, and we thanked Tobias.").motifs
    assert motifs[0] == "kite"
    assert "tobia" not in motifs
    assert "tobias" not in motifs
    assert read_text("The violin and the harbour.").motifs == ("harbour", "violin")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Who is there? The rain went on.", ("Who is there?",)),
        ("Is it late? Yes, it is late.", ()),
        ("Who built the tower? Masons built the tower for a king.", ()),
        ("Who? What? When?", ("Who?", "What?", "When?")),
        ("Why?! Nothing stirred.", ("Why?!",)),
        ('"Why?" he asked. Nothing stirred.', ()),
        ("A? B? C? D? E? F?", ("C?", "D?", "E?", "F?")),
        ("Who? Who? Who?", ("Who?",)),
    ],
)
def test_anchors_are_unanswered_questions(text: str, left: tuple[str, ...]) -> None:
    """Questions that the page does not answer are its anchors."""
    assert read_text(text).anchors == left


def test_question_answered_with_yes_is_not_an_anchor() -> None:
    """The question answered with yes is not an anchor of the page."""
    assert "Was anybody else staying?" not in read_text(LIGHTHOUSE).anchors


def test_repetition_lowers_novelty_and_raises_coherence() -> None:
    """A page that repeats itself is less novel and more coherent."""
    loop = read_text("The lamp burned in the tower. " * 20).scores
    page = read_text(LEDGER).scores
    assert loop["novelty"] < page["novelty"]
    assert loop["coherence"] > page["coherence"]
    assert loop["coherence"] == pytest.approx(1)


def test_novelty_does_not_depend_on_length() -> None:
    """Novelty does not fall with length alone."""
    short, long = " ".join(f"w{n}" for n in range(60)), " ".join(f"w{n}" for n in range(6_000))
    assert read_text(short).scores["novelty"] == read_text(long).scores["novelty"] == 1


def test_sentence_continues_after_titles_initials_and_speech() -> None:
    """Titles, initials and speech do not end a sentence."""
    assert len(sentences("Dr. Hale met J. Ward. They spoke.")) == 2
    assert len(sentences("“Why?” she asked. “No.” He left… and came back.")) == 3
