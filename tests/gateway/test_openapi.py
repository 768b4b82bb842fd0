"""/openapi.json describes every route and its problems."""

from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from tests.support.gateway import gateway_in

ROUTES = {
    "/api/v1/event/ui/symbol": "post",
    "/api/v1/event/ask": "post",
    "/api/v1/event/stop": "post",
    "/api/v1/event/stream": "get",
    "/api/v1/pipeline/run/symbol/{code}": "post",
    "/api/v1/page/{id}": "get",
    "/api/v1/page/{id}/receipt": "get",
    "/api/v1/pages": "get",
    "/api/v1/branch/{id}": "post",
    "/api/v1/pipeline/stats/section/{id}": "get",
    "/api/v1/symbols": "get",
    "/api/v1/symbols/{code}/glyph.svg": "get",
    "/api/v1/voices": "get",
    "/api/v1/voices/{character}/drawing.svg": "get",
    "/api/v1/canon": "get",
    "/api/v1/journey/{session_id}": "get",
    "/api/v1/journey/{session_id}/preview": "get",
    "/api/v1/journey/{session_id}/tree": "get",
    "/api/v1/journey/{session_id}/runs": "get",
    "/api/v1/vault/{session_id}/changes": "get",
    "/api/v1/pipeline/stats/runs": "get",
    "/api/v1/journey/{session_id}/place": "get",
    "/api/v1/journey/{session_id}/preview/lean": "get",
    "/api/v1/session": "post",
    "/api/v1/export/{session_id}": "get",
    "/api/v1/import": "post",
    "/api/v1/page/{id}/alternatives": "get",
    "/api/v1/page/{id}/siblings": "get",
    "/api/v1/page/{id}/revisions": "get",
    "/api/v1/vault/{session_id}": "post",
    "/api/v1/vault/{session_id}/{page_id}": "delete",
    "/api/v1/search": "get",
    "/api/v1/about": "get",
    "/healthz": "get",
    "/readyz": "get",
    "/metrics": "get",
    "/": "get",
    "/p/{page_id}": "get",
    "/s/{section}": "get",
    "/ring": "get",
    "/vault": "get",
    "/at/{seq}": "get",
    "/find": "get",
    "/about": "get",
}

PAGES = {"/", "/p/{page_id}", "/s/{section}", "/ring", "/vault", "/at/{seq}", "/find", "/about"}
"""What a browser shows: its refusals are pages too."""


async def described(directory: Path) -> dict[str, Any]:
    async with gateway_in(directory, book=False) as gateway:
        result: dict[str, Any] = (await gateway.client.get("/openapi.json")).json()
        return result


async def test_every_route_is_described(tmp_path: Path):
    paths = (await described(tmp_path))["paths"]
    assert {path: next(iter(methods)) for path, methods in paths.items()} == ROUTES
    for methods in paths.values():
        for route in methods.values():
            assert route["summary"]
            assert route["description"]
            ok = route["responses"]["200"]
            assert ok.get("content"), route["summary"]


async def test_problems_are_described_as_problem_details(tmp_path: Path):
    paths = (await described(tmp_path))["paths"]
    for path, method in ROUTES.items():
        for status, response in paths[path][method]["responses"].items():
            if status == "default" or int(status) >= 400:
                if path in PAGES:
                    assert response["content"].keys() == {"text/html"}, (path, status)
                    continue
                content = response["content"]["application/problem+json"]
                assert {"type", "title", "status", "detail", "next_step", "code"} <= set(
                    content["schema"]["required"]
                ), (path, status)


async def test_pages_with_foreign_scripts_are_off(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as gateway:
        for path in ("/docs", "/redoc"):
            assert (await gateway.client.get(path)).status_code == 404


@pytest.mark.slow
async def test_document_is_valid_openapi(tmp_path: Path):
    document = await described(tmp_path)
    assert document["openapi"].startswith("3.1")
    validate(document)
    document["paths"]["/healthz"]["get"]["responses"] = "none"
    with pytest.raises(OpenAPIValidationError):
        validate(document)
