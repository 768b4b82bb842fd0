"""Session ids: capabilities that open a journey.

With a secret a session id is `JOURNEY.MAC`, an HMAC-SHA256 of the journey in URL-safe Base64; the journey
alone is keyed, stored and logged. Without one every well-formed id opens the journey it names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from qdpi.errors import Unauthorized
from qdpi.identity import check_session, sha256

_PURPOSE: Final = b"gibsey session\0"
_JOURNEY_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Sessions:
    """Issues and opens session ids. The first secret signs, all are taken; `new_id` is unguessable."""

    secrets: Sequence[str]
    new_id: Callable[[], str]

    @property
    def signed(self) -> bool:
        """Whether only signed session ids are taken."""
        return bool(self.secrets)

    def new_journey(self) -> str:
        """Return the id of a new journey: 160 bits of two random ids' hash, in hex."""
        return sha256(f"{self.new_id()} {self.new_id()}")[:_JOURNEY_DIGITS]

    def session_of(self, journey: str) -> str:
        """Return the session id that opens a journey."""
        return f"{journey}.{mac(self.secrets[0], journey)}" if self.secrets else journey

    def journey(self, session_id: str) -> str:
        """Return the journey that a session id opens. Raises `InvalidSession` or `Unauthorized`."""
        if not self.secrets:
            return check_session(session_id)
        journey, _, given = session_id.rpartition(".")
        expected = [mac(secret, journey) for secret in self.secrets]
        if not any(hmac.compare_digest(given.encode(errors="replace"), each.encode()) for each in expected):
            raise Unauthorized("This session id was not signed by this server.")
        return check_session(journey)


def mac(secret: str, journey: str) -> str:
    """Return a journey's HMAC-SHA256 under a secret, in URL-safe Base64 without padding."""
    digest = hmac.digest(secret.encode(), _PURPOSE + journey.encode(errors="replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
