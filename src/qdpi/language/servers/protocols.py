"""The two protocols of models' servers: the request of a call, and its answer, read event by event. Pure.

OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat-streaming), spoken by most servers with
small differences, and Anthropic's messages (https://docs.anthropic.com/en/api/messages-streaming).
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from qdpi.api.sse import ServerEvent
from qdpi.errors import ModelDeclined, ModelEmpty
from qdpi.language.endpoint import Endpoint
from qdpi.language.servers.failures import CallFailed, kind_of_error, parsed, words_of

if TYPE_CHECKING:
    from dspy.lm15 import Config

Turns = list[dict[str, str]]
"""A conversation: each turn's `role` (user or assistant) and `content`."""
Finish = Literal["stop", "length"]

_ANSWER_TOKENS: Final = 4096  # Anthropic requires a limit
_ANTHROPIC_VERSION: Final = "2023-06-01"

# Finish reasons in lower case, `-` and space as `_`. Any other is that of an answer that broke off.
_WHOLE: Final = frozenset(
    [
        "stop",
        "end_turn",
        "stop_sequence",
        "stop_token",
        "eos",
        "eos_token",
        "end",
        "end_of_text",
        "complete",
        "completed",
        "finished",
        "finish",
        "done",
        "success",
        "natural",
    ]
)
_CUT: Final = frozenset(
    [
        "length",
        "max_tokens",
        "max_length",
        "model_length",
        "max_output_tokens",
        "max_new_tokens",
        "max_completion_tokens",
        "max_context",
        "context_length",
        "model_context_window_exceeded",
        "token_limit",
        "limit",
    ]
)
_DECLINED: Final = re.compile(
    r"filter|safety|refus|recitation|block|prohibit|spii|guard|moderat|sensitiv|flagged|censor|policy|risk|harm"
    r"|violat|responsible|language$"
)
_TOOLS: Final = frozenset({"tool_calls", "tool_call", "tool_use", "function_call", "function_calls"})
_ABSENT: Final = frozenset({"", "null", "none", "unspecified", "finish_reason_unspecified"})
_FAILURE_EVENT: Final = re.compile(r"error|exception|fail|abort", re.IGNORECASE)
_ERRORS: Final = frozenset({"error", "errors", "exception"})
_FAILED: Final = frozenset({"error", "failed", "failure", "fail"})
_IDLE: Final = re.compile(
    r"\W*(?:(?:ping|pong|keep\W?alive|heart\W?beat|[a-z]* ?processing|queued)\W*)?", re.IGNORECASE
)
"""What servers send to keep a connection open, in place of an event."""
_DEPTH: Final = 5
_COMPLAINTS: Final = ("message", "detail", "details", "msg", "title", "reason", "error_type", "error_code", "code")


@dataclass(slots=True)
class Counted:
    """Tokens as a server counts them; None where it does not."""

    prompt: int | None = None
    completion: int | None = None

    def take(self, usage: Any, prompt: str, completion: str) -> None:
        """Keep the counts of a `usage`, whose fields for the two are named."""
        if isinstance(usage, Mapping):
            self.prompt = _count(usage.get(prompt), self.prompt)
            self.completion = _count(usage.get(completion), self.completion)


def _count(told: Any, known: int | None) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else known


def _errors_in(value: Any, depth: int = _DEPTH) -> Iterator[tuple[str, Any]]:
    """Yield the fields that report an error, at any depth; filters report some of their own, which are none."""
    if depth and isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).lower() in _ERRORS:
                yield from [(key, item)] if item else []
            elif "filter" not in str(key).lower():
                yield from _errors_in(item, depth - 1)
    elif depth and isinstance(value, list):
        for item in value[:_DEPTH]:
            yield from _errors_in(item, depth - 1)


def _has_failed(value: Mapping[str, Any]) -> bool:
    """Whether an object says of itself that something failed."""
    told = (str(value.get(key)).lower() for key in ("object", "type", "status", "state"))
    return any(value.get(key) is False for key in ("success", "ok")) or not _FAILED.isdisjoint(told)


def _reported(error: Any) -> CallFailed:
    return CallFailed(words_of(error) or "it reported an error without a word", kind_of_error(error))


