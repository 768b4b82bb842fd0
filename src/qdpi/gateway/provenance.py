"""The canon revision a page was generated from, and whether its anchor has changed since."""

from __future__ import annotations

from typing import Literal

from qdpi.api.responses import PageProvenance
from qdpi.canon.edition import Edition
from qdpi.gateway.context import Gateway, current_edition


async def provenance_of(gateway: Gateway, canon_revision: int | None, anchor: str | None) -> PageProvenance | None:
    """Return a page's provenance, None for a page of the book and while there is no book."""
    edition = await current_edition(gateway)
    if canon_revision is None or anchor is None or edition is None:
        return None
    current = edition.revision.revision
    older = canon_revision < current
    return PageProvenance(
        canon_revision=canon_revision,
        current_revision=current,
        older=older,
        anchor=await _anchor_state(gateway, edition, anchor, canon_revision) if older else "same",
    )


async def _anchor_state(
    gateway: Gateway, edition: Edition, anchor: str, canon_revision: int
) -> Literal["same", "changed", "dropped"]:
    if edition.pages.get(anchor) is None:
        return "dropped"
    revisions = await gateway.system.store.page_revisions(anchor)
    return "changed" if any((page.canon_revision or 0) > canon_revision for page in revisions) else "same"
