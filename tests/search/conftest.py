"""Passages to read, check and find: this project's own, and the author's canon if it is present."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.search.own_pages import OWN_PAGES, document

from qdpi.search.document import Document

CANON = Path(os.environ.get("QDPI_CANON") or Path(__file__).parents[3] / "shared" / "canon")
CORPUS = CANON / "gibsey-canon" / "corpus"
SECTION_SIZES = (8, 16, 179, 32, 72, 47, 26, 5, 26, 21, 55, 13, 64, 77, 36, 33)


@pytest.fixture
def own_documents() -> list[Document]:
    names = ("S01-P0001", "S02-P0002", "S03-P0003")
    return [
        document(name, text, section=at, order=at)
        for at, (name, text) in enumerate(zip(names, OWN_PAGES, strict=True), 1)
    ]


@pytest.fixture(scope="session")
def canon_documents() -> list[Document]:
    if not CORPUS.is_dir():
        pytest.skip("the author's canon is not here: set QDPI_CANON to its folder")
    listed = json.loads((CORPUS / "metadata" / "pages.json").read_text(encoding="utf-8"))
    texts = [(CORPUS / "pages" / page["filename"]).read_text(encoding="utf-8") for page in listed]
    sections = [section for section, size in enumerate(SECTION_SIZES, 1) for _ in range(size)]
    return [
        document(f"S{section:02}-P{number:04}", text, section=section, order=number)
        for number, (section, text) in enumerate(zip(sections, texts, strict=True), 1)
    ]
