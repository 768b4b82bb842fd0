"""Parameters that a server refuses: they are left out of the next request, and of all later ones. Pure.

Servers of one protocol differ in what they know: Mistral's refuses `stream_options`, OpenAI's newer models refuse
`max_tokens`, a chat template may know no system role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from qdpi.language.servers.failures import CallFailed, parsed

SYSTEM: Final = "system"
"""Stands among the refused for the system role, or Anthropic's field: its text then begins the first turn."""
_STATUSES: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,  # a chat template that raises
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_NEEDED: Final = frozenset({"model", "messages"})
_PARTS: Final = {"include_usage": "stream_options"}
_INSTEAD: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_NAMING: Final = frozenset({"param", "params", "parameter", "loc", "location", "field", "path", "property", "argument"})
_SYSTEM_REFUSED: Final = re.compile(
    r"system[\W_]{0,3}(?:role|message|prompt|instruction)s?\b.{0,60}\b(?:not\b|un\w|only\b|first\b|beginning\b|invalid)"
    r"|\b(?:not|no|invalid|unknown|unexpected|unsupported)\b.{0,60}\bsystem[\W_]{0,3}(?:role|message|prompt|instruction)"
    r"|\broles?\b.{0,20}['\"`]?system\b.{0,60}\b(?:not\b|un\w|invalid)"
    r"|\b(?:invalid|unknown|unexpected|unsupported)\b.{0,20}\brole\b.{0,20}\bsystem\b"
    r"|roles? must alternate|only user and assistant|must alternate (?:between )?user",
    re.IGNORECASE | re.DOTALL,
)
_STREAM_REFUSED: Final = re.compile(r"(?i)['\"`.]stream['\"`]|stream(?:ing)?\b.{0,20}\bnot\b|\bnot\b.{0,20}\bstream")


def refused_parameter(failure: CallFailed, body: Mapping[str, Any]) -> str | None:
    """Return which parameter of a request a refusal names, `SYSTEM` for that role; None for none."""
    if failure.status not in _STATUSES:
        return None
    said = " ".join([failure.cause, *_named(parsed(failure.body))])
    names = {name: name for name in body if name not in _NEEDED} | {
        part: whole for part, whole in _PARTS.items() if whole in body
    }
    for name in sorted(names, key=len, reverse=True):
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) and (name != "stream" or _STREAM_REFUSED.search(said)):
            return names[name]
    has_system = "system" in body or body["messages"][0]["role"] == "system"
    return SYSTEM if has_system and _SYSTEM_REFUSED.search(said) else None


def _named(value: Any, naming: bool = False) -> Iterator[str]:
    """Yield the strings under keys that name a parameter, such as `param`, and the `loc` of pydantic's errors."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named(item, str(key).lower() in _NAMING)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, naming)
    elif naming and isinstance(value, str):
        yield value


def without(body: dict[str, Any], refused: tuple[str, ...]) -> dict[str, Any]:
    """Return a request without the parameters that were refused, in the order of their refusals."""
    for name in refused:
        if name == SYSTEM:
            body = _without_system(body)
            continue
        value = body.pop(name, None)
        instead = _INSTEAD.get(name)
        if instead and value is not None and instead not in refused:
            body[instead] = value
        if name == "stream":
            body.pop("stream_options", None)
    return body


def _without_system(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request whose first turn begins with the system's text, be that a turn or a field of its own."""
    head, *turns = body["messages"]
    if isinstance(system := body.get("system"), str):
        turns = [head, *turns]
        body = {name: value for name, value in body.items() if name != "system"}
    elif head["role"] == "system" and turns:
        system = head["content"]
    else:
        return body
    first = {**turns[0], "content": f"{system}\n\n{turns[0]['content']}"}
    return {**body, "messages": [first, *turns[1:]]}
