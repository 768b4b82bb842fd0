"""Answers of models' servers, read event by event: what is a page, and what broke off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qdpi.api.sse import ServerEvent
from qdpi.errors import ModelBusy, ModelDeclined, ModelEmpty, ModelFailed, ModelUnreachable
from qdpi.language.servers.failures import CallFailed
from qdpi.language.servers.protocols import Answer, ChatAnswer, MessagesAnswer

DONE = ServerEvent(data="[DONE]")


def sent(body: Any, event: str = "message") -> ServerEvent:
    return ServerEvent(event, body if isinstance(body, str) else json.dumps(body))


def chunk(content: Any = None, finish: Any = None, **more: Any) -> ServerEvent:
    delta = {} if content is None else {"content": content}
    return sent({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


def read(answer: Answer, *events: ServerEvent) -> tuple[str, str]:
    """Return the text and how it ended; nothing after the answer's end is read."""
    text = ""
    for event in events:
        text += answer.take(event)
        if answer.ended:
            break
    return text, answer.finished()


LAMP = chunk("The lamp")
WAYS_TO_WRITE = {
    "a finish reason alone": [LAMP, chunk(" went out."), chunk(finish="stop")],
    "[DONE] alone": [LAMP, chunk(" went out."), DONE],
    "a finish reason with the last word": [LAMP, chunk(" went out.", "stop"), DONE],
    "an empty finish reason before the end": [chunk("The lamp", ""), chunk(" went out.", "null"), DONE],
    "comments as data": [sent(": ping"), LAMP, sent(""), chunk(" went out."), DONE],
    "choices that are null, empty or no list": [sent({"choices": None}), sent({"choices": []}), sent({"choices": 7}),
                                                LAMP, chunk(" went out."), DONE],
    "a delta that is null": [sent({"choices": [{"delta": None}]}), LAMP, chunk(" went out."), DONE],
    "`message` for `delta`": [sent({"choices": [{"message": {"content": "The lamp went out."}}]}), DONE],
    "`text` for `delta`": [sent({"choices": [{"text": "The lamp went out."}]}), DONE],
    "content in parts": [chunk([{"type": "thinking", "thinking": [{"text": "Hm."}]}]),
                         chunk([{"type": "text", "text": "The lamp"}, " went out."]), DONE],
    "thoughts beside the content": [sent({"choices": [{"delta": {"reasoning_content": "Hm.", "reasoning": "Hm."}}]}),
                                    LAMP, chunk(" went out."), DONE],
    "a second choice": [LAMP, sent({"choices": [{"index": 1, "delta": {"content": "No"}}]}), chunk(" went out."), DONE],
    "text after the end": [LAMP, chunk(" went out."), chunk(finish="stop"), chunk(" GHOST"), DONE, chunk(" GHOST")],
    "errors that are none": [chunk("The lamp", error=None), chunk(" went out.", error={}, errors=[]), DONE],
    "a list of chunks": [sent([{"choices": [{"delta": {"content": "The lamp"}}]},
                               {"choices": [{"delta": {"content": " went out."}}]}]), DONE],
    "[DONE] in lower case": [LAMP, chunk(" went out."), sent("[done]")],
    "[DONE] in quotation marks": [LAMP, chunk(" went out."), sent('"[DONE]"')],
    "words that only keep the connection": [sent("ping"), LAMP, sent(": OPENROUTER PROCESSING"), chunk(" went out."),
                                            sent("keep-alive"), ServerEvent("ping"), DONE],
    "words of a server before those of the page": [sent("loading the model"), LAMP, chunk(" went out."), DONE],
    "a filter that could not look": [chunk("The lamp", content_filter_result={"error": {"message": "not filtered"}}),
                                     chunk(" went out."), DONE],
    "a delta that is a string": [sent({"choices": [{"delta": "The lamp went out."}]}), DONE],
    "events without the blank line between them": [
        ServerEvent(data=f"{LAMP.data}\n{chunk(' went out.').data}\n[DONE]"),
    ],
    "an event that is cut off after the finish": [LAMP, chunk(" went out.", "stop"), sent('{"choices": [], "us')],
    "a last event of a kind unknown": [LAMP, chunk(" went out."), sent({"type": "of tomorrow"}), DONE],
}  # fmt: skip


