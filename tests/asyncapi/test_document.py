"""The AsyncAPI document: valid by the official schema, complete, and consistent with the published records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.support.asyncapi_schema import asyncapi_schema
from tests.support.flow import working
from tests.support.gateway import gateway_in

from qdpi.asyncapi import document, document_json
from qdpi.asyncapi.examples import examples
from qdpi.bus.port import Record
from qdpi.events import TOPICS, DeadLetter, PageDone, PageEvent, Press, key_of
from qdpi.topology import COMPONENTS

DOCUMENT = document()


def validator(name: str) -> jsonschema.Draft7Validator:
    """Return a validator for one of the document's schemas."""
    schemas = {"components": DOCUMENT["components"], "$ref": f"#/components/schemas/{name}"}
    return jsonschema.Draft7Validator(schemas, format_checker=jsonschema.FormatChecker())


def faults(name: str, value: Any) -> list[str]:
    return [f"{fault.json_path}: {fault.message}" for fault in validator(name).iter_errors(value)]


def resolve(reference: str) -> Any:
    place: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        place = place[part]
    return place


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    return [each for inner in value for each in references(inner)] if isinstance(value, list) else []


@pytest.mark.process
def test_document_conforms_to_the_official_schema(tmp_path: Path):
    official = jsonschema.Draft7Validator(asyncapi_schema(tmp_path))

    assert [
        f"{fault.json_path}: {fault.message[:200]}" for fault in official.iter_errors(json.loads(document_json()))
    ] == []
    assert list(official.iter_errors({**DOCUMENT, "channels": {"a": {"address": 7}}})) != []


def test_references_resolve():
    assert len(references(DOCUMENT)) > 50
    for reference in references(DOCUMENT):
        assert resolve(reference)


def test_payload_schemas_are_draft_7():
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft7Validator.check_schema(schema)
    assert "prefixItems" not in document_json().decode()


def test_topics_are_channels():
    """Every topic is a channel with its key and its retention."""
    for spec in TOPICS.values():
        channel = DOCUMENT["channels"][spec.name]
        message = resolve(channel["messages"][spec.model.__name__]["$ref"])
        topic = channel["bindings"]["kafka"]["topicConfiguration"]
        assert topic["retention.ms"] == spec.retention * 1_000
        assert ("compact" in topic["cleanup.policy"]) == spec.compact
        assert spec.key in message["bindings"]["kafka"]["key"]["description"]
        assert set(resolve(message["payload"]["$ref"])["properties"]) == set(spec.model.model_fields)


def test_page_event_layouts_are_channels():
    """The other layouts of page events are channels with parameters."""
    for layout, parameters in (("section", {"section"}), ("page", {"section", "page"})):
        channel = DOCUMENT["channels"][f"{PageEvent.topic}.{layout}"]
        assert set(channel["parameters"]) == parameters
        assert channel["messages"] == DOCUMENT["channels"][PageEvent.topic]["messages"]


@pytest.mark.parametrize("topic", TOPICS)
def test_examples_match_their_schemas(topic: str):
    (example,) = resolve(f"#/components/messages/{TOPICS[topic].model.__name__}")["examples"]

    assert faults(TOPICS[topic].model.__name__, example["payload"]) == []
    assert faults("Headers", example["headers"]) == []
    assert TOPICS[topic].model.model_validate(example["payload"]) == examples()[topic]


def test_invalid_examples_are_refused():
    """An example with a missing or wrong field does not validate."""
    press = examples()[Press.topic].model_dump(mode="json")

    assert faults("Press", {name: value for name, value in press.items() if name != "symbol_code"})
    assert faults("Press", {**press, "symbol_code": 256})
    assert faults("Press", {**press, "session_id": "a b"})
    assert faults("Headers", {"x-event-id": "e", "x-symbol": "256"})
    assert faults("Press", {**press, "of a later version": True}) == []


async def test_published_records_match_the_document(tmp_path: Path):
    async with working(tmp_path) as flow:
        written = (await flow.press("alice", 0x1F)).page
        assert written is not None
        await flow.indexed(written.page_id)
        records: list[Record] = list(flow.published.records)

    assert {Press.topic, PageDone.topic, PageEvent.topic} <= {record.topic for record in records}
    for record in records:
        name = TOPICS[record.topic].model.__name__
        assert faults(name, json.loads(record.value or b"")) == []
        assert faults("Headers", {key: value.decode() for key, value in record.headers}) == []
        key = resolve(f"#/components/messages/{name}")["bindings"]["kafka"]["key"]
        assert jsonschema.Draft7Validator(key).is_valid((record.key or b"").decode())


def test_events_have_senders_and_receivers():
    sent = {model for component in COMPONENTS.values() for model in component.sends}
    received = {model for component in COMPONENTS.values() for model in (*component.receives, *component.taps)}
    for_others = {PageEvent, DeadLetter, TOPICS["gibsey.audit"].model}

    assert sent == {spec.model for spec in TOPICS.values()}
    assert received == sent - for_others
    for name in COMPONENTS.keys() - {"janitor"}:
        assert any(operation.startswith(f"{name}.") for operation in DOCUMENT["operations"])


def test_example_key_is_journey_or_page():
    for event in examples().values():
        if not isinstance(event, DeadLetter):
            assert key_of(event)


async def test_gateway_serves_the_document(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as gateway:
        answer = await gateway.client.get("/asyncapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.content == document_json()
