"""Build the AsyncAPI 3.0.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from qdpi import __version__
from qdpi.asyncapi.examples import examples
from qdpi.asyncapi.schemas import header_schema, payload_schemas
from qdpi.events import TOPICS, DeadLetter, Event, PageEvent, PageEventLayout, TopicSpec, headers_of
from qdpi.topology import COMPONENTS, Component, EventModel

_BINDING: Final = "0.5.0"
_PAGE_TOPICS: Final = {
    PageEventLayout.SECTION: "gibsey.page.{section}",
    PageEventLayout.PAGE: "gibsey.page.{section}.{page}.events",
}
_PARAMETERS: Final = {
    "section": {"description": "S01 to S16.", "examples": ["S01"]},
    "page": {"description": "P and a canon page's number, or a generated page's id.", "examples": ["P0007"]},
}


@cache
def document_json() -> bytes:
    """Return the document as JSON."""
    return json.dumps(document(), ensure_ascii=False, indent=2).encode() + b"\n"


def document() -> dict[str, Any]:
    """Return the document."""
    models = [spec.model for spec in TOPICS.values()]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gibsey QDPI",
            "version": __version__,
            "description": "The topics and events of a novel that writes back. Delivery is at least once. Events are "
            "ordered within a topic and key. Consumers keep unknown fields and pass them on.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{brokers}",
                "protocol": "kafka",
                "description": "Kafka or Redpanda. Without brokers, the embedded bus carries the same bytes.",
                "variables": {"brokers": {"default": "localhost:9092", "description": "The setting KAFKA_BROKERS."}},
            }
        },
        "channels": dict(_channels()),
        "operations": {
            name: operation for component in COMPONENTS.values() for name, operation in _operations(component)
        },
        "components": {
            "messages": {model.__name__: _message(model) for model in models},
            "schemas": {**payload_schemas(models), "Headers": header_schema()},
        },
    }


def _channels() -> Iterator[tuple[str, dict[str, Any]]]:
    for spec in TOPICS.values():
        yield spec.name, _channel(spec, spec.name)
    for layout, address in _PAGE_TOPICS.items():
        channel = _channel(TOPICS[PageEvent.topic], address)
        channel["description"] = f"Replaces {PageEvent.topic} if QDPI_PAGE_EVENTS is {layout.value}."
        channel["parameters"] = {name: parameter for name, parameter in _PARAMETERS.items() if f"{{{name}}}" in address}
        yield f"{PageEvent.topic}.{layout.value}", channel


def _channel(spec: TopicSpec, address: str) -> dict[str, Any]:
    name = spec.model.__name__
    topic = {
        "cleanup.policy": ["compact", "delete"] if spec.compact else ["delete"],
        "retention.ms": spec.retention * 1_000,
        "max.message.bytes": spec.max_bytes,
    }
    return {
        "address": address,
        "title": _title(name),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"kafka": {"topicConfiguration": topic, "bindingVersion": _BINDING}},
    }


def _message(model: EventModel) -> dict[str, Any]:
    example = examples()[model.topic]
    return {
        "name": model.__name__,
        "title": _title(model.__name__),
        "summary": " ".join((model.__doc__ or "").split()),
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "bindings": {"kafka": {"key": _key(TOPICS[model.topic]), "bindingVersion": _BINDING}},
        "examples": [{"headers": example_headers(example), "payload": example.model_dump(mode="json")}],
    }


def example_headers(example: Event | DeadLetter) -> dict[str, str]:
    """Return the headers of an example."""
    if isinstance(example, DeadLetter):
        return {"x-event-id": example.event_id}
    return {name: value.decode() for name, value in headers_of(example)}


def _key(spec: TopicSpec) -> dict[str, Any]:
    if spec.key == "original":
        return {"type": "string", "description": "The original record's key."}
    schema = spec.model.model_json_schema()["properties"][spec.key]
    return {"type": "string", "description": f"The body's {spec.key}.", "pattern": schema["pattern"]}


def _operations(component: Component) -> Iterator[tuple[str, dict[str, Any]]]:
    for model in component.sends:
        yield f"{component.name}.sends.{model.__name__}", _operation(component, "send", model)
    for model in (*component.receives, *component.taps):
        yield f"{component.name}.receives.{model.__name__}", _operation(component, "receive", model)


def _operation(component: Component, action: str, model: EventModel) -> dict[str, Any]:
    name = _title(component.name)
    channel = f"#/channels/{model.topic}"
    operation: dict[str, Any] = {
        "action": action,
        "title": f"{name} {action}s {_title(model.__name__).lower()}",
        "summary": f"The {name.lower()} {component.about}.",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{model.__name__}"}],
        "tags": [{"name": component.name}],
    }
    if model in component.receives:
        group = {"type": "string", "enum": [component.group]}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": _BINDING}}
    return operation


def _title(name: str) -> str:
    """Return a name of the code as words: `PageDone` becomes `Page done`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name.replace("_", " "))
    return words.strip().capitalize()