class Answer(ABC):
    """An answer as it is read: `take` the events until `ended`, then `finished` says whether it is whole."""

    def __init__(self) -> None:
        self.counted = Counted()
        self.ended = False
        """The protocol's own end was read; what follows is not part of the answer."""
        self.finish: Finish | None = None
        self._written = False
        self._thought = False
        self._refusal = ""
        self._unread = ""
        self._half = ""

    def take(self, event: ServerEvent) -> str:
        """Return the event's text, mostly a word. Raises CallFailed for an error in any shape."""
        return self._take_data(event.event, event.data.strip()) + self._take_data("", event.stray.strip())

    def _take_data(self, name: str, data: str) -> str:
        if _FAILURE_EVENT.search(name):
            raise _reported(parsed(data))
        if data.strip("\"'").upper().startswith("[DONE]"):
            self.ended = True
            return ""
        if self.ended or not data:
            return ""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return self._take_text(data)
        return "".join(map(self._take_value, value if isinstance(value, list) else [value]))

    def _take_text(self, data: str) -> str:
        """Take data that is no JSON. Raises CallFailed for JSON that is cut off: words of the page are lost."""
        first, *more = data.split("\n")
        if more:  # events without the blank line between them
            return "".join(self._take_data("", line.strip()) for line in (first, *more))
        if data.startswith("{") and self.finish is None:
            raise CallFailed(f"it sent an event that is not valid JSON: {words_of(data)}")
        if not _IDLE.fullmatch(data):
            self._unread = data  # a plain sentence may be why the stream ends
        return ""

    def is_whole(self, document: str) -> bool:
        """Whether an answer that comes as JSON has come whole, as far as it says itself."""
        try:
            json.loads(document)
        except (ValueError, RecursionError):
            return False
        trial = type(self)()
        try:
            trial.take_document(document)
        except CallFailed:
            return True
        return trial.finish is not None

    def take_document(self, text: str) -> str:
        """Return the text of an answer that came whole, as JSON. Raises CallFailed for an error in any shape."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise CallFailed(f"it sent no event stream and no valid JSON: {words_of(text)}") from None
        piece = "".join(map(self._take_value, value if isinstance(value, list) else [value]))
        if not (self._written or self._thought or self._refusal or self.finish):
            raise CallFailed(f"it sent JSON that is no answer: {words_of(text)}")
        self.ended = True
        return piece

    def finished(self) -> Finish:
        """Return how an answer ended. Raises CallFailed for one that broke off, was refused, or has no text."""
        if self._refusal:
            raise CallFailed(f"the model refused: {words_of(self._refusal)}", ModelDeclined)
        if self.finish is None and (self._unread or not self.ended):
            why = f"; its last words are: {words_of(self._unread)}" if self._unread else ""
            broken = "the answer broke off" if self._written else "it ended the answer before it began"
            raise CallFailed(f"{broken}, without the protocol's end{why}")
        if not self._written:
            raise CallFailed(self._why_empty(), ModelEmpty)
        return self.finish or "stop"

    def _why_empty(self) -> str:
        cut = self.finish == "length"
        if self._thought:
            spent = ", up to its limit of tokens" if cut else ""
            return f"the model only thought{spent}, and wrote no prose"
        return (
            "the model reached its limit of tokens without any prose" if cut else "the model answered without any prose"
        )

    def _take_value(self, value: Any) -> str:
        if not isinstance(value, Mapping):
            self._unread = "" if value is None else str(value)
            return ""
        if (complaint := self._complaint(value)) is not None:
            raise _reported(complaint)
        after_the_end = self.ended or self.finish is not None
        read = "".join(self._read(value))  # the usage comes after the finish reason
        piece = "" if after_the_end else self._joined(read)
        if piece.strip():
            self._written, self._unread = True, ""
        return piece

    def _joined(self, piece: str) -> str:
        """Return a piece, without the first half of a character at its end, which the next one begins with."""
        piece, self._half = self._half + piece, ""
        if "\ud800" <= piece[-1:] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

    def _complaint(self, value: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the part of an object that reports an error, None for any other object."""
        if found := dict(_errors_in(value)):
            says_what = any(isinstance(each, str | Mapping | list) for each in found.values())
            return found if says_what else value
        if isinstance(result := value.get("base_resp"), Mapping) and result.get("status_code"):
            return result  # MiniMax
        is_known = any(value.get(key) for key in self._known)
        complains = any(value.get(key) for key in _COMPLAINTS) or value.get("error") is not None
        return value if _has_failed(value) or (complains and not is_known) else None

    def _end(self, reason: Any) -> None:
        """Keep a finish reason. Raises CallFailed for one that is no end of a page."""
        name = str(reason or "").strip().lower().replace("-", "_").replace(" ", "_")
        if name in _ABSENT:
            return
        if _DECLINED.search(name):
            raise CallFailed(f"the page was filtered or refused (finish reason {str(reason)[:60]!r})", ModelDeclined)
        if name in _TOOLS:
            raise CallFailed("the model asked for a tool in place of writing")
        if name not in _WHOLE | _CUT:
            raise CallFailed(f"the answer broke off (finish reason {str(reason)[:60]!r})")
        self.finish = "length" if name in _CUT else "stop"

    _known: ClassVar[frozenset[str]]
    """Fields of which at least one is in every object that is no error."""

    @abstractmethod
    def _read(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Yield the text in an object, and keep what else it tells."""

    def _parts(self, content: Any) -> Iterator[str]:
        """Yield the text of a content: a string, or parts of which some are thoughts."""
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, str):
                yield part
            elif isinstance(part, Mapping):
                if isinstance(part.get("refusal"), str):
                    self._refusal += part["refusal"]
                elif str(part.get("type") or "text") in {"text", "output_text", "text_delta"}:
                    yield from filter(None, [part.get("text")] if isinstance(part.get("text"), str) else [])
                else:
                    self._thought = True


class ChatAnswer(Answer):
    """An answer in OpenAI's protocol."""

    _known = frozenset({"choices", "usage", "timings"})

    @staticmethod
    def _choices(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        choices = value.get("choices")
        choices = choices if isinstance(choices, list) else []
        return [each for each in choices if isinstance(each, Mapping) and (each.get("index") or 0) == 0]

    def _read(self, value: Mapping[str, Any]) -> Iterator[str]:
        self.counted.take(value.get("usage"), "prompt_tokens", "completion_tokens")
        for choice in self._choices(value):
            yield from self._read_choice(choice)
            self._end(choice.get("finish_reason"))

    def _read_choice(self, choice: Mapping[str, Any]) -> Iterator[str]:
        said = next((choice[key] for key in ("delta", "message") if isinstance(choice.get(key), Mapping)), choice)
        if isinstance(choice.get("delta"), str):
            said = {"content": choice["delta"]}
        if any(said.get(key) for key in ("reasoning_content", "reasoning", "reasoning_details", "thinking")):
            self._thought = True
        if isinstance(said.get("refusal"), str):
            self._refusal += said["refusal"]
        yield from self._parts(said.get("content") if "content" in said else said.get("text"))


class MessagesAnswer(Answer):
    """An answer in Anthropic's protocol."""

    _known = frozenset({"type"})

    def _read(self, value: Mapping[str, Any]) -> Iterator[str]:
        kind = value.get("type")
        message = value.get("message") if kind == "message_start" else value
        if isinstance(message, Mapping):
            self.counted.take(message.get("usage"), "input_tokens", "output_tokens")
        if kind == "message":
            yield from self._parts(value.get("content"))
            self._end(value.get("stop_reason"))
        elif kind == "content_block_start":
            yield from self._parts([value.get("content_block")])
        elif kind == "content_block_delta":
            yield from self._parts([value.get("delta")])
        elif kind == "message_delta":
            delta = value.get("delta")
            self._end(delta.get("stop_reason") if isinstance(delta, Mapping) else None)
        elif kind == "message_stop":
            self.ended = True


class Protocol(ABC):
    """How a server is asked: where, with which headers, with which body, and how its answer is read."""

    path: ClassVar[str]

    @abstractmethod
    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the headers that carry the key."""

    @abstractmethod
    def body(self, endpoint: Endpoint, model: str, system: str, turns: Turns, config: Config) -> dict[str, Any]:
        """Return a request for a streamed answer."""

    @abstractmethod
    def answer(self) -> Answer:
        """Return an answer of which nothing has been read."""


class ChatCompletions(Protocol):
    """OpenAI's chat completions."""

    path = "/chat/completions"

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the headers that carry the key."""
        return {"authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}

    def body(self, endpoint: Endpoint, model: str, system: str, turns: Turns, config: Config) -> dict[str, Any]:
        """Return a request for a streamed answer."""
        limit = "max_completion_tokens" if endpoint.dialect == "openai" else "max_tokens"
        head = [{"role": "system", "content": system}] if system else []
        asked = {
            limit: config.max_tokens,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "stop": list(config.stop) or None,
            "seed": config.seed,
            "frequency_penalty": config.frequency_penalty,
            "presence_penalty": config.presence_penalty,
            **(config.extensions or {}),
        }
        return {
            "model": model,
            "messages": [*head, *turns],
            "stream": True,
            "stream_options": {"include_usage": True},
            **{name: value for name, value in asked.items() if value is not None},
        }

    def answer(self) -> Answer:
        """Return an answer of which nothing has been read."""
        return ChatAnswer()


class Messages(Protocol):
    """Anthropic's messages."""

    path = "/messages"

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the headers that carry the key."""
        key = {"x-api-key": endpoint.api_key} if endpoint.api_key else {}
        return {"anthropic-version": _ANTHROPIC_VERSION, **key}

    def body(self, endpoint: Endpoint, model: str, system: str, turns: Turns, config: Config) -> dict[str, Any]:
        """Return a request for a streamed answer."""
        asked = {
            "system": system or None,
            "temperature": None if config.temperature is None else min(config.temperature, 1.0),
            "top_p": config.top_p,
            "top_k": config.top_k,
            "stop_sequences": list(config.stop) or None,
            **(config.extensions or {}),
        }
        return {
            "model": model,
            "max_tokens": config.max_tokens or _ANSWER_TOKENS,
            "messages": turns,
            "stream": True,
            **{name: value for name, value in asked.items() if value is not None},
        }

    def answer(self) -> Answer:
        """Return an answer of which nothing has been read."""
        return MessagesAnswer()


def protocol_of(endpoint: Endpoint) -> Protocol:
    """Return the protocol that an endpoint speaks."""
    return Messages() if endpoint.dialect == "anthropic" else ChatCompletions()
