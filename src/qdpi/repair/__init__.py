"""Repair: the tables derived from outcomes, compared with their outcomes and written again."""
