import pytest

from qdpi.errors import InvalidSession, Unauthorized
from qdpi.gateway.sessions import Sessions


def numbered():
    numbers = iter(range(1_000))
    return lambda: f"id-{next(numbers)}"


def test_without_a_secret_a_well_formed_id_opens_the_journey_it_names():
    assert Sessions((), numbered()).journey("00000000-0000-0000-0000-000000000001").endswith("01")


@pytest.mark.parametrize("malformed", ["", "a b", "a" * 65, "../x", "a.b", "naïve", "\ud800"])
def test_a_malformed_id_is_refused(malformed: str):
    with pytest.raises(InvalidSession):
        Sessions((), numbered()).journey(malformed)


def test_a_new_journey_has_at_least_128_bits_and_never_the_same():
    sessions = Sessions((), numbered())
    first, second = sessions.new_journey(), sessions.new_journey()
    assert first != second
    assert len(first) * 4 >= 128


def test_a_signed_id_opens_its_journey_and_holds_only_url_safe_characters():
    sessions = Sessions(("secret",), numbered())
    journey = sessions.new_journey()
    signed = sessions.session_of(journey)
    assert sessions.journey(signed) == journey
    assert not set(signed) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")


@pytest.mark.parametrize("forge", [
    lambda signed: signed.partition(".")[0],
    lambda signed: signed[:-2] + ("AA" if signed[-2:] != "AA" else "BB"),
    lambda signed: "other" + signed,
    lambda signed: signed.partition(".")[0] + ".",
    lambda signed: ".",
    lambda signed: "",
    lambda signed: "é" + signed,
    lambda signed: signed + "\ud800",
])  # fmt: skip
def test_an_unsigned_or_forged_id_is_unauthorized(forge):
    sessions = Sessions(("secret",), numbered())
    with pytest.raises(Unauthorized):
        sessions.journey(forge(sessions.session_of("a-journey")))


def test_secrets_rotate_the_first_signs_and_all_are_taken():
    old, new = Sessions(("old",), numbered()), Sessions(("new", "old"), numbered())
    assert new.journey(old.session_of("j")) == "j"
    assert old.session_of("j") != new.session_of("j")
    with pytest.raises(Unauthorized):
        old.journey(new.session_of("j"))
