"""The events' JSON schemas in the form of AsyncAPI's schema objects, a superset of draft 7."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from qdpi.events import ABOUT_HEADERS
from qdpi.symbols import CHARACTER_MAP, Orientation, Provenance, Trajectory

_REFERENCE: Final = "#/components/schemas/{model}"


def payload_schemas(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """Return the schemas of models and of the models nested in them, by name."""
    _, generated = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    schemas: dict[str, Any] = _as_draft_7(generated["$defs"])
    return schemas


def _as_draft_7(schema: Any) -> Any:
    """Convert fixed tuples from draft 2020-12 to draft 7."""
    if isinstance(schema, list):
        return [_as_draft_7(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    older = {name: _as_draft_7(value) for name, value in schema.items() if name != "prefixItems"}
    if "prefixItems" in schema:
        older |= {"items": _as_draft_7(schema["prefixItems"]), "additionalItems": False}
    return older


def header_schema() -> dict[str, Any]:
    """Return the schema of the headers of every message. All are text; most are present only where known."""
    about: dict[str, Any] = {
        "x-character": {"enum": list(CHARACTER_MAP.values())},
        "x-section": {"pattern": r"^([1-9]|1[0-6])$"},
        "x-symbol": {"pattern": r"^(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$"},
        "x-orientation": {"enum": [each.value for each in Orientation]},
        "x-provenance": {"enum": [each.value for each in Provenance]},
        "x-trajectory": {"enum": [each.value for each in Trajectory]},
    }
    properties = {
        "x-event-id": {"type": "string", "minLength": 1, "description": "The event's id, as in its body."},
        **{name: {"type": "string", **about[name]} for name in ABOUT_HEADERS},
        "traceparent": {
            "type": "string",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "W3C Trace Context.",
        },
    }
    return {"type": "object", "required": ["x-event-id"], "properties": properties}
