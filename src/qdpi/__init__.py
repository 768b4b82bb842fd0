"""Gibsey QDPI: a novel that writes back."""

__version__ = "0.1.0"
