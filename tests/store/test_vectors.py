"""The ranking of stored vectors by cosine similarity."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qdpi.search.vectors import to_bytes
from qdpi.store.rows import Embedding
from qdpi.store.vectors import rank_embeddings

VECTORS = st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), max_size=12)
WANTED = np.array([1, 2, -1], dtype=np.float32)


def embedding(page_id: str, vector: list[float], model: str = "m") -> Embedding:
    stored = to_bytes(np.array(vector))
    return Embedding(page_id=page_id, revision=1, model=model, dim=len(vector), embedding=stored)


@given(VECTORS)
def test_rank_embeddings_by_cosine_ignores_length(rows: list[list[float]]) -> None:
    """The nearest pages are those of the highest cosine, whatever the lengths of the vectors; ties go by id."""
    names = [f"p{n % 5}-{n}" for n in range(len(rows))]
    nearest = rank_embeddings(to_bytes(WANTED), "m", map(embedding, names, rows))
    matrix = np.array(rows, dtype=np.float32).reshape(-1, 3)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(WANTED)
    cosines = np.round(np.divide(matrix @ WANTED, lengths, out=np.zeros(len(rows)), where=lengths > 0), 5) + 0.0
    assert [name for name, _ in nearest] == sorted(names, key=lambda name: (-cosines[names.index(name)], name))
    assert all(abs(cosine - cosines[names.index(name)]) < 1e-4 for name, cosine in nearest)
    longer = [embedding(name, [7 * value for value in row]) for name, row in zip(names, rows, strict=True)]
    assert rank_embeddings(to_bytes(WANTED * 0.5), "m", longer) == nearest


def test_rank_embeddings_ignores_other_models_and_dimensions() -> None:
    others = [embedding("a", [1, 2, -1], model="other"), embedding("b", [1, 2])]
    assert rank_embeddings(to_bytes(WANTED), "m", others) == []
