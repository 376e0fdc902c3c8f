"""The headers that every answer of every operation has."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bulkimport.web.operations import CSV, XLSX
from tests.conftest import bearer, csv_of
from tests.integration.conftest import Importer

REVALIDATED = ("/api/v1/assets/bulk/{job_id}", "/api/v1/assets/{asset_id}")  # what has an ETag
ASSET_FILES = (
    *("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/start.js", "/docs/pages.css"),
    "/favicon.svg",
)


def call(importer: Importer, method: str, path: str, headers: Mapping[str, str]) -> TestResponse:
    """An operation on a finished job with a failed row, or on its asset."""
    job = importer.run(csv_of(method, method), on_conflict="update")
    asset_id = importer.db.value("SELECT max(id) FROM trakrf.assets")
    url = path.format(job_id=job["job_id"], asset_id=asset_id, name="not-found", version="0")
    body: dict[str, Any] = {"json": {}}
    if path.endswith("/bulk"):
        body = {"data": csv_of("N"), "content_type": "text/csv"}
    return importer.client.open(url, method=method, headers=headers, **(body if method != "GET" else {}))


@pytest.mark.parametrize("headers", [bearer(), {}], ids=["token", "no token"])
def test_every_operation_protects_its_answers(importer: Importer, headers: dict[str, str]) -> None:
    described = importer.client.get("/openapi.json").get_json()["paths"]
    seen = set()
    for path, operations in described.items():
        for method in operations:
            answer = call(importer, method.upper(), path, headers)
            seen.add(answer.status_code)
            where = (method, path, answer.status_code)
            assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"], where
            caching = answer.headers.getlist("Cache-Control")
            if path in ASSET_FILES:
                assert "max-age=86400" in caching[0], where
            elif path in REVALIDATED and answer.status_code == 200:
                assert caching == ["private, no-cache"], where
            else:
                assert caching == ["no-store"], where
            assert bool(answer.data) == ("Content-Type" in answer.headers), where
            if answer.mimetype in (CSV, XLSX):
                named = rf'attachment; filename="[a-z0-9-]+\.{"csv" if answer.mimetype == CSV else "xlsx"}"'
                assert re.fullmatch(named, answer.headers["Content-Disposition"]), where
            elif answer.data:
                assert answer.mimetype in ("application/json", "application/problem+json") or (
                    path.startswith(("/docs", "/problems", "/metrics", "/favicon", "/import"))
                ), where
            answer.close()
    assert seen >= ({200, 202, 204, 422} if headers else {200, 401})
