"""Request bodies, and the short responses to them. Unknown fields are ignored."""

from __future__ import annotations

import re
import reprlib
import unicodedata
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from qdpi.errors import InvalidInput, InvalidSymbol
from qdpi.events import INTENT_LIMIT, PressInput, ReaderInput
from qdpi.symbols import parse_symbol

LABEL_LIMIT: Final = 200
CONTROL: Final = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
"""The characters that a reader's words may not have, as a range of a regular expression; surrogates are never text."""
_SHOWN_CHARACTERS: Final = 80
_REPR: Final = reprlib.Repr()
_REPR.maxstring = _REPR.maxlong = _REPR.maxother = 4 * _SHOWN_CHARACTERS


def abbreviate(value: object) -> str:
    """Return the repr of a value for an error message: one line, at most 80 characters, at any depth of nesting."""
    text = _REPR.repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def check_words(words: str, name: str = "user_intent", limit: int = INTENT_LIMIT) -> str:
    """Return a reader's words unchanged.

    Raises `InvalidInput` for too many characters, control characters and lone surrogates.
    """
    if len(words) > limit:
        raise InvalidInput(
            f"{name} has {len(words):,} characters; the limit is {limit:,}.",
            next_step="Shorten it and send it again.",
        )
    for position, character in enumerate(words):
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t":
            raise InvalidInput(
                f"{name} contains the control character U+{ord(character):04X} at position {position}; "
                "only line feeds and tabs are allowed.",
                next_step="Remove it and send the words again.",
            )
    return words


def _check_some_words(words: str) -> str:
    if not words.strip():
        raise InvalidInput("user_intent is empty; an ask needs words.", next_step="Send the question in user_intent.")
    return words


def _read_symbol(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidSymbol(f"{abbreviate(value)} is not a symbol.")
    return parse_symbol(value)


_UNPRINTABLE: Final = re.compile(rf"[{CONTROL}\n\t\ud800-\udfff]")


def _check_printable(value: str) -> str:
    if _UNPRINTABLE.search(value):
        raise InvalidInput(
            f"{abbreviate(value)} contains characters that are not printable.", next_step="Use letters and digits."
        )
    return value


SYMBOL_FORMS: dict[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "string"}],
    "examples": [0, "0x1F", "an-author:XC"],
}
_ANY: Final = rf"[^{CONTROL}]*"
_NOT_BLANK: Final = rf"{_ANY}[^\s{CONTROL}]{_ANY}"


def _described(pattern: str, limit: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "maxLength": limit})


Words = Annotated[str, AfterValidator(lambda words: check_words(words)), _described(_ANY, INTENT_LIMIT)]
SomeWords = Annotated[
    str, AfterValidator(lambda words: _check_some_words(check_words(words))), _described(_NOT_BLANK, INTENT_LIMIT)
]
Label = Annotated[
    str, AfterValidator(lambda words: check_words(words, "label", LABEL_LIMIT)), _described(_ANY, LABEL_LIMIT)
]
Notes = Annotated[str, AfterValidator(lambda words: check_words(words, "notes")), _described(_ANY, INTENT_LIMIT)]
SymbolInput = Annotated[int, BeforeValidator(_read_symbol), WithJsonSchema(SYMBOL_FORMS)]
GivenId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_check_printable)]


class Body(BaseModel):
    """Base of the request bodies: immutable, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _JourneyBody(Body):
    session_id: str


class _SymbolBody(_JourneyBody):
    symbol_code: SymbolInput
    page_id: str | None = None


class PressBody(PressInput, _SymbolBody):
    """A press of a symbol at a locus; `trajectory` is a wish. Repeats with one `client_request_id` are one press."""

    user_intent: Words | None = None
    client_request_id: GivenId | None = None


class AskBody(ReaderInput, _JourneyBody):
    """An ask in words at a locus."""

    user_intent: SomeWords
    page_id: str | None = None
    client_request_id: GivenId | None = None


class StopBody(_JourneyBody):
    """Stops the run of the press `event_id`."""

    event_id: GivenId


class _LocusBody(Body):
    session_id: str | None = None
    page_id: str | None = None


class RunBody(ReaderInput, _LocusBody):
    """A direct run; without a session it starts a new journey."""

    user_intent: Words | None = None
    client_request_id: GivenId | None = None


class BranchBody(RunBody):
    """A fork from a locus; the default symbol is the locus's character with Receive, Parallel."""

    symbol_code: SymbolInput | None = None


class VaultBody(Body):
    """Saves a page in a vault, or changes its label and notes; those left out do not change."""

    page_id: str
    label: Label | None = None
    notes: Notes | None = None
    client_request_id: GivenId | None = None


class PlaceBody(Body):
    """The page on which the reader reads."""

    page_id: str


class Accepted(BaseModel):
    """The event was accepted: its id, and the id of the run that it starts (for a stop: that it stops)."""

    ok: bool = True
    event_id: str
    request_id: str


class SessionBody(Body):
    """A valid session id, to be exchanged for a new one of the same journey; without it a new journey begins."""

    session_id: str | None = None


class SessionIssued(BaseModel):
    """An unguessable session id, whether this server accepts only signed ones, and when this one expires."""

    session_id: str
    signed: bool
    expires_at: datetime | None = None
