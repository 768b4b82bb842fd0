"""Embeddings, lexical index, fusion, index signals, checks of a page."""
