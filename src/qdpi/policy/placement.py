"""The placement of a page: from the reader's standing and the verdict to a place in the tree and its edges."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from qdpi.page_schema import Edges, Page, Placement
from qdpi.policy.ring import Ring
from qdpi.symbols import Trajectory


@dataclass(frozen=True, slots=True)
class Standing:
    """The standing of a press: the page it was made on, its locus, and its place in the tree.

    `pressed` is the page of the press. `locus` is the page that the new page follows; it differs from `pressed`
    after a return. `branch_id` is the locus's open branch, and `return_to` the canon page that a return leads to.
    """

    pressed: str
    locus: str
    section: int
    anchor: str
    anchor_section: int
    depth: int
    return_to: str
    branch_id: str | None = None


def standing_of(page: Page, ring: Ring, open_branches: Container[str]) -> Standing:
    """Return the standing of a press on a page.

    The locus of a page in a closed branch, and of a page that loops back, is its `return_to`.
    """
    placement = page.placement
    if placement is None:
        return _on_canon(page.page_id, ring.resolve(page.page_id), ring)
    came_back = page.trajectory is Trajectory.LOOP or (
        placement.branch_id is not None and placement.branch_id not in open_branches
    )
    home = ring.resolve(page.return_to or placement.anchor)
    if came_back:
        return _on_canon(page.page_id, home, ring)
    return Standing(
        pressed=page.page_id,
        locus=page.page_id,
        section=page.section,
        anchor=placement.anchor,
        anchor_section=placement.anchor_section,
        depth=placement.depth,
        return_to=home,
        branch_id=placement.branch_id,
    )


def _on_canon(pressed: str, locus: str, ring: Ring) -> Standing:
    section = ring.section_of(locus)
    return Standing(
        pressed=pressed,
        locus=locus,
        section=section,
        anchor=locus,
        anchor_section=section,
        depth=0,
        return_to=locus,
    )


@dataclass(frozen=True, slots=True)
class Binding:
    """A new page's place in the tree, its section, the canon page it returns to, and its edges."""

    placement: Placement
    section: int
    return_to: str
    edges: Edges


def bind(
    page_id: str,
    standing: Standing,
    given: Trajectory,
    ring: Ring,
    *,
    target: str | None = None,
    mirror: str | None = None,
) -> Binding:
    """Bind a new page. `target` is the canon page of another section that a departure leads to.

    A departure from the ring returns to the page after its anchor; a T1 page returns to the same page as its
    locus. Raises `ValueError` for a fork without a target in another section.
    """
    following = ring.after(standing.anchor)
    return_to = standing.return_to if given is Trajectory.LOOP or standing.depth else following
    departs = given in {Trajectory.FORK, Trajectory.DRIFT}
    if given is Trajectory.FORK and (target is None or ring.section_of(target) == standing.section):
        raise ValueError(f"The fork {page_id} leads to {target}: give it a canon page of another section.")
    return Binding(
        placement=Placement(
            locus=standing.pressed,
            anchor=standing.anchor,
            anchor_section=standing.anchor_section,
            depth=standing.depth + 1,
            branch_id=standing.branch_id or (page_id if departs else None),
        ),
        section=ring.section_of(target) if departs and target else standing.section,
        return_to=return_to,
        edges=Edges(
            next_within=following if given is Trajectory.CONTINUE else None,
            loop_back_to=return_to if given in {Trajectory.LOOP, Trajectory.DRIFT} else None,
            forks=(target,) if given is Trajectory.FORK and target else (),
            mirrors=(mirror,) if mirror else (),
        ),
    )
