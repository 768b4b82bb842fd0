"""Readings and checks of pages, and search by words and vectors over indexes in memory. No I/O."""
