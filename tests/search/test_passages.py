"""The passage of a page that is nearest to a question."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdpi.search.passages import nearest_passage

QUIET = "Rain fell on the roof and on the road, and nobody came out to look at it all day."
FERRY = "The ferry left without its bell. The keeper had sold the bell in spring."
PAGE = "\n\n".join((QUIET, QUIET.replace("Rain", "Snow"), FERRY, QUIET.replace("Rain", "Hail")))


def test_passage_begins_with_the_paragraph_that_is_nearest() -> None:
    assert nearest_passage(PAGE, "who sold the bell of the ferry?", 20) == FERRY


@pytest.mark.parametrize("question", ["", "elephants", "the and of"])
def test_first_passage_where_no_word_is_shared(question: str) -> None:
    assert nearest_passage(PAGE, question, 20) == QUIET


def test_long_paragraph_is_read_from_the_sentence_that_is_nearest() -> None:
    block = " ".join((QUIET, QUIET, FERRY, QUIET))
    assert nearest_passage(block, "the bell of the ferry", 16) == FERRY


def test_short_page_is_its_own_passage() -> None:
    assert nearest_passage(f"\n{FERRY}\n\n\n{QUIET} ", "the bell", 100) == f"{FERRY}\n\n{QUIET}"


@settings(max_examples=40)
@given(text=st.text(max_size=400), question=st.text(max_size=40), most=st.integers(1, 30))
def test_passage_is_part_of_its_page_and_no_longer_than_asked(text: str, question: str, most: int) -> None:
    passage = nearest_passage(text, question, most)
    assert len(passage.split()) <= most
    assert " ".join(passage.split()) in " ".join(text.split())


def test_long_page_takes_time_in_proportion() -> None:
    """A page of 14,000 words in one paragraph is read in less than the time of a model's first word."""
    began = time.process_time()
    nearest_passage(f"{FERRY} " * 1_000, "the bell of the ferry", 90)
    assert time.process_time() - began < 5
