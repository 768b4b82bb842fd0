"""Repair: compare derived tables with the outcomes, and rewrite what differs."""
