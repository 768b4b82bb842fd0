"""The errors of this package, in one tree. A message gives the value, the cause and the next step.

`code` identifies the error for programs (problem details, `failed` events); `next_step` is a sentence for the person
who can act. Adapters translate their driver's exceptions into this tree where they arise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pydantic import ValidationError


class QdpiError(Exception):
    """Base of every error that this package raises on purpose."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    """The HTTP status a gateway answers with."""
    default_next_step: ClassVar[str] = "Report this with the log line that contains its event id."

    def __init__(self, detail: str, *, next_step: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.next_step = next_step or self.default_next_step

    def __str__(self) -> str:
        return f"{self.detail} {self.next_step}".strip()


class InvalidInput(QdpiError, ValueError):
    """Invalid input from a person or a program."""

    code = "invalid_input"
    status = 422
    default_next_step = "Correct the value and send it again."


class InvalidSymbol(InvalidInput):
    """A symbol outside the 256."""

    code = "invalid_symbol"
    default_next_step = "Give 0..255, 0x00..0xFF or a name such as an-author:XC."


class InvalidSession(InvalidInput):
    """A session id that is malformed."""

    code = "invalid_session"
    default_next_step = "Use 1 to 64 letters, digits, '-' or '_', or get one from POST /api/v1/session."


class Unauthorized(QdpiError):
    """A session id that this server did not sign, where it signs them."""

    code = "unauthorized"
    status = 401
    default_next_step = "Get a session id from POST /api/v1/session and send it unchanged."


class SessionExpired(Unauthorized):
    """A signed session id that has expired."""

    code = "session_expired"
    default_next_step = "Get a new one from POST /api/v1/session; before an id expires, send it there to exchange it."


class ForbiddenOrigin(QdpiError):
    """A page of another site sent a request that only the gateway's own page may send."""

    code = "forbidden_origin"
    status = 403
    default_next_step = "Open the page that this server serves at /, or name the other site in QDPI_CORS_ORIGINS."


class UnknownHost(QdpiError):
    """A request is for a host that is not the gateway: somebody's name that leads to this machine."""

    code = "unknown_host"
    status = 421
    default_next_step = "Use the address that the server printed, or name this one in its setting QDPI_HOSTS."


class UpgradeRequired(QdpiError):
    """A WebSocket's path was asked for by plain HTTP."""

    code = "upgrade_required"
    status = 426
    default_next_step = (
        "Open it with a WebSocket client, as ws:// or wss://, or follow the same frames at GET /api/v1/event/stream. "
        "Behind a proxy, let it pass the headers Upgrade and Connection on."
    )


class NotJson(InvalidInput):
    """A body that is not JSON."""

    code = "not_json"
    status = 400
    default_next_step = "Send a JSON object with the header `content-type: application/json`."


class BodyTooLarge(InvalidInput):
    """A body above the limit."""

    code = "body_too_large"
    status = 413
    default_next_step = "Send less than 1 MB."


class MalformedEvent(InvalidInput):
    """Bytes on a topic that are not an event of that topic."""

    code = "malformed_event"
    default_next_step = "Look at the record with `qdpi dlq show`."


class UnknownPage(QdpiError, LookupError):
    """A page id that names no page, or none that this reader may read."""

    code = "unknown_page"
    status = 404
    default_next_step = "Take a page id from GET /api/v1/canon or from your own journey."


class UnknownDrawing(QdpiError, LookupError):
    """A character of which the book has no drawing."""

    code = "unknown_drawing"
    status = 404
    default_next_step = "Take the character's glyph: GET /api/v1/symbols/{code}/glyph.svg."


class UnknownSection(QdpiError, LookupError):
    """A section that the book does not have."""

    code = "unknown_section"
    status = 404
    default_next_step = "Give a section from 1 to 16."


class InvalidSetting(QdpiError, ValueError):
    """A setting with an invalid value."""

    code = "invalid_setting"
    default_next_step = "See docs/configuration.md for its values."


class BookRefused(QdpiError):
    """A book that breaks the rules; `faults` lists every one of them, `notes` what was not read."""

    code = "book_refused"
    status = 422
    default_next_step = "Correct the faults and ingest the book again; nothing was written."

    def __init__(
        self,
        detail: str,
        *,
        faults: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        next_step: str | None = None,
    ) -> None:
        super().__init__(detail, next_step=next_step)
        self.faults, self.notes = faults, notes


class ArchiveRefused(InvalidInput):
    """An archive that cannot be imported: it is incomplete, or contradicts what is stored here."""

    code = "archive_refused"
    default_next_step = "Nothing was changed here. Export the journey again where it came from."


class NoBook(QdpiError):
    """No book has been ingested yet."""

    code = "no_book"
    status = 503
    default_next_step = "Run `qdpi ingest-canon PATH`, or `qdpi run`, which ingests the project's own short book."


