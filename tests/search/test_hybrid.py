"""Search: what is found, in which order, and that the canon keeps its place."""

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
from qdpi.search.hybrid import HybridRetriever, fuse
from qdpi.search.index import InvertedIndex
from qdpi.search.ranking import Hit, Retriever, reserve_canon, top_k
from qdpi.search.vectors import Embedder, SemanticIndex, cosine_top_k, from_bytes, to_bytes

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


def test_a_page_is_found_by_its_words(build: Build, own_passages: list[Document]) -> None:
    retriever = build(own_passages)
    assert ids(retriever.search("lighthouse keeper trims his lamp", 1)) == ["S01-P0001"]
    assert ids(retriever.search("apple trees in my grandmother's orchard", 1)) == ["S02-P0002"]
    assert ids(retriever.search("a ledger of railway trains", 1)) == ["S03-P0003"]


def test_a_search_keeps_to_its_sections(build: Build, own_passages: list[Document]) -> None:
    retriever = build(own_passages)
    assert set(ids(retriever.search(LIGHTHOUSE, 9, sections={2, 3}))) <= {"S02-P0002", "S03-P0003"}
    assert retriever.search(LIGHTHOUSE, 9, sections=()) == []


def test_a_search_gives_at_most_k_hits(build: Build, own_passages: list[Document]) -> None:
    retriever = build(own_passages)
    assert retriever.search(LIGHTHOUSE, 0) == []
    assert len(retriever.search(LIGHTHOUSE, 2)) == 2
    assert len(retriever.search(LIGHTHOUSE, 100)) == 3


@pytest.mark.parametrize("passages", [[], [document("a", "")]], ids=["no passage", "a blank one"])
def test_an_index_of_nothing_finds_nothing(build: Build, passages: list[Document]) -> None:
    assert build(passages).search("lamp", 5) == []


def test_a_passage_of_stop_words_alone_is_found_by_none() -> None:
    assert InvertedIndex([document("a", "the of and")]).search("the lamp and", 5) == []


def test_a_query_without_a_known_word_finds_nothing_by_words(own_passages: list[Document]) -> None:
    index = InvertedIndex(own_passages)
    assert index.search("", 5) == []
    assert index.search("the and of", 5) == []
    assert index.search("xylophone 世界 🙂", 5) == []


def test_equal_texts_stand_canon_first_then_the_journey_then_by_id(build: Build) -> None:
    kinds: list[Kind] = ["journey", "canon"]
    passages = [document(f"{kind}-{n}", LIGHTHOUSE, kind) for n in (3, 1, 2) for kind in kinds]
    filler = [document(f"other-{n}", f"words of another matter {n}") for n in range(5)]
    expected = [f"{kind}-{n}" for kind in ("canon", "journey") for n in (1, 2, 3)]
    for seed in range(3):
        shuffled = random.Random(seed).sample([*passages, *filler], len(passages) + len(filler))
        assert ids(build(shuffled).search("the keeper of the lighthouse", 6)) == expected


def test_generated_pages_never_take_more_than_their_half_while_the_canon_matches(build: Build) -> None:
    text = "The keeper of the lighthouse lit the lamp."
    generated = [document(f"g{n}", text, "journey") for n in range(70)]
    canon = [document(f"c{n}", f"{text} {'Rain fell on the far hills all night. ' * 4}") for n in range(4)]
    hits = build(generated + canon).search(text, 6)
    assert [hit.document.kind for hit in hits].count("canon") == 3
    assert len(hits) == 6
    assert hits == sorted(hits, key=lambda hit: -hit.score)


def test_generated_pages_fill_up_what_the_canon_leaves(build: Build) -> None:
    generated = [document(f"g{n}", LIGHTHOUSE, "journey") for n in range(6)]
    assert len(build([*generated, document("c0", LIGHTHOUSE)]).search(LIGHTHOUSE, 5)) == 5


def test_many_threads_find_the_same(build: Build, own_passages: list[Document]) -> None:
    retriever = build(own_passages)
    alone = retriever.search(LIGHTHOUSE, 3)
    with ThreadPoolExecutor(8) as pool:
        assert all(hits == alone for hits in pool.map(lambda _: retriever.search(LIGHTHOUSE, 3), range(40)))


def test_the_same_passages_in_any_order_give_the_same_hits(build: Build, own_passages: list[Document]) -> None:
    assert build(own_passages).search(LIGHTHOUSE, 3) == build(own_passages[::-1]).search(LIGHTHOUSE, 3)


