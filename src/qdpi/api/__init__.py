"""What the two ends of HTTP share: requests and responses of the gateway's API, and a parser of event streams."""

from __future__ import annotations

from typing import Final

API_PREFIX: Final = "/api/v1"
"""The prefix of every path that clients build on."""
