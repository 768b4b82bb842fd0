"""Vectors in memory, by model: what `nearest` is computed on. Reads only what has changed since."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DECIMALS: Final = 6
"""Similarities are rounded to these, so that equal vectors tie wherever they stand in the matrix."""


class Vectors:
    """The vectors of one model as rows of unit length, kept up to date with `page_embeddings`.

    Used from several threads, each with a snapshot of its own: the newest one seen stands.
    """

    def __init__(self, model: str, dim: int) -> None:
        import numpy as np  # takes 0.1 s: loaded by who searches, not by every command

        self._model = model
        self._lock = threading.Lock()
        self._change = 0
        self._page_ids: list[str] = []
        self._places: dict[str, int] = {}
        self._left: list[int] = []
        self._matrix: NDArray[np.float32] = np.zeros((64, dim), dtype=np.float32)

    def nearest(self, connection: sqlite3.Connection, vector: bytes, k: int) -> list[tuple[str, float]]:
        """Return the `k` nearest pages by cosine, the nearest first, equals by page id."""
        import numpy as np

        with self._lock:
            self._catch_up(connection)
            size = len(self._page_ids)
            query = _unit(np.frombuffer(vector, dtype="<f4"))
            similarities = np.round((self._matrix[:size] @ query).astype(np.float64), _DECIMALS)
            similarities[self._left] = -np.inf
            wanted = min(k, len(self._places))
            if wanted <= 0:
                return []
            least = np.partition(similarities, size - wanted)[size - wanted]
            candidates = np.flatnonzero(similarities >= least)
            found = [(self._page_ids[place], float(similarities[place])) for place in candidates]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:wanted]

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        changed = connection.execute(
            "SELECT change, page_id, model, embedding FROM page_embeddings WHERE change > ? ORDER BY change",
            (self._change,),
        )
        for change, page_id, model, embedding in changed:
            self._change = change
            if model == self._model and len(embedding) == self._matrix.shape[1] * 4:
                self._set(page_id, embedding)
            elif page_id in self._places:
                self._left.append(self._places.pop(page_id))

    def _set(self, page_id: str, embedding: bytes) -> None:
        import numpy as np

        place = self._places.setdefault(page_id, len(self._page_ids))
        if place == len(self._page_ids):
            self._page_ids.append(page_id)
        if place == len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix)))
        self._matrix[place] = _unit(np.frombuffer(embedding, dtype="<f4"))


def _unit(vector: NDArray[np.float32]) -> Any:
    """Return a vector at unit length; a vector of zeros stays, and is like nothing."""
    length = float((vector.astype("f8") ** 2).sum()) ** 0.5
    return (vector / length).astype("f4") if length else vector
