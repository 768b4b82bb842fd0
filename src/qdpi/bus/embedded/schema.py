"""The tables of the embedded bus.

An offset is never given twice, not even after its topic was deleted and created again: the row of a deleted
topic stays (`live` 0) and remembers the next one, so that every position ever handed out stays meaningful.
"""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1

# `taken_at` (microseconds since 1970, UTC) and `key` stand before `value`: trimming reads them without
# walking through the pages of a large value.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS topics (
  name TEXT PRIMARY KEY,
  live INTEGER NOT NULL,
  next INTEGER NOT NULL DEFAULT 0,
  retention INTEGER NOT NULL,
  durable INTEGER NOT NULL,
  compact INTEGER NOT NULL,
  max_bytes INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS records (
  topic TEXT NOT NULL,
  offset INTEGER NOT NULL,
  taken_at INTEGER NOT NULL,
  key BLOB,
  headers BLOB NOT NULL,
  value BLOB,
  UNIQUE (topic, offset)
);

CREATE TABLE IF NOT EXISTS consumer_groups (
  name TEXT PRIMARY KEY,
  generation INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS commits (
  consumer_group TEXT NOT NULL,
  topic TEXT NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, topic)
) WITHOUT ROWID;
"""
