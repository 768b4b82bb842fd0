"""Optimisation: what turns the program's pages is searched for on some pages of a book, and judged on others."""
