"""Static word vectors: an embedder that needs no network and no GPU, and an index by cosine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import threading
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdpi.errors import InvalidInput, QdpiError
from qdpi.search.catalogue import Catalogue, Hit, Passage, Scores, top_k

Matrix = NDArray[np.float32]

_STORED = np.dtype("<f4")
_DECIMALS = 6
"""Cosines are rounded here, so that equal texts tie whatever order the sums were made in."""


class Embedder:
    """wordllama's pooled word vectors (256 dimensions), loaded on first use and safe to share."""

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
        """The name that a stored vector bears: the model's and its version."""
        return f"{self.name}@{self.version}"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One vector a text, shape [n, 256], of length 1, or all zero for a text without a word.

        Texts are embedded one by one: a vector depends on its text alone, and a long text pads no other.
        Raises QdpiError where the installed package lacks its weights.
        """
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        model = self._loaded()
        # the tokenizer takes no lone surrogates
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

    # wordllama calls logging.basicConfig when imported; logging is the program's to set up
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
    """The rows at length 1 as float32; a row of zeros stays zero."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(matrix / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def to_bytes(vector: NDArray[np.floating]) -> bytes:
    """A vector as little-endian float32, 4 bytes a dimension."""
    return np.asarray(vector, dtype=_STORED).tobytes()


def from_bytes(stored: bytes, dim: int) -> Matrix:
    """A stored vector, shape [dim]. Raises InvalidInput where its length is another."""
    if len(stored) != dim * _STORED.itemsize:
        raise InvalidInput(f"A stored vector has {len(stored)} bytes; {dim} dimensions take {4 * dim}.")
    return np.frombuffer(stored, dtype=_STORED).astype(np.float32)


def cosine_top_k(
    matrix: NDArray[np.floating], ids: Sequence[str], vector: NDArray[np.floating], k: int
) -> list[tuple[str, float]]:
    """The `k` rows of `matrix` (shape [n, dim]) nearest to `vector` by cosine, with it, ties by id.

    A row or vector of zeros has cosine 0. Raises InvalidInput where the shapes do not fit.
    """
    if matrix.shape != (len(ids), len(vector)):
        raise InvalidInput(f"A matrix of shape {matrix.shape} does not hold {len(ids)} by {len(vector)}.")
    by_id = sorted(range(len(ids)), key=ids.__getitem__)
    scores = _cosines(unit_rows(matrix), vector)[by_id]
    return [(ids[by_id[place]], float(scores[place])) for place in top_k(scores, k)]


def _cosines(units: Matrix, vector: NDArray[np.floating]) -> Scores:
    cosines: Scores = units @ unit_rows(vector[np.newaxis])[0]
    return np.round(cosines, _DECIMALS)


class SemanticIndex:
    """Passages by the cosine of their vectors. Read-only once built."""

    def __init__(self, passages: Sequence[Passage], matrix: Matrix, embedder: Embedder) -> None:
        """Take stored vectors: row i of `matrix` (shape [n, embedder.dim]) belongs to passage i.

        Raises InvalidInput where the shape does not fit, and as Catalogue does.
        """
        if matrix.shape != (len(passages), embedder.dim):
            raise InvalidInput(
                f"{len(passages)} passages need a matrix of {(len(passages), embedder.dim)}, not {matrix.shape}."
            )
        self._catalogue = Catalogue(passages)
        given = {passage.page_id: row for row, passage in enumerate(passages)}
        self._units = unit_rows(matrix)[[given[passage.page_id] for passage in self._catalogue.passages]]
        self._embedder = embedder

    @classmethod
    def build(cls, passages: Iterable[Passage], embedder: Embedder) -> SemanticIndex:
        """Embed passages and index them."""
        given = list(passages)
        return cls(given, embedder.embed([passage.text for passage in given]), embedder)

    def __len__(self) -> int:
        return len(self._catalogue)

    def search(
        self, query: str, k: int, *, sections: Collection[int] | None = None, exclude: Collection[str] = ()
    ) -> list[Hit]:
        """The passages nearest to the query; a score is the cosine, above 0. See Retriever.search."""
        return self.nearest(self._embedder.embed([query])[0], k, sections=sections, exclude=exclude)

    def nearest(
        self,
        vector: NDArray[np.floating],
        k: int,
        *,
        sections: Collection[int] | None = None,
        exclude: Collection[str] = (),
    ) -> list[Hit]:
        """The passages nearest to a vector of shape [embedder.dim]."""
        scores = _cosines(self._units, vector)
        return self._catalogue.hits(scores, k, "semantic", sections=sections, exclude=exclude)