@pytest.mark.parametrize("events", WAYS_TO_WRITE.values(), ids=WAYS_TO_WRITE)
def test_ways_in_which_servers_write_a_page(events: list[ServerEvent]) -> None:
    assert read(ChatAnswer(), *events) == ("The lamp went out.", "stop")


ERRORS: dict[str, tuple[ServerEvent, str]] = {
    "an object": (chunk("", "error", error={"code": 502, "message": "the provider left"}), "the provider left"),
    "a string": (sent({"error": "the model failed to load"}), "failed to load"),
    "a list": (sent([{"error": {"message": "the window is full"}}]), "window is full"),
    "of TGI": (sent({"error_type": "generation", "error": "out of memory"}), "out of memory"),
    "flat": (sent({"object": "error", "message": "the engine died", "code": 500}), "engine died"),
    "FastAPI's": (sent({"detail": [{"msg": "no such lamp"}]}), "no such lamp"),
    "a gateway's": (sent({"id": "r-1", "message": "upstream closed"}), "upstream closed"),
    "in a choice": (sent({"choices": [{"delta": {}, "error": {"message": "the limit"}}]}), "the limit"),
    "in an extension": (sent({"choices": [], "x_groq": {"error": "over capacity"}}), "over capacity"),
    "an event of errors": (sent({"message": "the context is full"}, "error"), "context is full"),
    "an event of errors in plain words": (sent("upstream went away", "error"), "upstream went away"),
    "an event of errors without a word": (sent("", "error"), "without a word"),
    "an event of errors in capitals": (sent("upstream went away", "ERROR"), "upstream went away"),
    "an event of exceptions": (sent({"message": "the engine died"}, "exception"), "engine died"),
    "an event of errors without data": (ServerEvent("error"), "without a word"),
    "an object in a line of its own": (ServerEvent(stray='{"error": {"message": "the engine died"}}'), "engine died"),
    "true, and the words beside it": (sent({"error": True, "message": "the engine died"}), "engine died"),
    "empty": (sent({"error": {}}), "error"),
    "in a delta": (sent({"choices": [{"delta": {"content": "", "error": {"message": "the limit"}}}]}), "the limit"),
    "within another object": (sent({"response": {"error": {"message": "the limit"}}}), "the limit"),
    "an exception": (sent({"exception": "the engine died"}), "engine died"),
    "beside no choices": (sent({"choices": [], "message": "the engine died"}), "engine died"),
    "MiniMax's": (sent({"choices": None, "base_resp": {"status_code": 1002, "status_msg": "the limit"}}), "the limit"),
    "a status": (sent({"status": "failed"}), "failed"),
    "no success": (sent({"success": False}), "success"),
    "errors in the plural": (sent({"errors": [{"message": "no route"}]}), "no route"),
}


@pytest.mark.parametrize("before", [[], [LAMP], [LAMP, chunk(finish="stop")]], ids=["first", "midway", "before [DONE]"])
@pytest.mark.parametrize(("event", "says"), ERRORS.values(), ids=ERRORS)
def test_error_within_an_answer_is_a_failed_call(event: ServerEvent, says: str, before: list[ServerEvent]) -> None:
    with pytest.raises(CallFailed, match=says):
        read(ChatAnswer(), *before, event, DONE)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "slow down"}, ModelBusy),
        ({"type": "overloaded_error", "message": "Overloaded"}, ModelBusy),
        ({"status": "UNAVAILABLE", "message": "try later"}, ModelBusy),
        ({"code": "content_filter", "message": "no"}, ModelDeclined),
        ({"code": 403, "message": "Your input was flagged by moderation"}, ModelDeclined),
        ({"code": 500, "message": "it broke"}, ModelUnreachable),
    ],
)
@pytest.mark.parametrize("answer", [ChatAnswer, MessagesAnswer])
def test_error_within_an_answer_has_its_kind(
    error: dict[str, Any], kind: type[ModelFailed], answer: type[Answer]
) -> None:
    with pytest.raises(CallFailed) as failed:
        read(answer(), sent({"type": "error", "error": error}))
    assert failed.value.kind is kind


