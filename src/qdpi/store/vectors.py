"""Cosine similarity of stored vectors. Pure.

numpy takes 0.1 s to import, so it is imported by the functions that compute: commands that never search do not pay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from qdpi.store.rows import Embedding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DECIMALS: Final = 6
"""Similarities are rounded to these, so that equal vectors tie whatever order the sums were made in."""

Scored = tuple[str, float]
"""A page id with its similarity."""


def unit(vector: bytes) -> Any:
    """Return a stored vector (little-endian float32) at unit length; a vector of zeros stays as it is."""
    import numpy as np

    values = np.frombuffer(vector, dtype="<f4")
    length = float((values.astype("f8") ** 2).sum()) ** 0.5
    return (values / length).astype("f4") if length else values


def cosines(matrix: NDArray[np.float32], vector: bytes) -> NDArray[np.float64]:
    """Return the rounded similarities of a matrix's rows, of unit length, with a stored vector."""
    import numpy as np

    similarities: NDArray[np.float64] = np.round((matrix @ unit(vector)).astype(np.float64), DECIMALS)
    return similarities


def rank(scored: Iterable[Scored]) -> list[Scored]:
    """Return scored pages with the nearest first, equals by page id."""
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))


def rank_embeddings(vector: bytes, model: str, embeddings: Iterable[Embedding]) -> list[Scored]:
    """Return the pages whose vectors are of `model` and of this vector's dimension, the nearest first."""
    import numpy as np

    fitting = [e for e in embeddings if e.model == model and len(e.embedding) == len(vector)]
    if not fitting:
        return []
    similarities = cosines(np.stack([unit(e.embedding) for e in fitting]), vector)
    return rank((e.page_id, float(cosine)) for e, cosine in zip(fitting, similarities, strict=True))
