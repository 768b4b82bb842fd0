"""Errors of a call: the gateway's problem details, no gateway, or a response that is not a gateway's."""

from __future__ import annotations

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from qdpi.api.responses import PROBLEM_MEDIA_TYPE, Problem
from qdpi.errors import QdpiError, Unavailable


class Refused(QdpiError):
    """The gateway refused a call: its problem details, and Retry-After in seconds, if it was sent.

    `problem.code` and `problem.status` are for programs; `detail` (value and cause) and `next_step` for people.
    Members such as `problem.event_id` name the press concerned, `problem.http_request_id` the failed request.
    """

    code = "refused"

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.detail, next_step=problem.next_step)
        self.problem = problem
        self.retry_after = retry_after

    @property
    def is_temporary(self) -> bool:
        """Whether the same call may succeed later: a component is unavailable, or a limit is reached for now."""
        return self.problem.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class GatewayUnreachable(Unavailable):
    """No gateway answers at the address."""

    code = "gateway_unreachable"
    default_next_step = "Check the address, and that `qdpi run` or `qdpi serve` runs there."


class UnreadableAnswer(QdpiError):
    """The response is not one of a gateway of this version."""

    code = "unreadable_answer"
    status = 502
    default_next_step = "Check the address, and that client and server are of the same version."


def refused(response: httpx.Response) -> Refused | UnreadableAnswer:
    """Return the error of an unsuccessful response."""
    answered = f"{shown(response.url)} answered {response.status_code}"
    if response.headers.get("content-type", "").startswith(PROBLEM_MEDIA_TYPE):
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            return UnreadableAnswer(f"{answered} with malformed problem details.")
        return Refused(problem, retry_after_seconds(response.headers.get("retry-after")))
    return UnreadableAnswer(f"{answered} without problem details.")


def retry_after_seconds(retry_after: str | None) -> float | None:
    """Parse a Retry-After header in seconds, None if it is absent or a date."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None


def shown(url: httpx.URL | str) -> str:
    """Return an address without a user and a password, as it may be shown and stored."""
    return str(httpx.URL(url).copy_with(userinfo=b""))


def unreachable(url: httpx.URL | str, error: Exception) -> GatewayUnreachable:
    """Return the error of a failed connection."""
    return GatewayUnreachable(f"{shown(url)} does not answer: {str(error) or type(error).__name__}.")