UNFINISHED: dict[str, tuple[list[ServerEvent], type[ModelFailed], str]] = {
    "nothing": ([], ModelUnreachable, "before it began"),
    "an end without an end": ([LAMP], ModelUnreachable, "broke off"),
    "a last sentence that is no event": ([LAMP, sent("upstream went away")], ModelUnreachable, "upstream went away"),
    "a last sentence before [DONE]": ([LAMP, sent("upstream went away"), DONE], ModelUnreachable, "upstream went away"),
    "a last line that is no event": ([LAMP, ServerEvent(stray="Bad Gateway"), DONE], ModelUnreachable, "Bad Gateway"),
    "an event cut off midway": (
        [LAMP, sent('{"choices": [{"delta": {"content": " we'), chunk(" out."), chunk(finish="stop"), DONE],
        ModelUnreachable, "not valid JSON",
    ),
    "an unknown finish": ([LAMP, chunk(finish="abort")], ModelUnreachable, "'abort'"),
    "an error as finish": ([LAMP, chunk(finish="error")], ModelUnreachable, "'error'"),
    "a tool": ([chunk(finish="tool_calls"), DONE], ModelUnreachable, "a tool"),
    "a filter": ([LAMP, chunk(finish="content_filter")], ModelDeclined, "content_filter"),
    "a filter in capitals": ([LAMP, chunk(finish="SAFETY")], ModelDeclined, "SAFETY"),
    "a refusal": ([sent({"choices": [{"delta": {"refusal": "I can't."}}]}), DONE], ModelDeclined, "I can't"),
    "a refusal in parts": ([chunk([{"type": "refusal", "refusal": "I won't."}]), DONE], ModelDeclined, "I won't"),
    "silence": ([chunk(""), chunk(finish="stop"), DONE], ModelEmpty, "without any prose"),
    "white space": ([chunk(" \n"), DONE], ModelEmpty, "without any prose"),
    "thoughts alone": ([sent({"choices": [{"delta": {"reasoning": "Hm."}}]}), DONE], ModelEmpty, "only thought"),
    "thoughts up to the limit": (
        [sent({"choices": [{"delta": {"reasoning": "Hm."}}]}), chunk(finish="length")], ModelEmpty, "limit of tokens",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("events", "kind", "says"), UNFINISHED.values(), ids=UNFINISHED)
def test_unfinished_answer_is_no_page(events: list[ServerEvent], kind: type[ModelFailed], says: str) -> None:
    with pytest.raises(CallFailed, match=says) as failed:
        read(ChatAnswer(), *events)
    assert failed.value.kind is kind


@pytest.mark.parametrize(
    "reason",
    ["content-filter", "safety_filter", "guardrails", "content_policy_violation", "risk", "IMAGE_SAFETY", "SPII"],
)
def test_every_filter_is_a_refusal(reason: str) -> None:
    with pytest.raises(CallFailed, match=reason) as failed:
        read(ChatAnswer(), LAMP, chunk(finish=reason))
    assert failed.value.kind is ModelDeclined


@pytest.mark.parametrize("cut", range(1, 5))
def test_character_that_arrives_in_two_pieces_is_whole(cut: int) -> None:
    """Servers that count in UTF-16 cut a character outside its first plane into two."""
    units = "\u0041\ud83d\udd14\u0042\u0043"
    text, _ = read(ChatAnswer(), chunk(units[:cut]), chunk(units[cut:]), DONE)
    assert text == "A\U0001f514BC"


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length", "max-length"])
def test_answer_cut_at_its_limit_says_so(reason: str) -> None:
    assert read(ChatAnswer(), LAMP, chunk(finish=reason)) == ("The lamp", "length")


def test_usage_is_counted_wherever_it_comes() -> None:
    usage = {"prompt_tokens": 21, "completion_tokens": 9}
    answers = [ChatAnswer() for _ in range(3)]
    read(answers[0], LAMP, chunk(finish="stop"), sent({"choices": [], "usage": usage}), DONE)
    read(answers[1], chunk("The lamp", usage=usage), chunk(finish="stop", usage=None), DONE)
    read(answers[2], chunk("The lamp", usage={"prompt_tokens": "many", "completion_tokens": True}), DONE)
    assert [(a.counted.prompt, a.counted.completion) for a in answers] == [(21, 9), (21, 9), (None, None)]


def test_whole_document_is_an_answer() -> None:
    answer = ChatAnswer()
    body = {"choices": [{"message": {"content": "The lamp went out."}, "finish_reason": "stop"}]}
    assert (answer.take_document(json.dumps(body)), answer.finished(), answer.ended) == (
        "The lamp went out.", "stop", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ('{"error":"Unexpected endpoint or method. (POST /chat/completions)"}', "Unexpected endpoint"),
        ('{"ok": true}', "no answer"),
        ('{"choices": []}', "no answer"),
        ("[]", "no answer"),
        ('{"choices": [{"mess', "no valid JSON"),
    ],
)
def test_document_that_is_no_answer_is_quoted(document: str, says: str) -> None:
    with pytest.raises(CallFailed, match=says):
        ChatAnswer().take_document(document)


