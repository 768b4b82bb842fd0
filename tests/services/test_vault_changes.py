from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support import factories

from qdpi.events import VaultChange
from qdpi.outcome import log_entry
from qdpi.services.vault import newest_changes


@given(st.permutations(range(4)))
def test_newest_change_wins_in_any_row_order(order: list[int]):
    changes = [
        VaultChange(
            event_id=f"e{n}", ts=factories.at(n // 2), session_id="s", action="saved", page_id="p", label=str(n)
        )
        for n in range(4)
    ]
    rows = [log_entry(changes[n]) for n in order]

    assert newest_changes({}, rows) == {"p": changes[3]}
    assert newest_changes(newest_changes({}, rows[:2]), rows[2:]) == {"p": changes[3]}
