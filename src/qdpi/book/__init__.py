"""The project's own short book, in the corpus layout."""
