"""A model's vectors in memory, kept up to date with `page_embeddings` by reading only the changed rows."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

from qdpi.store.vectors import Scored, cosines, rank, unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VectorCache:
    """The vectors of one model and dimension as rows of unit length.

    Used from several threads, each with a snapshot of its own; the newest snapshot seen wins.
    """

    def __init__(self, model: str, dim: int) -> None:
        import numpy as np  # takes 0.1 s: only for searches, not for every command

        self._model = model
        self._lock = threading.Lock()
        self._last_change = 0
        self._page_ids: list[str] = []
        self._places: dict[str, int] = {}
        self._dropped: list[int] = []
        self._matrix: NDArray[np.float32] = np.zeros((64, dim), dtype=np.float32)

    def nearest(self, connection: sqlite3.Connection, vector: bytes, k: int) -> list[Scored]:
        """Return the `k` nearest pages by cosine, the nearest first, equals by page id."""
        import numpy as np

        with self._lock:
            self._catch_up(connection)
            size = len(self._page_ids)
            similarities = cosines(self._matrix[:size], vector)
            similarities[self._dropped] = -np.inf
            wanted = min(k, len(self._places))
            if wanted <= 0:
                return []
            least = np.partition(similarities, size - wanted)[size - wanted]
            candidates = np.flatnonzero(similarities >= least)
            found = [(self._page_ids[place], float(similarities[place])) for place in candidates]
        return rank(found)[:wanted]

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        changed = connection.execute(
            "SELECT change, page_id, model, embedding FROM page_embeddings WHERE change > ? ORDER BY change",
            (self._last_change,),
        )
        for change, page_id, model, embedding in changed:
            self._last_change = change
            if model == self._model and len(embedding) == self._matrix.shape[1] * 4:
                self._set(page_id, embedding)
            elif page_id in self._places:
                self._dropped.append(self._places.pop(page_id))

    def _set(self, page_id: str, embedding: bytes) -> None:
        import numpy as np

        place = self._places.setdefault(page_id, len(self._page_ids))
        if place == len(self._page_ids):
            self._page_ids.append(page_id)
        if place == len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix)))
        self._matrix[place] = unit(embedding)
