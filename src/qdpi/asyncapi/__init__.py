"""The AsyncAPI document of the topics: their messages, keys, senders and receivers."""

from __future__ import annotations

from qdpi.asyncapi.document import document, document_json

__all__ = ["document", "document_json"]