@pytest.mark.parametrize(
    ("document", "is_whole"),
    [
        ('{"choices": [{"message": {"content": "The lamp."}, "finish_reason": "stop"}]}', True),
        ('{"error": "no lamp"}', True),
        ('{"choices": [{"delta": {"content": "The"}}]}', False),
        ('{"choices": [{"message": {"content": "The lamp {out}', False),
    ],
)
def test_document_says_whether_it_is_whole(document: str, is_whole: bool) -> None:
    assert ChatAnswer().is_whole(document) is is_whole


def block(kind: str, **fields: Any) -> ServerEvent:
    return sent({"type": kind, **fields}, kind)


TEXT = block("content_block_delta", delta={"type": "text_delta", "text": "The lamp went out."})
STARTED = block("message_start", message={"content": [], "usage": {"input_tokens": 21, "output_tokens": 1}})


def ended(reason: str | None) -> ServerEvent:
    return block("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 9})


def test_messages_with_thoughts_pings_and_unknown_events() -> None:
    answer = MessagesAnswer()
    thought = block("content_block_delta", delta={"type": "thinking_delta", "thinking": "Hm."})
    told = read(
        answer,
        STARTED,
        block("ping"),
        block("content_block_start", content_block={"type": "thinking", "thinking": ""}),
        thought,
        block("of_tomorrow", delta={"text": "No."}),
        block("content_block_start", content_block={"type": "text", "text": ""}),
        TEXT,
        ended("end_turn"),
        block("message_stop"),
        TEXT,
    )
    assert told == ("The lamp went out.", "stop")
    assert (answer.counted.prompt, answer.counted.completion) == (21, 9)


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([STARTED, TEXT], ModelUnreachable),
        ([STARTED, TEXT, ended(None)], ModelUnreachable),
        ([STARTED, TEXT, ended("pause_turn")], ModelUnreachable),
        ([STARTED, TEXT, ended("tool_use")], ModelUnreachable),
        ([STARTED, TEXT, ended("refusal"), block("message_stop")], ModelDeclined),
        ([STARTED, ended("end_turn"), block("message_stop")], ModelEmpty),
        ([STARTED, TEXT, block("error", error={"type": "overloaded_error", "message": "Overloaded"})], ModelBusy),
    ],
)
def test_unfinished_message_is_no_page(events: list[ServerEvent], kind: type[ModelFailed]) -> None:
    with pytest.raises(CallFailed) as failed:
        read(MessagesAnswer(), *events)
    assert failed.value.kind is kind


@pytest.mark.parametrize(("reason", "finish"), [("max_tokens", "length"), ("model_context_window_exceeded", "length"),
                                                ("stop_sequence", "stop")])  # fmt: skip
def test_messages_end(reason: str, finish: str) -> None:
    assert read(MessagesAnswer(), STARTED, TEXT, ended(reason))[1] == finish


def test_whole_message_is_an_answer() -> None:
    answer = MessagesAnswer()
    body = {"type": "message", "content": [{"type": "text", "text": "The lamp."}], "stop_reason": "end_turn"}
    assert (answer.take_document(json.dumps(body)), answer.finished()) == ("The lamp.", "stop")
