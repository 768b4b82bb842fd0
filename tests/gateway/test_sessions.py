"""Session ids: signed, expired, forged and malformed."""

from datetime import timedelta

import pytest
from tests.support import factories

from qdpi.errors import InvalidSession, SessionExpired, Unauthorized
from qdpi.gateway.sessions import Sessions as SignedSessions


def Sessions(secrets: tuple[str, ...], new_id, days: float = 0, seconds: float = 0) -> SignedSessions:  # noqa: N802
    return SignedSessions(secrets, new_id, lambda: factories.at(seconds), days)


def numbered():
    numbers = iter(range(1_000))
    return lambda: f"id-{next(numbers)}"


def test_unsigned_id_names_its_journey():
    """Without a secret, a well-formed id opens the journey it names."""
    assert Sessions((), numbered()).journey("00000000-0000-0000-0000-000000000001").endswith("01")


@pytest.mark.parametrize("malformed", ["", "a b", "a" * 65, "../x", "a.b", "naïve", "\ud800"])
def test_malformed_id_is_refused(malformed: str):
    with pytest.raises(InvalidSession):
        Sessions((), numbered()).journey(malformed)


def test_new_journey_ids_are_unguessable():
    """A new id has at least 128 bits and differs from the last."""
    sessions = Sessions((), numbered())
    first, second = sessions.new_journey(), sessions.new_journey()
    assert first != second
    assert len(first) * 4 >= 128


def test_signed_id_is_url_safe():
    """A signed id opens its journey and has only URL-safe characters."""
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
    lambda signed: signed.replace(".0.", "."),
    lambda signed: signed.replace(".0.", ".99999999999."),
    lambda signed: signed.replace(".0.", ".00."),
    lambda signed: signed.replace(".0.", ".-1."),
    lambda signed: signed.replace(".0.", ".٣."),
    lambda signed: signed.replace(".0.", "." + "9" * 5_000 + "."),
    lambda signed: signed + ".",
    lambda signed: signed * 2,
])  # fmt: skip
def test_unsigned_or_forged_id_is_unauthorized(forge):
    sessions = Sessions(("secret",), numbered())
    with pytest.raises(Unauthorized):
        sessions.journey(forge(sessions.session_of("a-journey")))


def test_secrets_rotate():
    """The first secret signs, and ids signed with any of them are accepted."""
    old, new = Sessions(("old",), numbered()), Sessions(("new", "old"), numbered())
    assert new.journey(old.session_of("j")) == "j"
    assert old.session_of("j") != new.session_of("j")
    with pytest.raises(Unauthorized):
        old.journey(new.session_of("j"))


DAY = 86_400


def test_signed_id_expires():
    signed = Sessions(("s",), numbered(), days=2).session_of("j")
    assert Sessions(("s",), numbered(), days=2, seconds=2 * DAY - 1).journey(signed) == "j"
    with pytest.raises(SessionExpired, match="expired at"):
        Sessions(("s",), numbered(), days=2, seconds=2 * DAY).journey(signed)


def test_expiry_is_part_of_the_id():
    """The expiry is part of the id, and a later change of the setting has no effect on it."""
    signed = Sessions(("s",), numbered(), days=2).session_of("j")
    with pytest.raises(SessionExpired):
        Sessions(("s",), numbered(), days=365, seconds=3 * DAY).journey(signed)
    for_ever = Sessions(("s",), numbered(), days=0).session_of("j")
    assert Sessions(("s",), numbered(), days=1, seconds=3_650 * DAY).journey(for_ever) == "j"


def test_expiry_is_signed():
    """An id whose expiry was changed is refused."""
    sessions = Sessions(("s",), numbered(), days=2)
    journey, expires, signature = sessions.session_of("j").split(".")
    for later in (str(int(expires) + DAY), "0"):
        with pytest.raises(Unauthorized, match="not signed"):
            sessions.journey(f"{journey}.{later}.{signature}")


def test_forged_expired_id_is_unauthorized():
    """The refusal does not reveal whether the id was ever valid."""
    late = Sessions(("s",), numbered(), days=1, seconds=5 * DAY)
    forged = Sessions(("other",), numbered(), days=1).session_of("j")
    with pytest.raises(Unauthorized, match="not signed") as refused:
        late.journey(forged)
    assert not isinstance(refused.value, SessionExpired)


def test_expires_at():
    sessions = Sessions(("s",), numbered(), days=2)
    assert sessions.expires_at(sessions.session_of("j")) == factories.at(0).replace(microsecond=0) + timedelta(days=2)
    assert Sessions(("s",), numbered()).expires_at(Sessions(("s",), numbered()).session_of("j")) is None
    assert Sessions((), numbered(), days=2).expires_at("j") is None
