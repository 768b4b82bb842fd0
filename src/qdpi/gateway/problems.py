"""Problem details (RFC 9457): every error response says the value, the cause and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from qdpi.api.requests import abbreviate
from qdpi.api.responses import PROBLEM_MEDIA_TYPE, Problem
from qdpi.errors import InvalidInput, NotJson, QdpiError, TooMany, Unavailable
from qdpi.events import Fault
from qdpi.gateway.context import Exchange, Gateway, exchange_of, gateway_of

log = structlog.get_logger("qdpi.gateway")

_RETRY_SECONDS: Final = 1
_MOST_ERRORS: Final = 5
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NEXT_STEPS: Final = {
    HTTPStatus.NOT_FOUND: "See /openapi.json for the paths of this server.",
    HTTPStatus.METHOD_NOT_ALLOWED: "See /openapi.json for the methods of this path.",
}


class Refusal(Exception):
    """Carries a problem, and headers, to the error handler; `cause` is for the log alone."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None, cause: str | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.cause = cause
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}


def problem(code: str, status: int, detail: str, next_step: str, **members: Any) -> Problem:
    """Return a problem; its type and title follow from its code."""
    return Problem(
        type=f"urn:gibsey:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        next_step=next_step,
        code=code,
        **members,
    )


def refusal_of(error: QdpiError, **members: Any) -> Refusal:
    """Return the refusal that a `QdpiError` is answered with: of an outage, that there is one, and not where."""
    seconds = retry_after(error)
    if seconds is not None:
        members["retry_after"] = seconds
    return Refusal(
        problem(
            error.code,
            error.status,
            error.told if isinstance(error, Unavailable) else error.detail,
            error.next_step,
            **members,
        ),
        {"retry-after": str(seconds)} if seconds is not None else None,
        cause=error.detail if isinstance(error, Unavailable) else None,
    )


def retry_after(error: QdpiError) -> int | None:
    """Return the seconds after which a retry may succeed, None where waiting does not help."""
    if isinstance(error, TooMany):
        return error.retry_after
    return _RETRY_SECONDS if isinstance(error, Unavailable) else None


def refusal_of_fault(fault: Fault, **members: Any) -> Refusal:
    """Return the refusal that a direct run is answered with when its run failed."""
    return Refusal(problem(fault.code, fault_status(fault.code), fault.detail, fault.next_step, **members))


def fault_status(code: str) -> int:
    """Return the HTTP status of a run's failure."""
    known = {"stopped": HTTPStatus.CONFLICT, "unknown_page": HTTPStatus.NOT_FOUND}
    return known.get(code, HTTPStatus.BAD_GATEWAY)


def problem_response(refusal: Refusal, gateway: Gateway, exchange: Exchange) -> Response:
    """Return a refusal as a response."""
    problem = told(refusal, gateway, exchange)
    return Response(
        problem.model_dump_json(exclude_none=True),
        problem.status,
        headers=refusal.headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


def told(refusal: Refusal, gateway: Gateway, exchange: Exchange) -> Problem:
    """Return the problem that a client is told: `instance` names the HTTP request, and secrets are hidden.

    What it does not say of an outage goes to the log.
    """
    if refusal.cause is not None:
        log.warning("http.dependency_unavailable", http_request_id=exchange.http_request_id, cause=refusal.cause)
    problem, redact = refusal.problem, gateway.system.settings.redact
    texts = {"detail": problem.detail, "next_step": problem.next_step, **(problem.model_extra or {})}
    instance = problem.instance or f"urn:gibsey:request:{exchange.http_request_id}"
    return problem.model_copy(update={**redact.within(texts), "instance": instance})


def install(app: FastAPI) -> None:
    """Register the error handlers of an app, which answer with problem details."""
    app.add_exception_handler(Refusal, _answer)
    app.add_exception_handler(QdpiError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    gateway, exchange = await gateway_of(request), await exchange_of(request)
    refusal = refusal_for(error)
    if refusal.problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal.headers["allow"] = allow(_methods_of(request))
    gateway.system.metrics.refused.labels(refusal.problem.code).inc()
    return problem_response(refusal, gateway, exchange)


def allow(methods: Iterable[str]) -> str:
    """Return the value of an `Allow` header; HEAD is allowed wherever GET is."""
    allowed = set(methods)
    return ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))


def _methods_of(request: Request) -> set[str]:
    """Return the methods of a path; the framework names those of one of its routes only."""
    routes = request.app.routes
    return {
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    }


def refusal_for(error: Exception) -> Refusal:
    """Return the refusal that an exception of a route is answered with. Raises any other exception again."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, QdpiError):
        return refusal_of(error)
    if isinstance(error, RequestValidationError):
        return refusal_of(error_of(error.errors()))
    if isinstance(error, HTTPException):
        return _refusal_of_http(error)
    raise error


def _refusal_of_http(error: HTTPException) -> Refusal:
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return refusal_of(NotJson("The body could not be read as JSON."))
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_")
    next_step = _NEXT_STEPS.get(status, "Correct the request and send it again.")
    return Refusal(problem(code, status, f"{status.phrase}: {status.description}.", next_step), error.headers)


def error_of(faults: Sequence[Any]) -> QdpiError:
    """Return pydantic's errors as one: the `QdpiError` a validator of ours raised, else a sentence for each."""
    for fault in faults:
        if fault["type"] == "json_invalid":
            return NotJson(f"The body is not JSON: {fault['ctx']['error']} at character {fault['loc'][-1]}.")
        if isinstance(fault.get("input"), bytes):
            return NotJson("The body has no JSON content type.")
        cause = fault.get("ctx", {}).get("error")
        if isinstance(cause, QdpiError):
            return cause
    return InvalidInput(" ".join(_sentence(fault) for fault in faults[:_MOST_ERRORS]))


def _sentence(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"][1:]) or "the body"
    if fault["type"] == "missing":
        return f"{place} is missing."
    message = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{place} is {abbreviate(fault.get('input'))}: {message}."


_EXAMPLES: Final[dict[int, str]] = {
    400: "The body is not JSON.",
    401: "The session id was not signed by this server.",
    403: "The origin of the page is not allowed.",
    404: "There is no such page, section or symbol.",
    409: "The run was stopped by its reader.",
    413: "The body is above 1 MB.",
    422: "A value is not valid.",
    429: "A limit of the journey or of the address is reached: pending presses, streams, requests a minute.",
    502: "The language model returned no page.",
    503: "The store, the bus or the book is unavailable.",
    504: "The outcome did not arrive in time; the run continues.",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return a route's problem responses for OpenAPI."""
    content = {PROBLEM_MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    responses: dict[int | str, dict[str, Any]] = {"default": {"description": "Any other error.", "content": content}}
    return responses | {status: {"description": _EXAMPLES[status], "content": content} for status in statuses}