class TooMany(QdpiError):
    """A limit was reached. `retry_after` is the number of whole seconds after which to try again."""

    code = "too_many"
    status = 429

    def __init__(self, detail: str, *, retry_after: int = 1, next_step: str | None = None) -> None:
        super().__init__(detail, next_step=next_step)
        self.retry_after = retry_after


class TooManyWaiting(TooMany):
    """A journey, or an address, has as many presses waiting as it may have."""

    code = "too_many_waiting"
    default_next_step = "Wait for an answer before pressing again."


class TooManyStreams(TooMany):
    """A journey, or an address, has as many streams open as it may have."""

    code = "too_many_streams"
    default_next_step = "Close a stream before opening another."


class TooManyRequests(TooMany):
    """A journey, or an address, has made as many requests as it may in a minute."""

    code = "too_many_requests"
    default_next_step = "Wait for the seconds in Retry-After."


class TooManyImports(TooMany):
    """Other journeys are being imported."""

    code = "too_many_imports"


class OutcomePending(QdpiError):
    """A direct run had no outcome in time; the press goes on."""

    code = "outcome_pending"
    status = 504
    default_next_step = "The press is not lost: its outcome will be in the journey and on the stream."


class Unavailable(QdpiError):
    """A dependency is unavailable for now. Callers retry; it is never a reason to fail a press.

    `told` is what readers are told: the detail, for the operator, may name files and addresses of this server.
    """

    code = "unavailable"
    status = 503
    told: ClassVar[str] = "A part of this server is unavailable."
    default_next_step = "It is retried automatically; see /readyz."


class StoreUnavailable(Unavailable):
    """The page store does not answer."""

    code = "store_unavailable"
    told = "The store is unavailable."


class BusUnavailable(Unavailable):
    """The event bus does not answer."""

    code = "bus_unavailable"
    told = "The bus is unavailable."


class MembershipOver(QdpiError):
    """A membership of a consumer group has ended: the worker must join the group again."""

    code = "membership_over"
    status = 503
    default_next_step = "The worker joins the group again automatically."


class PublishUnknown(BusUnavailable):
    """The bus did not confirm an event; publishing the same event again is safe."""

    code = "publish_unknown"
    told = "The bus did not confirm it."
    default_next_step = "Send the same request again with the same client_request_id: it is one event."


class ModelFailed(QdpiError):
    """A language model did not write a page. `passing` says whether the same call may succeed when it is made again."""

    code = "model_failed"
    status = 502
    passing: ClassVar[bool] = True
    default_next_step = "Press again, or check the model with `qdpi doctor`."


class ModelUnreachable(ModelFailed):
    """A configured language model is unavailable, or broke off."""

    code = "model_unreachable"


class ModelRefused(ModelFailed):
    """A model's server refuses the request as it is: an unknown model, a wrong key, a prompt that is too long."""

    code = "model_refused"
    passing = False
    default_next_step = "Check the model's name, key and address with `qdpi doctor`."


class ModelDeclined(ModelFailed):
    """A model, or a filter of its provider, declined to write this page."""

    code = "model_declined"
    passing = False
    default_next_step = "Press another symbol, or ask in other words: the model declined this page."


class ModelBusy(ModelFailed):
    """A model's server has too many requests, or still loads the model. `retry_after` is in seconds."""

    code = "model_busy"
    status = 503
    default_next_step = "Press again later; QDPI_MODEL_WAIT is how long a press waits."

    def __init__(self, detail: str, *, retry_after: float = 1.0, next_step: str | None = None) -> None:
        super().__init__(detail, next_step=next_step)
        self.retry_after = retry_after


class ModelTimeout(ModelFailed):
    """A language model took longer than QDPI_MODEL_TIMEOUT."""

    code = "model_timeout"


class TextWithdrawn(ModelFailed):
    """A language model's text was shown, and then said to be no part of the page."""

    code = "text_withdrawn"


class ModelEmpty(ModelFailed):
    """A language model answered without prose."""

    code = "model_empty"


class ModelTooLong(ModelFailed):
    """A language model exceeded the length of the longest page."""

    code = "model_too_long"


class RunStopped(QdpiError):
    """A reader stopped a run before it had any text."""

    code = "stopped"
    status = 409
    default_next_step = "Press again to have the page written."


class ServicesFailed(QdpiError):
    """A server of `qdpi services` cannot be fetched, started or found."""

    code = "services_failed"
    default_next_step = "See `qdpi services status` and `qdpi services logs`."


class ToolMissing(ServicesFailed):
    """A program that the servers need is missing on this machine."""

    code = "tool_missing"


def validation_detail(error: ValidationError, whole: str, most: int = 5) -> str:
    """Return the first `most` faults of a validation, each with its place; `whole` names the value itself."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}" for e in error.errors()[:most])
