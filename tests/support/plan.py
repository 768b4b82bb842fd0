"""The author's tables and their columns, as the specification lists them: every store has them under these names."""

from __future__ import annotations

from typing import Final

PLAN: Final = {
    "pages": "page_id char_hex behavior symbol_code section page_num title orientation provenance trajectory "
    "return_to text created_at author version",
    "page_edges": "page_id edge_type target_id created_at",
    "page_embeddings": "page_id dim embedding",
    "page_index_signals": "page_id entities motifs unresolved_anchors novelty coherence",
    "section_counters": "section session_id open_branches return_debt",
    "events_log": "session_id ts event_id type payload_json headers_json",
    "state_snapshots": "session_id snapshot_ts ui_state_json last_event_ts cursor",
    "pages_index": "character_id section page_id title excerpt embeddings_ref created_ts",
    "vault": "session_id saved_ts page_id label notes",
}
