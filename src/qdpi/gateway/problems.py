"""Problem details (RFC 9457): every refusal says the value, the cause and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from qdpi.api.responses import Problem
from qdpi.errors import QdpiError, TooMany, Unavailable
from qdpi.events import Fault

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = 1


class Refusal(Exception):
    """Carries a problem to where it is answered."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = dict(headers or {})


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
    """Return an error of ours as the refusal it is answered with."""
    waits = retry_after(error)
    if waits is not None:
        members["retry_after"] = waits
    return Refusal(
        problem(error.code, error.status, error.detail, error.next_step, **members),
        {"retry-after": str(waits)} if waits is not None else None,
    )


def retry_after(error: QdpiError) -> int | None:
    """Return after how many seconds it is worth trying again, None where waiting does not help."""
    if isinstance(error, TooMany):
        return error.retry_after
    return _RETRY_SECONDS if isinstance(error, Unavailable) else None


def refusal_of_fault(fault: Fault, **members: Any) -> Refusal:
    """Return a run's failure as the refusal that a direct run is answered with."""
    return Refusal(problem(fault.code, fault_status(fault.code), fault.detail, fault.next_step, **members))


def fault_status(code: str) -> int:
    """Return the HTTP status of a run's failure."""
    known = {"stopped": HTTPStatus.CONFLICT, "unknown_page": HTTPStatus.NOT_FOUND}
    return known.get(code, HTTPStatus.BAD_GATEWAY)


def problem_response(refusal: Refusal, request_id: str | None = None) -> Response:
    """Return a refusal as a response; `instance` names the request that it answers."""
    told = telling(refusal, request_id)
    return Response(
        told.model_dump_json(exclude_none=True), told.status, headers=refusal.headers, media_type=MEDIA_TYPE
    )


def telling(refusal: Refusal, request_id: str | None) -> Problem:
    """Return a refusal's problem; `instance` names the request that it answers."""
    if refusal.problem.instance is not None or request_id is None:
        return refusal.problem
    return refusal.problem.model_copy(update={"instance": f"urn:gibsey:request:{request_id}"})


_EXAMPLES: Final[dict[int, str]] = {
    400: "The body is not JSON.",
    401: "The session id was not signed by this server.",
    403: "A page of another site asks.",
    404: "There is no such page, section or symbol.",
    409: "The run was stopped by its reader.",
    413: "The body is above 1 MB.",
    422: "A value cannot be used.",
    429: "A limit of the journey or of the address is reached: presses waiting, streams, requests a minute.",
    502: "The language model gave no page.",
    503: "The store, the bus or the book is away.",
    504: "The outcome did not come in time; the press goes on.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problem responses of a route for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    told: dict[int | str, dict[str, Any]] = {"default": {"description": "Any other refusal.", "content": content}}
    return told | {status: {"description": _EXAMPLES[status], "content": content} for status in statuses}
