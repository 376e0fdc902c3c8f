"""GET of a job that is answered in front of Flask has the same answer as one that reaches Flask."""

import json
import logging
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bulkimport.web import request_log
from tests.conftest import FOREIGN, INACTIVE, bearer, csv_of
from tests.integration.conftest import URL, Importer

LEFT_TO_FLASK = {"Prefer": "respond-async"}  # a preference that changes nothing
VARYING = {"X-Request-ID", "Content-Length"}


@pytest.fixture
def jobs(importer: Importer) -> dict[str, str]:
    """The ids of a job of each kind."""
    ids = {"finished": importer.run(csv_of("A", "A"))["job_id"], "absent": str(uuid4())}
    ids["foreign"] = importer.upload(csv_of("F"), FOREIGN).get_json()["job_id"]
    ids["pending"] = importer.upload(csv_of("B", "C")).get_json()["job_id"]
    return ids


CASES = {
    "a finished job": ("finished", 200, bearer()),
    "a pending job": ("pending", 200, bearer()),
    "an absent job": ("absent", 404, bearer()),
    "another account's job": ("foreign", 404, bearer()),
    "an inactive account": ("finished", 403, bearer(INACTIVE)),
    "no token": ("finished", 401, {}),
    "an invalid token": ("finished", 401, {"Authorization": "Bearer nonsense"}),
    "an outdated ETag": ("finished", 200, {**bearer(), "If-None-Match": '"1.0.4"'}),
    "any ETag": ("finished", 304, {**bearer(), "If-None-Match": "*"}),
    "a request id": ("absent", 404, {**bearer(), "X-Request-ID": "of-the-caller"}),
}


def test_it_is_the_answer_of_flask(client: FlaskClient, jobs: dict[str, str]) -> None:
    for case, (name, status, headers) in CASES.items():
        path = f"{URL}/{jobs[name]}"
        quick = client.get(path, headers=headers)
        of_flask = client.get(path, headers={**headers, **LEFT_TO_FLASK})
        assert quick.status_code == status, case
        assert _comparable(quick) == _comparable(of_flask), case


def test_the_etag_of_one_is_known_to_the_other(client: FlaskClient, jobs: dict[str, str]) -> None:
    for name in ("finished", "pending"):
        path = f"{URL}/{jobs[name]}"
        known = {**bearer(), "If-None-Match": client.get(path, headers=bearer()).headers["ETag"]}
        answers = [client.get(path, headers=headers) for headers in (known, {**known, **LEFT_TO_FLASK})]
        assert [answer.status_code for answer in answers] == [304, 304]
        assert _comparable(answers[0]) == _comparable(answers[1])


def test_it_is_logged_and_counted_as_any_other(
    client: FlaskClient, jobs: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    path = f"{URL}/{jobs['absent']}"
    with caplog.at_level(logging.INFO, logger=request_log.__name__):
        before = _counts(client)
        for headers in ({}, LEFT_TO_FLASK):
            client.get(path, headers={**bearer(), **headers})
        after = _counts(client)
    lines = [_line(record) for record in caplog.records if getattr(record, "path", "") == path]
    assert lines[0] == lines[1] == ("GET", 404, 1)
    more = {series: after[series] - before.get(series, 0) for series in after}
    assert {series: count for series, count in more.items() if "404" in series and count} == {
        'method="GET",route="/api/v1/assets/bulk/<job:job_id>",status="404",waited="no"': 2
    }


def _comparable(response: TestResponse) -> tuple[int, dict[str, str], Any]:
    """The response without what differs from request to request."""
    headers = {name: value for name, value in response.headers.items() if name not in VARYING}
    document = json.loads(response.data) if response.data else None
    if document and "request_id" in document and response.status_code >= 400:
        assert document.pop("request_id") == response.headers["X-Request-ID"]
    return response.status_code, headers, document


def _line(record: logging.LogRecord) -> tuple[object, ...]:
    fields = vars(record)
    return fields["method"], fields["status"], fields["account_id"]


def _counts(client: FlaskClient) -> dict[str, float]:
    """How many requests were counted, by their labels."""
    prefix = "bulkimport_http_request_seconds_count{"
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return {
        line.removeprefix(prefix).partition("}")[0]: float(line.split()[-1])
        for line in lines
        if line.startswith(prefix)
    }
