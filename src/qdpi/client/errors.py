"""What a call can end in beside its answer: the gateway's problem, no gateway, or an answer of something else."""

from __future__ import annotations

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from qdpi.api.responses import PROBLEM_MEDIA_TYPE, Problem
from qdpi.errors import QdpiError, Unavailable


class Refused(QdpiError):
    """The gateway refused a call: its problem details, and after how many seconds to try again, where it says.

    `problem.code` and `problem.status` are for programs; `detail` (value and cause) and `next_step` for people.
    Members such as `problem.event_id` say which press it is about.
    """

    code = "refused"

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.detail, next_step=problem.next_step)
        self.problem = problem
        self.retry_after = retry_after

    @property
    def passes(self) -> bool:
        """Whether the same call may succeed later: something is away, or a limit is reached for now."""
        return self.problem.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class GatewayUnreachable(Unavailable):
    """No gateway answers at the address."""

    code = "gateway_unreachable"
    default_next_step = "Check the address, and that `qdpi run` or `qdpi serve` runs there."


class UnreadableAnswer(QdpiError):
    """Something answers at the address that is no gateway of this version."""

    code = "unreadable_answer"
    status = 502
    default_next_step = "Check the address, and that client and server are of the same version."


def refused(response: httpx.Response) -> Refused | UnreadableAnswer:
    """Return what a response that is no success is raised as."""
    if response.headers.get("content-type", "").startswith(PROBLEM_MEDIA_TYPE):
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            return UnreadableAnswer(f"{response.url} answered {response.status_code} with a problem it did not tell.")
        return Refused(problem, seconds(response.headers.get("retry-after")))
    return UnreadableAnswer(f"{response.url} answered {response.status_code}, and not as this gateway does.")


def seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header in seconds, None where it is absent or a date."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None


def unreachable(url: httpx.URL | str, error: Exception) -> GatewayUnreachable:
    """Return what a failure of the connection is raised as."""
    return GatewayUnreachable(f"{url} does not answer: {str(error) or type(error).__name__}.")