def test_a_page_id_that_comes_twice_and_an_unknown_kind_are_refused(build: Build) -> None:
    with pytest.raises(InvalidInput, match="repeat"):
        build([document("a", "x"), document("a", "y")])
    with pytest.raises(InvalidInput, match="rumour"):
        build([document("a", "x", "rumour")])  # type: ignore[arg-type]


def test_via_names_the_rankings_that_found_a_page(own_passages: list[Document], embedder: Embedder) -> None:
    lexical, semantic = InvertedIndex(own_passages), SemanticIndex.build(own_passages, embedder)
    hybrid = HybridRetriever(lexical, semantic)
    assert hybrid.search("lighthouse", 1)[0].via == ("lexical",)
    assert hybrid.search("lighthouse", 1, semantic=True)[0].via == ("lexical", "semantic")
    assert HybridRetriever(lexical).search("lighthouse", 1, semantic=True)[0].via == ("lexical",)


def test_an_ask_in_other_words_is_found_by_vectors_where_words_find_nothing(
    own_passages: list[Document], embedder: Embedder
) -> None:
    lexical, semantic = InvertedIndex(own_passages), SemanticIndex.build(own_passages, embedder)
    ask = "grandma's fruit plantation"
    assert lexical.search("fruit plantation", 1) == []
    assert ids(HybridRetriever(lexical, semantic).search(ask, 1, semantic=True)) == ["S02-P0002"]


def test_words_are_found_in_singular_plural_and_possessive() -> None:
    index = InvertedIndex([document("a", "The keeper's lamps burned."), document("b", "Rain fell.")])
    for query in ("lamp", "lamps", "keeper", "keepers", "KEEPER’S"):
        assert ids(index.search(query, 2)) == ["a"]


def test_fusion_adds_reciprocal_ranks() -> None:
    def hit(page_id: str, via: str, kind: Kind = "canon") -> Hit:
        return Hit(document(page_id, "", kind), 9.0, (via,))

    fused = fuse([[hit("a", "x"), hit("b", "x")], [hit("b", "y"), hit("c", "y")]])
    assert ids(fused) == ["b", "a", "c"]
    assert fused[0] == Hit(document("b", ""), 1 / 62 + 1 / 61, ("x", "y"))
    assert ids(fuse([[hit("g", "x", "journey")], [hit("c", "y")]])) == ["c", "g"]
    assert fuse([]) == []


@given(st.lists(st.sampled_from(KINDS), max_size=30), st.integers(0, 12))
def test_of_k_places_half_are_the_canons_and_the_order_stays(kinds: list[Kind], k: int) -> None:
    ranked = [Hit(document(f"p{n:02}", "", kind), float(-n), ("x",)) for n, kind in enumerate(kinds)]
    chosen = reserve_canon(ranked, k)
    assert len(chosen) == min(k, len(ranked))
    assert chosen == [hit for hit in ranked if hit in chosen]
    assert [hit.document.kind for hit in chosen].count("canon") >= min(k // 2, kinds.count("canon"))
    if [hit.document.kind for hit in ranked[:k]].count("canon") >= min(k // 2, kinds.count("canon")):
        assert chosen == ranked[:k]


@given(st.lists(st.integers(-3, 3), max_size=40), st.integers(-1, 45))
def test_the_top_k_are_a_stable_sorts_first(values: list[int], k: int) -> None:
    expected = sorted(range(len(values)), key=lambda place: -values[place])[: max(0, k)]
    assert top_k(np.array(values, dtype=np.float32), k) == expected


VECTORS = st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), max_size=12)


@given(VECTORS, st.integers(0, 13))
def test_nearest_rows_are_those_of_highest_cosine_whatever_their_length(rows: list[list[int]], k: int) -> None:
    matrix = np.array(rows, dtype=np.float32).reshape(-1, 3)
    names = [f"p{n % 5}-{n}" for n in range(len(rows))]
    vector = np.array([1, 2, -1], dtype=np.float32)
    nearest = cosine_top_k(matrix, names, vector, k)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
    cosines = np.round(np.divide(matrix @ vector, lengths, out=np.zeros(len(rows)), where=lengths > 0), 5) + 0.0
    assert [name for name, _ in nearest] == sorted(names, key=lambda name: (-cosines[names.index(name)], name))[:k]
    assert all(abs(cosine - cosines[names.index(name)]) < 1e-4 for name, cosine in nearest)
    assert cosine_top_k(matrix * 7, names, vector * 0.5, k) == nearest


