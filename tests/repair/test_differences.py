from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from qdpi.repair.differences import Difference, Fact, FactsHash, differences

values = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    max_size=4,
)
facts = st.lists(st.builds(Fact, st.sampled_from("abc"), st.text(max_size=3), st.one_of(st.none(), values)), max_size=6)


def hash_of(facts: Iterable[Fact]) -> str:
    digest = FactsHash()
    digest.add(facts)
    return digest.hexdigest()


@given(facts, st.data())
def test_hashes_equal_exactly_if_no_difference(wanted: list[Fact], data: st.DataObject):
    found = [fact._replace(columns=data.draw(st.one_of(st.just(fact.columns), st.none(), values))) for fact in wanted]

    assert (hash_of(wanted) == hash_of(found)) == (not list(differences(wanted, found)))


def test_hash_ignores_column_order():
    one, other = Fact("t", "k", {"a": 1, "b": 2}), Fact("t", "k", {"b": 2, "a": 1})

    assert hash_of([one]) == hash_of([other])


def test_difference_names_field_values_and_outcome():
    wanted, found = Fact("t", "k", {"a": 1, "b": 2}, 3), Fact("t", "k", {"a": 1, "c": 4}, 3)

    assert list(differences([wanted], [found])) == [
        Difference("t", "k", "b", 2, None, 3),
        Difference("t", "k", "c", None, 4, 3),
    ]


def test_missing_row_is_one_difference():
    wanted, found = Fact("t", "k", {"a": 1, "b": 2}), Fact("t", "k", None)

    assert list(differences([wanted], [found])) == [Difference("t", "k", "", {"a": 1, "b": 2}, None)]
