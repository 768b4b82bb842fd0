"""Static word vectors: an embedder without network or GPU, and an index by cosine similarity."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import threading
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdpi.errors import InvalidInput, QdpiError
from qdpi.search.document import Document
from qdpi.search.ranking import Documents, Hit

Matrix = NDArray[np.float32]

_STORED = np.dtype("<f4")
_DECIMALS = 6
"""Decimal places of a cosine, so that equal texts tie in spite of rounding errors."""


class Embedder:
    """wordllama's pooled word vectors (256 dimensions), loaded on first use and safe to share between threads."""

    name = "wordllama/l2_supercat"
    dim = 256

    def __init__(self) -> None:
        self._model: Any = None
        self._loading = threading.Lock()

    @cached_property
    def version(self) -> str:
        """The installed version of the vectors: a vector is comparable with those of the same version."""
        return importlib.metadata.version("wordllama")

    @property
    def model(self) -> str:
        """The model's name and version, stored with each vector."""
        return f"{self.name}@{self.version}"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one vector for each text, shape [n, 256], of length 1, or all zero for a text without a word.

        Texts are embedded one by one, so that a vector depends on its text alone and a long text pads no
        other. Raises `QdpiError` where the installed package lacks its weights.
        """
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        model = self._loaded()
        # The tokenizer refuses lone surrogates.
        whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return unit_rows(np.asarray(model.embed(whole, batch_size=1), dtype=np.float32))

    def _loaded(self) -> Any:
        with self._loading:
            if self._model is None:
                self._model = _load_wordllama(self.dim)
            return self._model


def _load_wordllama(dim: int) -> Any:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    import wordllama

    # wordllama calls logging.basicConfig when imported; undo it, since the program configures logging.
    for added in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(added)
    root.setLevel(level)
    try:
        folder = Path(wordllama.__file__).parent
        return wordllama.WordLlama.load(cache_dir=folder, dim=dim, disable_download=True)
    except FileNotFoundError as missing:
        raise QdpiError(
            f"The word vectors are not in the installed wordllama package: {missing}",
            next_step="Install wordllama again at the locked version.",
        ) from missing


def unit_rows(matrix: NDArray[np.floating]) -> Matrix:
    """Return the rows at length 1 as float32; a row of zeros stays zero."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(matrix / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def to_bytes(vector: NDArray[np.floating]) -> bytes:
    """Return a vector as little-endian float32, 4 bytes a dimension."""
    return np.asarray(vector, dtype=_STORED).tobytes()


def from_bytes(stored: bytes, dim: int) -> Matrix:
    """Return a stored vector, shape [dim]. Raises `InvalidInput` where it has another length."""
    if len(stored) != dim * _STORED.itemsize:
        raise InvalidInput(f"A stored vector has {len(stored)} bytes; {dim} dimensions take {4 * dim}.")
    return np.frombuffer(stored, dtype=_STORED).astype(np.float32)


def _cosines(units: Matrix, vector: NDArray[np.floating]) -> Matrix:
    cosines: Matrix = units @ unit_rows(vector[np.newaxis])[0]
    return np.round(cosines, _DECIMALS)


class SemanticIndex(Documents):
    """Documents by the cosine of their vectors. Read-only once built, so any thread may search it."""

    def __init__(self, documents: Sequence[Document], matrix: Matrix, embedder: Embedder) -> None:
        """Take stored vectors: row i of `matrix` (shape [n, embedder.dim]) belongs to document i.

        Raises `InvalidInput` where the shape does not fit, and as `Documents` does.
        """
        if matrix.shape != (len(documents), embedder.dim):
            raise InvalidInput(
                f"{len(documents)} documents need a matrix of {(len(documents), embedder.dim)}, not {matrix.shape}."
            )
        # In one order, so that the same documents always give bit for bit the same sums.
        rows = sorted(range(len(documents)), key=lambda row: documents[row].page_id)
        super().__init__([documents[row] for row in rows])
        self._units = unit_rows(matrix)[rows]
        self._embedder = embedder

    @classmethod
    def build(cls, documents: Sequence[Document], embedder: Embedder) -> SemanticIndex:
        """Embed the texts of documents and index them."""
        return cls(documents, embedder.embed([document.text for document in documents]), embedder)

    def search(self, query: str, k: int, *, sections: Collection[int] | None = None) -> list[Hit]:
        """Return the documents nearest to the query; a score is the cosine, above 0. See `Retriever.search`."""
        cosines = _cosines(self._units, self._embedder.embed([query])[0])
        return self.best(cosines, k, "semantic", sections)
