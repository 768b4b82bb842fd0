"""A page that was written, as a person reads it in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from qdpi.symbols import symbol_name

_WIDTH: Final = 88


def told_page(page: Mapping[str, Any]) -> str:
    """Return a prediction of `run-symbol` as text: the page, then why it is what it is and where it leads."""
    return "\n".join((page["title"], "", *_paragraphs(page["page_text"]), *_facts(page)))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.splitlines():
        yield textwrap.fill(paragraph, _WIDTH)


def _facts(page: Mapping[str, Any]) -> Iterator[str]:
    policy, validation = page["policy"], page["validation"]
    yield ""
    yield f"symbol      {symbol_name(page['symbol_code'])} (0x{page['symbol_code']:02X}) at {page['page']}"
    yield f"trajectory  {policy['given']}{_wish(policy)}, by the rule {policy['rule']}"
    yield from (f"            {reason}" for reason in policy["reasons"])
    yield f"returns to  {page['return_to']}"
    yield f"edges       {_edges(page['edges'])}"
    yield f"checks      {'passed' if validation['passed'] else 'not passed'}{', reworked' * validation['reworked']}"
    yield from (f"            {reason}" for reason in validation["reasons"])
    yield f"written by  {page['model']}"


def _wish(policy: Mapping[str, Any]) -> str:
    return f" ({policy['wished']} was wished)" if policy["wished"] else ""


def _edges(edges: Mapping[str, Any]) -> str:
    single = [(name, [edges[name]]) for name in ("next_within", "loop_back_to") if edges[name]]
    many = [(name, edges[name]) for name in ("forks", "mirrors") if edges[name]]
    return "; ".join(f"{name} {', '.join(targets)}" for name, targets in (*single, *many)) or "none"
