"""The offline writer's pages pass the checks, for any input."""

from __future__ import annotations

import subprocess
import sys

import dspy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qdpi.language.completion import complete
from qdpi.language.offline import OfflineWriter, compose
from qdpi.measures.checks import Thresholds, check_copy, check_form
from qdpi.search.ngrams import CanonGrams
from qdpi.symbols import TRAJECTORY_SENTENCES, Trajectory

LOCUS = """The keeper of the glass tower climbed the iron stair every evening with his oil and the brass key.
Below him the harbour went on with its small business: a cart, a dog, the cry of the fishwives. He had
forgotten the name of the town, but not the smell of the tar, and of the three windows the middle one had
never been opened by anyone. When the storm came he read to the lamp from a ledger of the drowned."""

WORDS = st.sampled_from(LOCUS.split()) | st.text(max_size=12)
PROMPTS = st.lists(WORDS, max_size=200).map(" ".join)
# The share of known pairs of words belongs to a book; no book is read here.
BOUNDS = Thresholds(min_known_bigrams=0.0)


def page(given: str, asked: str = "") -> str:
    return "".join(compose(asked + given, given))


def faults(text: str, *shown: str) -> tuple[str, ...]:
    grams = CanonGrams.build([*shown, "nothing else"])
    return check_form(text, BOUNDS, grams).reasons + check_copy(text, BOUNDS, grams).reasons


@settings(deadline=None)
@given(PROMPTS)
def test_pages_pass_the_checks(prompt: str) -> None:
    text = page(prompt)
    assert faults(text, prompt) == ()
    assert 90 <= len(text.split()) <= 160


@settings(deadline=None)
@given(st.integers())
def test_pages_without_matter_pass_the_checks(seed: int) -> None:
    assert faults(page("", str(seed))) == ()


@settings(deadline=None)
@example(2494)
@given(st.integers(min_value=0, max_value=10_000))
def test_pages_copy_little_of_earlier_pages(seed: int) -> None:
    first = page(LOCUS, str(seed))
    second = page(first, str(seed))
    assert faults(second, first) == ()


@pytest.mark.process
def test_same_prompt_gives_the_same_page() -> None:
    """Also in another process."""
    code = "import sys; from qdpi.language.offline import compose; print(*compose('a', 'b'), sep='')"
    env = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"}
    other = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == "".join(compose("a", "b"))


def test_different_prompts_give_different_pages() -> None:
    pages = {page(LOCUS, f"symbol {code}") for code in range(256)}
    assert len(pages) == 256


def test_page_uses_the_nouns_of_its_locus() -> None:
    spoken = page(LOCUS)
    assert sum(noun in spoken for noun in ("glass tower", "iron stair", "harbour", "tar", "storm", "lamp")) >= 3


def test_field_headings_are_ignored() -> None:
    heading = "Locus (the marzipan of the ostrich):"
    assert "marzipan" not in page(f"{heading}\n{LOCUS}")


@pytest.mark.parametrize(
    ("trajectory", "words"),
    [
        ("T1", ("back", "old page", "circle", "beginning")),
        ("T2", ("two", "another", "different", "someone else")),
        ("T3", ("no way", "No one", "could have been", "any longer", "other side")),
    ],
)
def test_trajectory_decides_beginning_and_end(trajectory: str, words: tuple[str, ...]) -> None:
    sentences = page(f"{LOCUS}\n{TRAJECTORY_SENTENCES[Trajectory(trajectory)]}").replace("\n\n", " ").split(". ")
    plain = page(f"{LOCUS}\n{TRAJECTORY_SENTENCES[Trajectory.CONTINUE]}").replace("\n\n", " ").split(". ")
    edges = sentences[0] + sentences[-1]
    assert any(word in edges for word in words)
    assert edges != plain[0] + plain[-1]


async def test_stream_gives_a_sentence_at_a_time() -> None:
    writer, pieces = OfflineWriter(), []

    async def keep(piece: str) -> None:
        pieces.append(piece)

    predict = dspy.Predict("locus -> text")
    await writer.open()
    completion = await complete(writer, predict, {"locus": LOCUS}, on_text=keep, timeout=5)
    await writer.close()
    assert completion.text == "".join(pieces)
    assert len(pieces) > 4
    assert all(piece.endswith(".") for piece in pieces)
    assert (writer.name, writer.health(), await writer.check()) == ("offline", None, None)
    assert not writer.capabilities.plans
