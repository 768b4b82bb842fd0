"""Strategies for pages with any values, unknown fields included."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from tests.support import factories

from qdpi.page_schema import Check, Edges, Page, PageStatus, Placement, Signals, Validation
from qdpi.symbols import Trajectory

AWKWARD = (
    "",
    " ",
    "\n",
    "---",
    "---\n",
    "...\n---\nkey: value\n---\n",
    "a: b",
    "- a\n- b",
    "# no comment",
    "line\r\nline\rline\n",
    "  leading and trailing  ",
    "\ttab",
    "ends with a break\n",
    "ends with two\n\n",
    "no", "Yes", "null", "~", "0x1F", "1e3", "1:30", "2026-11-01", ".inf", "=", "<<", "!tag", "&anchor", "*alias",
    "%YAML", "@", "`", "'single'", '"double"', "back\\slash", "{}", "[]", "[[link]]", ",", "?", "|", ">",
    "\N{BYTE ORDER MARK}mark", "\x00\x07\x1b[31m\x7f\x85\x9f", "\u2028\u2029\u200b\xa0",
    "👩🏽‍🚀 e\u0301 \u202e٣ \U0001fffe",
    "\ufffe\uffff\ufffd",
)  # fmt: skip
texts = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=200), st.lists(st.sampled_from(AWKWARD)).map("".join))
ids = st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
unit = st.floats(0, 1)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def unknown(*known: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return fields that none of these models has."""
    taken = {name for model in known for name in model.model_fields}
    return st.dictionaries(texts.filter(lambda name: name not in taken), plain, max_size=3)


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=4).map(tuple)


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """Return any page."""
    edges = Edges(
        next_within=draw(st.none() | ids),
        loop_back_to=draw(st.none() | ids),
        forks=draw(several(ids)),
        mirrors=draw(several(ids)),
        **draw(unknown(Edges)),
    )
    signals = Signals(
        entities=draw(several(texts)),
        motifs=draw(several(texts)),
        unresolved_anchors=draw(several(texts)),
        novelty=draw(unit),
        coherence=draw(unit),
        **draw(unknown(Signals)),
    )
    check = Check(
        name=draw(texts),
        passed=draw(st.booleans()),
        reasons=draw(several(texts)),
        measures=draw(st.dictionaries(texts, finite, max_size=3)),
        **draw(unknown(Check)),
    )
    validation = Validation(
        passed=draw(st.booleans()),
        style_ok=draw(st.none() | st.booleans()),
        continuity_score=draw(st.none() | unit),
        reasons=draw(several(texts)),
        checks=draw(st.sampled_from([(), (check,), (check, check)])),
        reworked=draw(st.booleans()),
        **draw(unknown(Validation)),
    )
    placement = Placement(
        locus=draw(ids),
        anchor=draw(ids),
        anchor_section=draw(st.integers(1, 16)),
        depth=draw(st.integers(1, 9)),
        branch_id=draw(st.none() | ids),
        **draw(unknown(Placement)),
    )
    return Page(
        page_id=draw(ids),
        symbol_code=draw(st.integers(0, 255)),
        section=draw(st.integers(1, 16)),
        page_num=draw(st.none() | st.integers(1, 9999)),
        title=draw(texts),
        trajectory=draw(st.sampled_from(Trajectory)),
        return_to=draw(st.none() | ids),
        text=draw(texts),
        created_at=factories.at(draw(st.floats(-1e9, 1e9))),
        author=draw(texts),
        version=draw(texts),
        revision=draw(st.integers(1, 10**9)),
        status=draw(st.sampled_from(PageStatus)),
        edges=edges,
        signals=signals,
        validation=draw(st.none() | st.just(validation)),
        placement=draw(st.none() | st.just(placement)),
        canon_revision=draw(st.none() | st.integers(1, 99)),
        model=draw(st.none() | texts),
        receipt_id=draw(st.none() | texts),
        session_id=draw(st.none() | ids),
        seq=draw(st.none() | st.integers(1, 10**9)),
    )
