"""Session ids: capabilities that open a journey.

With a secret a session id is `JOURNEY.EXPIRES.MAC`: the journey, the Unix time at which it expires
(0: never), and an HMAC-SHA256 of both in URL-safe Base64. The journey alone is keyed, stored and
logged. Without a secret every well-formed id opens the journey it names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from qdpi.errors import SessionExpired, Unauthorized
from qdpi.ids import UNIX_EPOCH, check_session, sha256

_PURPOSE: Final = b"gibsey session\0"
_JOURNEY_DIGITS: Final = 40
_NEVER: Final = 0
SIGNATURE: Final = "[A-Za-z0-9_-]{43}"
"""The pattern of a MAC."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Issues and verifies session ids. The first secret signs, every secret verifies; `new_id` is unguessable.

    A signed id expires `days` after `now`; with 0 it never expires.
    """

    secrets: Sequence[str]
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    days: float = 0

    @property
    def signed(self) -> bool:
        """Whether only signed session ids are accepted."""
        return bool(self.secrets)

    def new_journey(self) -> str:
        """Return the id of a new journey: 160 bits of the hash of two random ids, in hex."""
        return sha256(f"{self.new_id()} {self.new_id()}")[:_JOURNEY_DIGITS]

    def session_of(self, journey: str) -> str:
        """Return a session id that opens a journey."""
        if not self.secrets:
            return journey
        expiry = self.now() + timedelta(days=self.days) if self.days else None
        expires = int(expiry.timestamp()) if expiry else _NEVER
        return f"{journey}.{expires}.{mac(self.secrets[0], journey, expires)}"

    def journey(self, session_id: str) -> str:
        """Return the journey that a session id opens.

        Raises `InvalidSession`, `Unauthorized`, or `SessionExpired`.
        """
        if not self.secrets:
            return check_session(session_id)
        journey, expires, given = _parts(session_id)
        expected = [mac(secret, journey, expires) for secret in self.secrets]
        if not any(hmac.compare_digest(given.encode(errors="replace"), each.encode()) for each in expected):
            raise Unauthorized("This session id was not signed by this server.")
        expiry = expiry_of(expires)
        if expiry is not None and expiry <= self.now():
            raise SessionExpired(f"This session id expired at {expiry.isoformat()}.")
        return check_session(journey)

    def expires_at(self, session_id: str) -> datetime | None:
        """Return when a session id that was issued here expires, None for never."""
        return expiry_of(_parts(session_id)[1]) if self.secrets else None


def _parts(session_id: str) -> tuple[str, int, str]:
    """Split a signed session id into journey, expiry and MAC. A malformed id gives an empty MAC, which matches none."""
    journey, _, rest = session_id.partition(".")
    expires, _, given = rest.partition(".")
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and expires == str(int(expires))):
        return journey, _NEVER, ""
    return journey, int(expires), given


def expiry_of(expires: int) -> datetime | None:
    """Return the time of a Unix timestamp, None for 0."""
    return UNIX_EPOCH + timedelta(seconds=expires) if expires else None


def mac(secret: str, journey: str, expires: int) -> str:
    """Return the HMAC-SHA256 of a journey and an expiry under a secret, in URL-safe Base64 without padding."""
    signed = _PURPOSE + f"{expires}\0".encode() + journey.encode(errors="replace")
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode().rstrip("=")
