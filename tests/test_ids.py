"""Ids are functions of their parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.errors import InvalidSession
from qdpi.ids import (
    NAMESPACE,
    check_session,
    derived_id,
    from_microseconds,
    from_milliseconds,
    microseconds,
    page_id,
    press_id,
    request_id,
    sha256,
    time_of_uuid,
    time_uuid,
)

GREGORIAN = datetime(1582, 10, 15, tzinfo=UTC)
moments = st.datetimes(datetime(1900, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_namespace_is_documented():
    assert UUID("192cdf3d-fe88-5266-aa81-ffac34bb38e6") == NAMESPACE == uuid5(NAMESPACE_URL, "urn:gibsey:qdpi")


def test_derived_ids_are_uuid5():
    assert derived_id("kind", "a", "b") == str(uuid5(NAMESPACE, "kind\x1fa\x1fb"))
    assert UUID(press_id("reader", "press", "1")).version == 5
    assert request_id("p") == derived_id("request", "p")
    assert page_id("r") == derived_id("page", "r")


def test_derived_id_separates_its_parts():
    ids = [press_id("ab", "press", "c"), press_id("a", "press", "bc"), press_id("ab", "ask", "c"), request_id("c")]
    assert len(set(ids)) == 4


def test_repeated_press_has_the_same_ids():
    """A press repeated by its client is the same press, with the same run and page."""
    first, again = press_id("reader", "press", "42"), press_id("reader", "press", "42")
    assert (first, page_id(request_id(first))) == (again, page_id(request_id(again)))


@given(at=moments, name=st.text(max_size=20))
def test_time_uuid_holds_its_time(at: datetime, name: str):
    """A time UUID holds its time and depends on its arguments alone."""
    uuid = UUID(time_uuid(at, name))
    assert uuid.version == 1
    assert uuid.variant == "specified in RFC 4122"
    assert GREGORIAN + timedelta(microseconds=uuid.time // 10) == at
    assert uuid.time % 10 == 0
    assert time_uuid(at, name) == str(uuid)


@given(at=moments, name=st.text(max_size=20))
def test_stored_times_round_trip(at: datetime, name: str):
    assert time_of_uuid(time_uuid(at, name)) == at
    assert from_microseconds(microseconds(at)) == at
    assert from_milliseconds(microseconds(at) // 1_000) == at - timedelta(microseconds=microseconds(at) % 1_000)


@given(first=moments, second=moments)
def test_time_uuids_sort_by_time(first: datetime, second: datetime):
    one, other = UUID(time_uuid(first, "e")), UUID(time_uuid(second, "e"))
    assert (one.time < other.time) is (first < second)
    assert (one == other) is (first == second)


def test_time_uuids_differ_at_the_same_time():
    """Events of the same moment have different time UUIDs, whose node is not a network card's."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    uuids = {time_uuid(at, f"event {n}") for n in range(1_000)}
    assert len(uuids) == 1_000
    assert all(UUID(uuid).node >> 40 & 1 for uuid in uuids)


def test_time_uuid_ignores_the_zone():
    at = datetime.fromisoformat("2026-11-01T12:00:00+02:00")
    assert time_uuid(at, "e") == time_uuid(at.astimezone(UTC), "e")


@pytest.mark.parametrize("session", ["a", "00000000-0000-0000-0000-000000000001", "A_z-9", "x" * 64])
def test_session_id_well_formed(session):
    assert check_session(session) == session


@pytest.mark.parametrize(
    "session", ["", "x" * 65, "a b", "a/b", "../a", "a\n", "é", "٣", "a.b", "a:b", "\x00"], ids=repr
)
def test_session_id_malformed_is_refused(session):
    with pytest.raises(InvalidSession, match="1 to 64 letters") as refusal:
        check_session(session)
    assert len(str(refusal.value)) < 400


def test_sha256_of_utf_8():
    assert sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"
