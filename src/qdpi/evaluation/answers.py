"""What a writer gave for one press, as a value and as a line of JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from qdpi.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The page that answers a press, or why there is none (`failed`, which is empty otherwise).

    Page ids are those of the edition. `first_text` and `seconds` are the times from the press to the first piece of
    text and to the page. `receipt` is the page's receipt as the gateway gives it.
    """

    number: int
    symbol_code: int
    locus: str
    words: str = ""
    failed: str = ""
    text: str = ""
    model: str = ""
    trajectory: str = ""
    return_to: str = ""
    edges: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    receipt: Mapping[str, Any] = field(default_factory=dict)
    first_text: float | None = None
    seconds: float | None = None

    def line(self) -> str:
        """Return the answer as one line of JSON, without its line end."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        """The model calls of the page."""
        return list(self.receipt.get("calls", ()))

    def tokens(self, kind: str) -> int | None:
        """Return the `prompt` or `completion` tokens of all calls, None where no call counted them."""
        known = [count for call in self.calls if (count := call.get(f"{kind}_tokens")) is not None]
        return sum(known) if known else None


def parse_answer(line: str) -> Answer:
    """Return the answer of a line; fields of later versions are left out. Raises `InvalidInput`."""
    try:
        given = json.loads(line)
        known = {each.name for each in fields(Answer)}
        return Answer(**{name: value for name, value in given.items() if name in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{line[:80]!r} is not the answer of a press: {error}.") from error


def newest(answers: Iterable[Answer]) -> dict[int, Answer]:
    """Return the answers by number, the last of each, pages before failures."""
    found: dict[int, Answer] = {}
    for answer in answers:
        before = found.get(answer.number)
        if before is None or before.failed or not answer.failed:
            found[answer.number] = answer
    return dict(sorted(found.items()))
