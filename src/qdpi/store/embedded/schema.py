"""The tables: those of the specification, with its names and columns, and those of outcomes, attempts and the canon.

`extra_json` holds a model's fields beyond the specification's columns, `revision` and `seq` the version by which an
older write loses. TIMEUUID columns hold version 1 UUIDs as text; `at` holds the same time as microseconds
since 1970, because such text does not sort by time.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 3
"""Incremented with every change of the schema."""

SCHEMA: Final = """
-- A journey's partition. Its head is its highest seq; commit_outcome alone writes here.
CREATE TABLE IF NOT EXISTS outcomes (
  session_id   TEXT NOT NULL,
  seq          INTEGER NOT NULL,
  request_id   TEXT NOT NULL,
  type         TEXT NOT NULL,
  committed_at TEXT NOT NULL,
  page_id      TEXT,
  outcome_json TEXT NOT NULL,
  PRIMARY KEY (session_id, seq),
  UNIQUE (session_id, request_id)
) STRICT;

-- What a map of the journey shows of each outcome, written in the outcome's transaction.
CREATE TABLE IF NOT EXISTS journey_tree (
  session_id TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  tree_json  TEXT NOT NULL,
  PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS attempts (
  session_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  attempt    INTEGER NOT NULL,
  PRIMARY KEY (session_id, request_id)
) STRICT, WITHOUT ROWID;

-- Pages, their edges and signals: of canon pages, those of the current canon revision.
CREATE TABLE IF NOT EXISTS pages (
  page_id      TEXT PRIMARY KEY,
  char_hex     INTEGER NOT NULL,
  behavior     INTEGER NOT NULL,
  symbol_code  INTEGER NOT NULL CHECK (symbol_code BETWEEN 0 AND 255),
  section      INTEGER NOT NULL,
  page_num     INTEGER,
  title        TEXT NOT NULL,
  orientation  TEXT NOT NULL,
  provenance   TEXT NOT NULL,
  trajectory   TEXT NOT NULL,
  return_to    TEXT,
  text         TEXT NOT NULL,
  created_at   TEXT NOT NULL,
  author       TEXT NOT NULL,
  version      TEXT NOT NULL,
  revision     INTEGER NOT NULL,
  extra_json   TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS page_edges (
  page_id    TEXT NOT NULL,
  edge_type  TEXT NOT NULL CHECK (edge_type IN ('NEXT', 'LOOP', 'FORK', 'MIRROR')),
  created_at TEXT NOT NULL,
  target_id  TEXT NOT NULL,
  PRIMARY KEY (page_id, edge_type, created_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS page_index_signals (
  page_id            TEXT PRIMARY KEY,
  entities           TEXT NOT NULL,
  motifs             TEXT NOT NULL,
  unresolved_anchors TEXT NOT NULL,
  novelty            REAL NOT NULL,
  coherence          REAL NOT NULL,
  extra_json         TEXT NOT NULL,
  revision           INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS section_counters (
  section       INTEGER NOT NULL,
  session_id    TEXT NOT NULL,
  open_branches INTEGER NOT NULL,
  return_debt   INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  PRIMARY KEY (section, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS section_counters_by_session ON section_counters (session_id);

CREATE TABLE IF NOT EXISTS events_log (
  session_id   TEXT NOT NULL,
  ts           TEXT NOT NULL,
  event_id     TEXT NOT NULL,
  type         TEXT NOT NULL,
  payload_json TEXT NOT NULL,
  headers_json TEXT NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (session_id, ts, event_id)
) STRICT;
CREATE INDEX IF NOT EXISTS events_log_by_time ON events_log (session_id, at, event_id);
CREATE INDEX IF NOT EXISTS events_log_by_event ON events_log (session_id, event_id);

CREATE TABLE IF NOT EXISTS state_snapshots (
  session_id    TEXT NOT NULL,
  snapshot_ts   TEXT NOT NULL,
  ui_state_json TEXT NOT NULL,
  last_event_ts TEXT NOT NULL,
  cursor        TEXT NOT NULL,
  seq           INTEGER NOT NULL,
  PRIMARY KEY (session_id, snapshot_ts),
  UNIQUE (session_id, seq)
) STRICT;

CREATE TABLE IF NOT EXISTS pages_index (
  character_id   TEXT NOT NULL,
  section        INTEGER NOT NULL,
  page_id        TEXT NOT NULL,
  title          TEXT NOT NULL,
  excerpt        TEXT NOT NULL,
  embeddings_ref TEXT NOT NULL,
  created_ts     TEXT NOT NULL,
  revision       INTEGER NOT NULL,
  PRIMARY KEY (character_id, section, page_id)
) STRICT, WITHOUT ROWID;

-- A removed page keeps its row, so that an older change still loses.
CREATE TABLE IF NOT EXISTS vault (
  session_id TEXT NOT NULL,
  saved_ts   TEXT NOT NULL,
  page_id    TEXT NOT NULL,
  label      TEXT NOT NULL,
  notes      TEXT NOT NULL,
  event_id   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  removed    INTEGER NOT NULL CHECK (removed IN (0, 1)),
  PRIMARY KEY (session_id, saved_ts, page_id),
  UNIQUE (session_id, page_id)
) STRICT;

-- Every change of a vault.
CREATE TABLE IF NOT EXISTS vault_changes (
  session_id TEXT NOT NULL,
  at         INTEGER NOT NULL,
  event_id   TEXT NOT NULL,
  page_id    TEXT NOT NULL,
  action     TEXT NOT NULL CHECK (action IN ('saved', 'unsaved', 'labelled')),
  label      TEXT NOT NULL,
  notes      TEXT NOT NULL,
  PRIMARY KEY (session_id, at, event_id, page_id)
) STRICT, WITHOUT ROWID;

-- Where each reader reads, and the pages read, as bitmaps: of the canon by page number, of the journey by seq.
CREATE TABLE IF NOT EXISTS reader_places (
  session_id TEXT PRIMARY KEY,
  page_id    TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  event_id   TEXT NOT NULL,
  canon      TEXT NOT NULL,
  pages      TEXT NOT NULL
) STRICT;

-- `change` numbers the writes, so that the cache of vectors reads only changed rows.
CREATE TABLE IF NOT EXISTS page_embeddings (
  page_id   TEXT PRIMARY KEY,
  dim       INTEGER NOT NULL,
  embedding BLOB NOT NULL,
  model     TEXT NOT NULL,
  revision  INTEGER NOT NULL,
  change    INTEGER NOT NULL UNIQUE
) STRICT;

CREATE TABLE IF NOT EXISTS readings (
  page_id           TEXT NOT NULL,
  revision          INTEGER NOT NULL,
  extractor_version TEXT NOT NULL,
  reading_json      TEXT NOT NULL,
  PRIMARY KEY (page_id, revision, extractor_version)
) STRICT;

-- The canon. A revision is published by its row in canon_revisions; the highest is current.
CREATE TABLE IF NOT EXISTS canon_revisions (
  revision     INTEGER PRIMARY KEY,
  book_id      TEXT NOT NULL,
  title        TEXT NOT NULL,
  author       TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  pages        INTEGER NOT NULL,
  created_at   TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS voices (
  revision      INTEGER NOT NULL,
  character     INTEGER NOT NULL,
  slug          TEXT NOT NULL,
  name          TEXT NOT NULL,
  profile       TEXT NOT NULL,
  color         TEXT NOT NULL,
  symbol_svg    TEXT,
  source        TEXT NOT NULL,
  place         INTEGER NOT NULL,
  section_title TEXT,
  PRIMARY KEY (revision, character)
) STRICT;

CREATE TABLE IF NOT EXISTS check_thresholds (
  revision        INTEGER PRIMARY KEY,
  version         TEXT NOT NULL,
  thresholds_json TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS page_revisions (
  page_id  TEXT NOT NULL,
  revision INTEGER NOT NULL,
  title    TEXT NOT NULL,
  text     TEXT NOT NULL,
  PRIMARY KEY (page_id, revision)
) STRICT;

-- A page's place in a canon revision, with the columns that may differ between revisions of the same text.
CREATE TABLE IF NOT EXISTS canon_ring (
  canon_revision     INTEGER NOT NULL,
  position           INTEGER NOT NULL,
  page_id            TEXT NOT NULL,
  revision           INTEGER NOT NULL,
  char_hex           INTEGER NOT NULL,
  behavior           INTEGER NOT NULL,
  symbol_code        INTEGER NOT NULL,
  section            INTEGER NOT NULL,
  page_num           INTEGER,
  orientation        TEXT NOT NULL,
  provenance         TEXT NOT NULL,
  trajectory         TEXT NOT NULL,
  return_to          TEXT,
  created_at         TEXT NOT NULL,
  author             TEXT NOT NULL,
  version            TEXT NOT NULL,
  extra_json         TEXT NOT NULL,
  edges_json         TEXT NOT NULL,
  entities           TEXT NOT NULL,
  motifs             TEXT NOT NULL,
  unresolved_anchors TEXT NOT NULL,
  novelty            REAL NOT NULL,
  coherence          REAL NOT NULL,
  signals_extra_json TEXT NOT NULL,
  PRIMARY KEY (canon_revision, position)
) STRICT;
CREATE INDEX IF NOT EXISTS canon_ring_by_page ON canon_ring (page_id, revision, canon_revision);
"""
