"""An edition: one revision of the canon in memory, with the data that a run reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qdpi.canon.sections import SectionTitle
from qdpi.canon.voice_cards import VoiceCards
from qdpi.canon.voice_words import VoiceWords
from qdpi.measures.measures import Measures
from qdpi.page_schema import Page, Reading, Voice
from qdpi.policy.ring import Ring
from qdpi.search.index import InvertedIndex
from qdpi.search.ranking import HybridRetriever
from qdpi.store.rows import CanonRevision


@dataclass(frozen=True, slots=True)
class Edition:
    """A canon revision with its ring, pages, voices, section titles, readings by id, index, retriever, measures."""

    revision: CanonRevision
    ring: Ring
    pages: Mapping[str, Page]
    voices: Mapping[int, Voice]
    cards: VoiceCards
    voice_words: VoiceWords
    section_titles: Mapping[int, SectionTitle]
    readings: Mapping[str, Reading]
    index: InvertedIndex
    retriever: HybridRetriever
    measures: Measures
