"""Requests and responses of the HTTP API, shared by the gateway and its clients."""

from __future__ import annotations

from typing import Final

API_PREFIX: Final = "/api/v1"
"""The prefix of every path that clients build on."""
