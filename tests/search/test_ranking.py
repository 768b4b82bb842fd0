"""Retrieval by words and vectors: the hits, their order, and the share of the canon."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.search.own_pages import LIGHTHOUSE, document

from qdpi.errors import InvalidInput, QdpiError
from qdpi.search.document import KINDS, Document, Kind
from qdpi.search.index import InvertedIndex
from qdpi.search.ranking import Hit, HybridRetriever, Retriever, fuse, reserve_canon, top_k
from qdpi.search.vectors import Embedder, SemanticIndex, from_bytes, to_bytes

Build = Callable[[list[Document]], Retriever]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(params=["lexical", "semantic", "hybrid", "hybrid without vectors"])
def build(request: pytest.FixtureRequest, embedder: Embedder) -> Build:
    def hybrid(documents: list[Document]) -> Retriever:
        return HybridRetriever(InvertedIndex(documents), SemanticIndex.build(documents, embedder))

    builds: dict[str, Build] = {
        "lexical": InvertedIndex,
        "semantic": lambda documents: SemanticIndex.build(documents, embedder),
        "hybrid": hybrid,
        "hybrid without vectors": lambda documents: HybridRetriever(InvertedIndex(documents)),
    }
    return builds[request.param]


def ids(hits: list[Hit]) -> list[str]:
    return [hit.page_id for hit in hits]


def test_document_is_found_by_its_words(build: Build, own_documents: list[Document]) -> None:
    """A page is found by its words."""
    retriever = build(own_documents)
    assert ids(retriever.search("lighthouse keeper trims his lamp", 1)) == ["S01-P0001"]
    assert ids(retriever.search("apple trees in my grandmother's orchard", 1)) == ["S02-P0002"]
    assert ids(retriever.search("a ledger of railway trains", 1)) == ["S03-P0003"]


def test_sections_limit_hits(build: Build, own_documents: list[Document]) -> None:
    """A search keeps to its sections."""
    retriever = build(own_documents)
    assert set(ids(retriever.search(LIGHTHOUSE, 9, sections={2, 3}))) <= {"S02-P0002", "S03-P0003"}
    assert retriever.search(LIGHTHOUSE, 9, sections=()) == []


def test_hits_are_at_most_k(build: Build, own_documents: list[Document]) -> None:
    """A search gives at most k hits."""
    retriever = build(own_documents)
    assert retriever.search(LIGHTHOUSE, 0) == []
    assert len(retriever.search(LIGHTHOUSE, 2)) == 2
    assert len(retriever.search(LIGHTHOUSE, 100)) == 3


@pytest.mark.parametrize("documents", [[], [document("a", "")]], ids=["no passage", "a blank one"])
def test_empty_index_has_no_hits(build: Build, documents: list[Document]) -> None:
    """An empty index has no hits."""
    assert build(documents).search("lamp", 5) == []


def test_document_of_stop_words_is_not_found() -> None:
    """A document of stop words is not found by stop words."""
    assert InvertedIndex([document("a", "the of and")]).search("the lamp and", 5) == []


def test_query_without_known_words_has_no_lexical_hits(own_documents: list[Document]) -> None:
    """A query without a known word finds nothing by words."""
    index = InvertedIndex(own_documents)
    assert index.search("", 5) == []
    assert index.search("the and of", 5) == []
    assert index.search("xylophone 世界 🙂", 5) == []


def test_ties_put_canon_first_then_page_id(build: Build) -> None:
    """Equal texts are sorted: the canon first, then the journey, then by id."""
    kinds: list[Kind] = ["journey", "canon"]
    documents = [document(f"{kind}-{n}", LIGHTHOUSE, kind) for n in (3, 1, 2) for kind in kinds]
    filler = [document(f"other-{n}", f"words of another matter {n}") for n in range(5)]
    expected = [f"{kind}-{n}" for kind in ("canon", "journey") for n in (1, 2, 3)]
    for seed in range(3):
        shuffled = random.Random(seed).sample([*documents, *filler], len(documents) + len(filler))
        assert ids(build(shuffled).search("the keeper of the lighthouse", 6)) == expected


def test_canon_keeps_half_of_the_hits(build: Build) -> None:
    """Pages of the journey take at most half of the hits while canon pages match."""
    text = "The keeper of the lighthouse lit the lamp."
    generated = [document(f"g{n}", text, "journey") for n in range(70)]
    canon = [document(f"c{n}", f"{text} {'Rain fell on the far hills all night. ' * 4}") for n in range(4)]
    hits = build(generated + canon).search(text, 6)
    assert [hit.document.kind for hit in hits].count("canon") == 3
    assert len(hits) == 6
    assert hits == sorted(hits, key=lambda hit: -hit.score)


def test_journey_pages_fill_the_rest_of_the_hits(build: Build) -> None:
    """Pages of the journey fill the places that the canon does not need."""
    generated = [document(f"g{n}", LIGHTHOUSE, "journey") for n in range(6)]
    assert len(build([*generated, document("c0", LIGHTHOUSE)]).search(LIGHTHOUSE, 5)) == 5


def test_search_is_thread_safe(build: Build, own_documents: list[Document]) -> None:
    """Searches in many threads have the same hits."""
    retriever = build(own_documents)
    alone = retriever.search(LIGHTHOUSE, 3)
    with ThreadPoolExecutor(8) as pool:
        assert all(hits == alone for hits in pool.map(lambda _: retriever.search(LIGHTHOUSE, 3), range(40)))


def test_order_of_documents_does_not_matter(build: Build, own_documents: list[Document]) -> None:
    """The same documents in any order give the same hits."""
    assert build(own_documents).search(LIGHTHOUSE, 3) == build(own_documents[::-1]).search(LIGHTHOUSE, 3)


def test_repeated_id_and_unknown_kind_are_refused(build: Build) -> None:
    """A page id that comes twice and an unknown kind are refused."""
    with pytest.raises(InvalidInput, match="repeat"):
        build([document("a", "x"), document("a", "y")])
    with pytest.raises(InvalidInput, match="rumour"):
        build([document("a", "x", "rumour")])  # type: ignore[arg-type]


def test_via_names_the_rankings(own_documents: list[Document], embedder: Embedder) -> None:
    """Via names the rankings that found a page."""
    lexical, semantic = InvertedIndex(own_documents), SemanticIndex.build(own_documents, embedder)
    hybrid = HybridRetriever(lexical, semantic)
    assert hybrid.search("lighthouse", 1)[0].via == ("lexical",)
    assert hybrid.search("lighthouse", 1, semantic=True)[0].via == ("lexical", "semantic")
    assert HybridRetriever(lexical).search("lighthouse", 1, semantic=True)[0].via == ("lexical",)


def test_semantic_finds_a_page_in_other_words(own_documents: list[Document], embedder: Embedder) -> None:
    """An ask in other words is found by vectors where words find nothing."""
    lexical, semantic = InvertedIndex(own_documents), SemanticIndex.build(own_documents, embedder)
    ask = "grandma's fruit plantation"
    assert lexical.search("fruit plantation", 1) == []
    assert ids(HybridRetriever(lexical, semantic).search(ask, 1, semantic=True)) == ["S02-P0002"]


def test_stems_match_plural_and_possessive() -> None:
    """Words are found in singular, plural and possessive."""
    index = InvertedIndex([document("a", "The keeper's lamps burned."), document("b", "Rain fell.")])
    for query in ("lamp", "lamps", "keeper", "keepers", "KEEPER’S"):
        assert ids(index.search(query, 2)) == ["a"]


def test_fuse_adds_reciprocal_ranks() -> None:
    """Fusion adds reciprocal ranks."""

    def hit(page_id: str, via: str, kind: Kind = "canon") -> Hit:
        return Hit(document(page_id, "", kind), 9.0, (via,))

    fused = fuse([[hit("a", "x"), hit("b", "x")], [hit("b", "y"), hit("c", "y")]])
    assert ids(fused) == ["b", "a", "c"]
    assert fused[0] == Hit(document("b", ""), 1 / 62 + 1 / 61, ("x", "y"))
    assert ids(fuse([[hit("g", "x", "journey")], [hit("c", "y")]])) == ["c", "g"]
    assert fuse([]) == []


@given(st.lists(st.sampled_from(KINDS), max_size=30), st.integers(0, 12))
def test_reserve_canon_keeps_half_and_the_order(kinds: list[Kind], k: int) -> None:
    """Half of k hits are of the canon, and the order is kept."""
    ranked = [Hit(document(f"p{n:02}", "", kind), float(-n), ("x",)) for n, kind in enumerate(kinds)]
    chosen = reserve_canon(ranked, k)
    assert len(chosen) == min(k, len(ranked))
    assert chosen == [hit for hit in ranked if hit in chosen]
    assert [hit.document.kind for hit in chosen].count("canon") >= min(k // 2, kinds.count("canon"))
    if [hit.document.kind for hit in ranked[:k]].count("canon") >= min(k // 2, kinds.count("canon")):
        assert chosen == ranked[:k]


@given(st.lists(st.integers(-3, 3), max_size=40), st.integers(-1, 45))
def test_top_k_equals_a_stable_sort(values: list[int], k: int) -> None:
    """The top k are the first k of a stable sort."""
    expected = sorted(range(len(values)), key=lambda place: -values[place])[: max(0, k)]
    assert top_k(np.array(values, dtype=np.float32), k) == expected


def test_matrix_of_wrong_shape_is_refused(own_documents: list[Document], embedder: Embedder) -> None:
    """A matrix that does not fit is refused."""
    with pytest.raises(InvalidInput, match="matrix"):
        SemanticIndex(own_documents, np.zeros((3, 4), dtype=np.float32), embedder)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_vector_survives_bytes(values: list[float]) -> None:
    """A vector is unchanged after a round trip through bytes."""
    vector = np.array(values, dtype=np.float32)
    assert np.array_equal(from_bytes(to_bytes(vector), len(values)), vector)


def test_stored_vector_is_little_endian_of_fixed_length() -> None:
    """Stored vectors are little endian and of a known length."""
    assert to_bytes(np.array([1.0, -2.0])) == b"\x00\x00\x80?\x00\x00\x00\xc0"
    with pytest.raises(InvalidInput, match="7 bytes"):
        from_bytes(b"1234567", 2)


def test_semantic_index_of_stored_vectors_equals_built_one(own_documents: list[Document], embedder: Embedder) -> None:
    """An index from stored vectors has the same hits as a built one."""
    stored = [to_bytes(vector) for vector in embedder.embed([page.text for page in own_documents])]
    matrix = np.stack([from_bytes(raw, embedder.dim) for raw in stored])
    again = SemanticIndex(own_documents[::-1], matrix[::-1], embedder)
    assert again.search(LIGHTHOUSE, 3) == SemanticIndex.build(own_documents, embedder).search(LIGHTHOUSE, 3)


@given(st.lists(st.text(max_size=60), max_size=4))
@settings(deadline=None)
def test_vector_has_length_one_and_depends_on_its_text_alone(embedder: Embedder, texts: list[str]) -> None:
    """A vector has length one and depends on its text alone."""
    vectors = embedder.embed(texts)
    assert vectors.shape == (len(texts), embedder.dim)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert all(abs(length - 1) < 1e-5 or length == 0 for length in lengths)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(embedder.embed([text])[0], vector)


@pytest.mark.parametrize("text", ["", "\ud800", "🙂" * 2_000, "שלום", "a" * 100_000, "word and " * 11_000])
def test_any_text_can_be_embedded_and_searched(
    build: Build, embedder: Embedder, own_documents: list[Document], text: str
) -> None:
    """Any text has a vector and a search."""
    assert np.isfinite(embedder.embed([text])).all()
    hits = build([*own_documents, document("odd", text)]).search(text, 5)
    assert all(np.isfinite(hit.score) and hit.score > 0 for hit in hits)


@pytest.mark.process
def test_embedder_leaves_logging_unchanged() -> None:
    """Loading the vectors leaves the program's logging as it was."""
    code = (
        "import logging; from qdpi.search.vectors import Embedder\n"
        "Embedder().embed(['lamp']); root = logging.getLogger()\n"
        "assert root.handlers == [] and root.level == logging.WARNING, (root.handlers, root.level)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=ENVIRONMENT)


@pytest.mark.process
def test_import_of_search_loads_no_vectors() -> None:
    """Importing retrieval loads neither index nor vectors."""
    code = (
        "import sys, qdpi.search\n"
        "assert 'numpy' not in sys.modules\n"
        "import qdpi.search.analysis\n"
        "assert 'numpy' not in sys.modules\n"
        "import qdpi.search.ranking, qdpi.measures.checks\n"
        "assert not {'wordllama', 'tokenizers', 'tqdm', 'numba'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=ENVIRONMENT)


ENVIRONMENT = {"PYTHONPATH": ":".join(path for path in sys.path if path)}


def test_embedder_has_name_version_and_dimensions(embedder: Embedder) -> None:
    """The embedder has a name, a version and a number of dimensions."""
    assert (embedder.name, embedder.dim) == ("wordllama/l2_supercat", 256)
    assert embedder.version[0].isdigit()


def test_missing_weights_are_reported_with_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are not installed are named with the next step."""
    import wordllama

    def absent(**_: object) -> None:
        raise FileNotFoundError("l2_supercat_256.safetensors")

    monkeypatch.setattr(wordllama.WordLlama, "load", absent)
    with pytest.raises(QdpiError, match=r"l2_supercat_256.*Install wordllama again"):
        Embedder().embed(["lamp"])


def test_index_prints_and_logs_nothing(
    own_documents: list[Document], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The index prints and logs nothing."""
    caplog.set_level(logging.DEBUG)
    InvertedIndex(own_documents).search(LIGHTHOUSE, 3)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
