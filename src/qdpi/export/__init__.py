"""Copies of a journey: its whole log, to be imported again, and three for reading: Markdown, Twee 3, EPUB 3."""