def test_a_matrix_that_does_not_fit_is_refused(own_passages: list[Document], embedder: Embedder) -> None:
    with pytest.raises(InvalidInput, match="shape"):
        cosine_top_k(np.zeros((2, 3)), ["a"], np.zeros(3), 1)
    with pytest.raises(InvalidInput, match="matrix"):
        SemanticIndex(own_passages, np.zeros((3, 4), dtype=np.float32), embedder)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_a_vector_comes_back_from_its_bytes(values: list[float]) -> None:
    vector = np.array(values, dtype=np.float32)
    assert np.array_equal(from_bytes(to_bytes(vector), len(values)), vector)


def test_stored_vectors_are_little_endian_and_of_a_known_length() -> None:
    assert to_bytes(np.array([1.0, -2.0])) == b"\x00\x00\x80?\x00\x00\x00\xc0"
    with pytest.raises(InvalidInput, match="7 bytes"):
        from_bytes(b"1234567", 2)


def test_an_index_from_stored_vectors_finds_what_the_built_one_finds(
    own_passages: list[Document], embedder: Embedder
) -> None:
    stored = [to_bytes(vector) for vector in embedder.embed([page.text for page in own_passages])]
    matrix = np.stack([from_bytes(raw, embedder.dim) for raw in stored])
    again = SemanticIndex(own_passages[::-1], matrix[::-1], embedder)
    assert again.search(LIGHTHOUSE, 3) == SemanticIndex.build(own_passages, embedder).search(LIGHTHOUSE, 3)


@given(st.lists(st.text(max_size=60), max_size=4))
@settings(deadline=None)
def test_a_vector_has_length_one_and_depends_on_its_text_alone(embedder: Embedder, texts: list[str]) -> None:
    vectors = embedder.embed(texts)
    assert vectors.shape == (len(texts), embedder.dim)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert all(abs(length - 1) < 1e-5 or length == 0 for length in lengths)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(embedder.embed([text])[0], vector)


@pytest.mark.parametrize("text", ["", "\ud800", "🙂" * 2_000, "שלום", "a" * 100_000, "word and " * 11_000])
def test_any_text_has_a_vector_and_a_search(
    build: Build, embedder: Embedder, own_passages: list[Document], text: str
) -> None:
    assert np.isfinite(embedder.embed([text])).all()
    hits = build([*own_passages, document("odd", text)]).search(text, 5)
    assert all(np.isfinite(hit.score) and hit.score > 0 for hit in hits)


@pytest.mark.process
def test_loading_the_vectors_leaves_the_programs_logging_as_it_was() -> None:
    code = (
        "import logging; from qdpi.search.vectors import Embedder\n"
        "Embedder().embed(['lamp']); root = logging.getLogger()\n"
        "assert root.handlers == [] and root.level == logging.WARNING, (root.handlers, root.level)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=ENVIRONMENT)


@pytest.mark.process
def test_importing_retrieval_loads_neither_index_nor_vectors() -> None:
    code = (
        "import sys, qdpi.search\n"
        "assert 'numpy' not in sys.modules\n"
        "import qdpi.search.analysis\n"
        "assert 'numpy' not in sys.modules\n"
        "import qdpi.search.hybrid, qdpi.search.checks\n"
        "assert not {'wordllama', 'tokenizers', 'tqdm', 'numba'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=ENVIRONMENT)


ENVIRONMENT = {"PYTHONPATH": ":".join(path for path in sys.path if path)}


def test_the_vectors_say_their_name_version_and_dimensions(embedder: Embedder) -> None:
    assert (embedder.name, embedder.dim) == ("wordllama/l2_supercat", 256)
    assert embedder.version[0].isdigit()


def test_weights_that_are_not_installed_are_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    import wordllama

    def absent(**_: object) -> None:
        raise FileNotFoundError("l2_supercat_256.safetensors")

    monkeypatch.setattr(wordllama.WordLlama, "load", absent)
    with pytest.raises(QdpiError, match=r"l2_supercat_256.*Install wordllama again"):
        Embedder().embed(["lamp"])


def test_the_index_is_quiet(
    own_passages: list[Document], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    InvertedIndex(own_passages).search(LIGHTHOUSE, 3)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
