"""A parser of Twee 3 for tests, written from the specification alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_HEADER = re.compile(r"::[ ]*((?:\\.|[^\\\[\]{}])+?)[ ]*(\[(?:\\.|[^\\\[\]{}])*\])?[ ]*(\{.*\})?[ ]*")
_LINK = re.compile(r"\[\[(.*?)\]\]")


@dataclass(frozen=True)
class Passage:
    """A passage."""

    name: str
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    text: str

    def links(self) -> list[str]:
        """Return the names of the passages that it links to."""
        return [link.rpartition("->")[2] for link in _LINK.findall(self.text)]


def parse(source: str) -> dict[str, Passage]:
    """Return a file's passages by name. Raises `ValueError` if it breaks the specification."""
    # JavaScript and Go differ on which characters start a line; `::` must not follow those in dispute.
    assert not re.search("[\r\u2028\u2029]::", source)
    passages: dict[str, Passage] = {}
    for part in re.split(r"^(?=::)", source, flags=re.MULTILINE):
        if not part:
            continue
        header, _, text = part.partition("\n")
        found = _HEADER.fullmatch(header)
        if found is None:
            raise ValueError(f"no header: {header!r}")
        name, tags, metadata = found.groups()
        passage = Passage(
            name=_plain(name),
            tags=tuple(_plain(tag) for tag in (tags or "[]")[1:-1].split(" ") if tag),
            metadata=json.loads(metadata or "{}"),
            text=text.rstrip(),
        )
        if passage.name in passages:
            raise ValueError(f"two passages are named {passage.name!r}")
        passages[passage.name] = passage
    return passages


def _plain(escaped: str) -> str:
    return re.sub(r"\\(.)", r"\1", escaped)
