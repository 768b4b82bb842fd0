"""The page store in one SQLite file."""

from qdpi.store.embedded.adapter import EmbeddedPageStore

__all__ = ["EmbeddedPageStore"]
