"""Evaluation: how well a writer writes, by a judge that shares no page of the book with what the writer learns from."""
