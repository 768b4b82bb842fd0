"""The bounds that the gateway checks, in its OpenAPI document: patterns and limits by the names of parameters.

Those of a reader's words are part of their types (`api/requests.py`).

One table for the parameters of paths, queries, headers and bodies, so that a route that takes a session or a page has
their bounds without naming them. What a schema admits is not refused as malformed, and what it does not admit is
refused: tests hold both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from qdpi.api.requests import CONTROL
from qdpi.api.responses import MOST_PAGES
from qdpi.canon.editions import PAGE_ID
from qdpi.gateway.sessions import SIGNATURE
from qdpi.gateway.streams.sse import LARGEST_SEQ
from qdpi.ids import SESSION_ID
from qdpi.search.query import LONGEST
from qdpi.symbols import CHARACTER_MAP, PROFILES, Trajectory

Schema = dict[str, Any]


def _text(pattern: str, **more: Any) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$", **more}


def _one_of(words: Iterable[object]) -> str:
    return f"(?:{'|'.join(map(str, words))})"


def _list_of(item: str, most: int | None = None) -> Schema:
    times = "*" if most is None else f"{{0,{most - 1}}}"
    return _text(f"{item}(?:,{item}){times}")


_SLUGS: Final = sorted(CHARACTER_MAP.values())
_CODES: Final = [profile.code for profile in PROFILES]
_BYTE: Final = "(?:0?[0-9]{1,2}|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_SYMBOL: Final[Schema] = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": 255},
        _text(f"(?:{_BYTE}|0[xX][0-9A-Fa-f]{{1,2}}|{_one_of(_SLUGS)}:{_one_of(_CODES)})"),
    ],
    "examples": [0, "0x1F", "an-author:XC"],
}
_CURSOR_OF_VAULT: Final = _text(r"-?[0-9]{1,20}\.[0-9A-Za-z-]{1,128}")
_SEQ: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEQ}
_PAGE: Final = _text(PAGE_ID.pattern, examples=["S01-P0001"])
_GIVEN_ID: Final = _text(f"[^{CONTROL}\\n\\t]+", minLength=1, maxLength=128)
_WORD: Final = r"[0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\uffff]"
_QUERY: Final = rf"{_WORD}|^\s*\*\s*$"
_CHARACTERS: Final = _list_of(_one_of([*range(16), *_SLUGS]))
_BOUNDS: Final[dict[str, Schema]] = {
    "session_id": _text(SESSION_ID.pattern),
    "page_id": _PAGE,
    "ids": _list_of(PAGE_ID.pattern, MOST_PAGES),
    "code": _SYMBOL,
    "symbol_code": _SYMBOL,
    "event_id": _GIVEN_ID,
    "client_request_id": _GIVEN_ID,
    "after": _SEQ,
    "Last-Event-ID": _SEQ,
    "at": {"anyOf": [_SEQ, {"type": "string", "format": "date-time"}]},
    "q": {"type": "string", "pattern": _QUERY, "minLength": 1, "maxLength": LONGEST},
    "character": _CHARACTERS,
    "section": _list_of(_one_of(range(1, 17))),
    "behavior": _list_of(_one_of([*range(16), *_CODES])),
    "trajectory": _list_of(_one_of(Trajectory)),
    "cursor": _text("[A-Za-z0-9_-]+"),
}
"""The schema of each parameter, by its name."""
_ELSEWHERE: Final[dict[tuple[str, str], Schema]] = {
    ("/pipeline/stats/section/{id}", "id"): {"type": "integer", "minimum": 1, "maximum": 16},
    ("/vault/{session_id}", "after"): _CURSOR_OF_VAULT,
    ("/vault/{session_id}/changes", "after"): _CURSOR_OF_VAULT,
    ("/voices/{character}/drawing.svg", "character"): _text(_one_of([*range(16), *_SLUGS])),
    ("/at/{seq}", "seq"): {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    ("/find", "q"): {"type": "string", "pattern": rf"{_QUERY}|^\s*$", "maxLength": LONGEST},
    ("/find", "character"): {**_CHARACTERS, "pattern": rf"{_CHARACTERS['pattern']}|^$"},
}
"""Where a name means something else: by the end of a path or the name of a body."""
_KEPT: Final = ("title", "description", "default", "examples")


def add_bounds(document: Schema, *, signed: bool) -> None:
    """Add the bounds to an OpenAPI document. `signed`: only session ids signed by the gateway are accepted."""
    session = _text(rf"{SESSION_ID.pattern}\.[0-9]{{1,12}}\.{SIGNATURE}") if signed else _BOUNDS["session_id"]
    bounds = _BOUNDS | {"session_id": session}
    for path, parameter in _parameters(document):
        bound = _bound_of(path, parameter["name"], bounds)
        if bound is not None:
            parameter["schema"] = _bounded(parameter["schema"], bound)
    for name, body in document["components"]["schemas"].items():
        if name.endswith("Body"):
            for field, schema in body["properties"].items():
                bound = _bound_of(name, field, bounds)
                if bound is not None:
                    body["properties"][field] = _bounded(schema, bound, null=True)


def _parameters(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                yield path, parameter


def _bound_of(place: str, name: str, bounds: dict[str, Schema]) -> Schema | None:
    if name == "trajectory" and place.endswith("Body"):
        return None  # one, which its own schema lists
    for (end, other), bound in _ELSEWHERE.items():
        if name == other and place.endswith(end):
            return bound
    return _PAGE if name == "id" else bounds.get(name)


def _bounded(schema: Schema, bound: Schema, *, null: bool = False) -> Schema:
    """Return the schema of a parameter with its bound; `null` keeps null where it was admitted."""
    kept = {name: schema[name] for name in _KEPT if name in schema}
    if bound.get("type") == "integer" and isinstance(kept.get("default"), str):
        kept["default"] = int(kept["default"])
    admits_null = null and any(option.get("type") == "null" for option in schema.get("anyOf", ()))
    return kept | ({"anyOf": [bound, {"type": "null"}]} if admits_null else bound)
