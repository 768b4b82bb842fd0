"""From whatever a route raises to the problem that is answered."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from qdpi.api.requests import shown
from qdpi.errors import InvalidInput, NotJson, QdpiError
from qdpi.gateway.context import exchange_of, gateway_of
from qdpi.gateway.problems import Refusal, problem, problem_response, refusal_of

_SHOWN_FAULTS: Final = 5
_NEXT_STEPS: Final = {
    HTTPStatus.NOT_FOUND: "See /openapi.json for the paths that are here.",
    HTTPStatus.METHOD_NOT_ALLOWED: "See /openapi.json for the methods of this path.",
}


def install(app: FastAPI) -> None:
    """Have an app answer every refusal as a problem."""
    app.add_exception_handler(Refusal, _answer)
    app.add_exception_handler(QdpiError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    gateway, exchange = await gateway_of(request), await exchange_of(request)
    refusal = refusal_for(error)
    gateway.system.metrics.refused.labels(refusal.problem.code).inc()
    return problem_response(refusal, exchange.request_id)


def refusal_for(error: Exception) -> Refusal:
    """Return what an exception of a route is answered with. Raises it again where it is none of ours."""
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
    """Return pydantic's faults as one error: ours where a value was refused by us, else a sentence each."""
    for fault in faults:
        if fault["type"] == "json_invalid":
            return NotJson(f"The body is not JSON: {fault['ctx']['error']} at character {fault['loc'][-1]}.")
        if isinstance(fault.get("input"), bytes):
            return NotJson("The body does not say that it is JSON.")
        cause = fault.get("ctx", {}).get("error")
        if isinstance(cause, QdpiError):
            return cause
    return InvalidInput(" ".join(_sentence(fault) for fault in faults[:_SHOWN_FAULTS]))


def _sentence(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"][1:]) or "the body"
    if fault["type"] == "missing":
        return f"{place} is missing."
    message = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{place} is {shown(fault.get('input'))}: {message}."
