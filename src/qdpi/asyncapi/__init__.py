"""The AsyncAPI document of the topics: what is carried, under which key, and who sends and receives it."""

from __future__ import annotations

from qdpi.asyncapi.document import document, document_json

__all__ = ["document", "document_json"]
