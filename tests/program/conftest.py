import numpy as np
import pytest

from qdpi.canon import own_book
from qdpi.canon.edition import Edition
from qdpi.canon.revision import assemble_edition, documents_of, edition_of
from qdpi.search.vectors import Embedder, SemanticIndex


@pytest.fixture(scope="session")
def edition() -> Edition:
    return edition_of(own_book())


@pytest.fixture(scope="session")
def semantic(edition: Edition) -> Edition:
    """The same edition with vectors beside words."""
    pages, embedder = list(edition.pages.values()), Embedder()
    vectors = np.asarray(embedder.embed([page.text for page in pages]))
    return assemble_edition(
        edition.revision, pages, edition.readings, SemanticIndex(documents_of(pages), vectors, embedder)
    )
