"""Vectors as Cassandra's index takes them, and the nearest of some that were read. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from qdpi.store.rows import Embedding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSIONS: Final = 256
"""Of the vectors that the index takes: wordllama's. Others are searched in the process."""
_DECIMALS: Final = 6
"""Similarities are rounded to these, so that equal vectors tie."""

Scored = tuple[str, float]


def indexable(vector: bytes) -> list[float] | None:
    """Return a vector for the index; None where it takes none: another dimension, all zero, or not finite."""
    if len(vector) != 4 * DIMENSIONS:
        return None
    values = list(struct.unpack(f"<{DIMENSIONS}f", vector))
    return values if any(values) and all(map(math.isfinite, values)) else None


def ranked(vector: bytes, model: str, embeddings: Iterable[Embedding]) -> list[Scored]:
    """Return the pages whose vectors by `model` have this vector's dimension, by cosine, equals by page id."""
    import numpy as np  # takes 0.1 s: loaded by who searches, not by every command

    fitting = [e for e in embeddings if e.model == model and len(e.embedding) == len(vector)]
    if not fitting:
        return []
    rows = np.stack([_unit(np.frombuffer(e.embedding, dtype="<f4")) for e in fitting])
    cosines = np.round((rows @ _unit(np.frombuffer(vector, dtype="<f4"))).astype(np.float64), _DECIMALS)
    scored = [(e.page_id, float(cosine)) for e, cosine in zip(fitting, cosines, strict=True)]
    return best(scored)


def best(scored: Iterable[Scored]) -> list[Scored]:
    """Return scored pages in their order: the nearest first, equals by page id."""
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))


def _unit(vector: NDArray[np.float32]) -> Any:
    """Return a vector at unit length; a vector of zeros stays, and is like nothing."""
    length = float((vector.astype("f8") ** 2).sum()) ** 0.5
    return (vector / length).astype("f4") if length else vector
