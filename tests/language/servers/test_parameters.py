"""Parameters that a server refuses are left out of the next request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from qdpi.language.servers.failures import CallFailed, refused
from qdpi.language.servers.parameters import SYSTEM, refused_parameter, without

TURNS = [{"role": "system", "content": "Be a lamp."}, {"role": "user", "content": "Burn."}]
BODY = {
    "model": "m", "messages": TURNS, "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 70,
    "temperature": 0.7, "stop": ["x"], "grammar": "root",
}  # fmt: skip


def named(body: Any, status: int = 400) -> str | None:
    failure = refused(status, body if isinstance(body, str) else json.dumps(body), {}, now=datetime.now(UTC))
    return refused_parameter(failure, BODY)


@pytest.mark.parametrize(
    ("body", "status", "parameter"),
    [
        ({"detail": [{"loc": ["body", "stream_options", "include_usage"], "msg": "Extra"}]}, 422, "stream_options"),
        ({"error": {"message": "Unrecognized request argument supplied: stream_options"}}, 400, "stream_options"),
        ({"error": {"message": "include_usage is not permitted"}}, 400, "stream_options"),
        ({"error": {"message": "Unsupported value: 'temperature' does not support 0.7", "param": "temperature"}}, 400,
         "temperature"),
        ({"error": {"message": "Unsupported parameter", "param": "max_tokens"}}, 400, "max_tokens"),
        ("unknown field `grammar`", 400, "grammar"),
        ({"error": "'stream' must be false"}, 400, "stream"),
        ({"error": {"message": "System role not supported"}}, 500, SYSTEM),
        ({"message": "Conversation roles must alternate user/assistant/user/assistant/..."}, 400, SYSTEM),
        ({"error": "Only user and assistant roles are supported!"}, 400, SYSTEM),
        ({"error": "Unexpected role 'system' in messages"}, 400, SYSTEM),
        ({"error": "This model does not support the system message"}, 422, SYSTEM),
    ],
)  # fmt: skip
def test_refused_parameter_is_named_in_any_shape(body: Any, status: int, parameter: str) -> None:
    assert named(body, status) == parameter


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": "Incorrect key"}, 401),
        ({"error": "temperature of the server room"}, 404),
        ({"error": "This model's maximum context length is 2048 tokens."}, 400),
        ({"error": "the stream broke"}, 500),
        ({"error": "the operating system has no memory"}, 500),
        ("", 400),
    ],
)
def test_other_refusals_name_none(body: Any, status: int) -> None:
    assert named(body, status) is None


def test_refused_parameters_are_left_out() -> None:
    body = without(json.loads(json.dumps(BODY)), ("stream_options", "temperature"))
    assert sorted(BODY.keys() - body.keys()) == ["stream_options", "temperature"]


def test_limit_of_tokens_has_two_names() -> None:
    once = without(dict(BODY), ("max_tokens",))
    assert ("max_tokens" in once, once["max_completion_tokens"]) == (False, 70)
    assert (
        not {"max_tokens", "max_completion_tokens"}
        & without(dict(BODY), ("max_tokens", "max_completion_tokens")).keys()
    )


def test_without_a_stream_there_are_no_options_of_it() -> None:
    assert not {"stream", "stream_options"} & without(dict(BODY), ("stream",)).keys()


def test_text_of_the_system_role_begins_the_first_turn() -> None:
    assert without(dict(BODY), (SYSTEM,))["messages"] == [{"role": "user", "content": "Be a lamp.\n\nBurn."}]
    assert TURNS[0]["role"] == "system"


def test_system_field_that_is_refused_begins_the_first_turn() -> None:
    """Anthropic's protocol has a field where OpenAI's has a turn."""
    body = {"model": "m", "system": "Be a lamp.", "messages": [{"role": "user", "content": "Burn."}]}
    refusal = CallFailed("system: System role not supported", status=400)
    assert refused_parameter(refusal, body) == SYSTEM
    assert without(dict(body), (SYSTEM,)) == {
        "model": "m", "messages": [{"role": "user", "content": "Be a lamp.\n\nBurn."}],
    }  # fmt: skip
