"""Exports of a journey: an archive for import, and reading copies as Markdown, Twee 3 and EPUB 3."""
