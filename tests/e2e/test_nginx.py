"""nginx in front of the service, with deploy/nginx.conf: what it blocks, passes on, and answers itself."""

import gzip
import hashlib
import http.client
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bulkimport.web.problem_types import PROBLEM_TYPES
from tests.conftest import bearer, csv_of
from tests.e2e.conftest import Service, csv_file, wait_until
from tests.support.nginx import CONFIGURATION, Nginx, needs_nginx, running_nginx

BULK = "/api/v1/assets/bulk"
# Settings of the file, shortened so that tests do not wait for long.
SHORTER = {
    "client_header_timeout 10s;": "client_header_timeout 1s;",
    "client_body_timeout 15s;": "client_body_timeout 1s;",
    "proxy_read_timeout 60s;": "proxy_read_timeout 2s;",
}


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@pytest.fixture
def nginx(service: Service, tmp_path: Path) -> Iterator[Nginx]:
    with running_nginx(service, tmp_path / "nginx", SHORTER) as nginx:
        yield nginx


def call(
    nginx: Nginx,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None = None,
    source: str = "127.0.0.1",
    **headers: str,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=30, source_address=(source, 0))
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {**bearer(), **named})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def require_problem(answer: Answer, status: int, kind: str, path: str = "/livez") -> dict[str, Any]:
    """Check that nginx's own answer looks like one of the service."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    document: dict[str, Any] = json.loads(answer.body)
    assert (document["type"], document["code"]) == (f"/problems/{kind}", kind)
    assert document["title"] == PROBLEM_TYPES[kind].title
    assert document["status"] == status == PROBLEM_TYPES[kind].status
    assert document["instance"] == path
    assert document["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "nginx"
    assert set(document) == {*("type", "code", "title", "status", "detail", "instance", "request_id")}
    return document


def test_each_problem_document_of_nginx_is_one_of_the_services_types() -> None:
    documents = re.findall(r"return (\d+) '(.*)';", CONFIGURATION.read_text("utf-8"))
    assert len(documents) > 5
    for status, text in documents:
        document = json.loads(text)
        kind = PROBLEM_TYPES[document["code"]]
        assert document["type"] == f"/problems/{document['code']}"
        assert (document["title"], document["status"]) == (kind.title, kind.status)
        assert int(status) == kind.status


@needs_nginx
def test_a_file_can_be_uploaded_and_followed_through_it(service: Service, nginx: Nginx) -> None:
    service.start_web()
    service.start_worker()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = call(
        nginx, "POST", BULK, csv_of("A"), Content_Type="text/csv", X_Request_ID="mine-1", traceparent=trace
    )
    assert (answer.status, answer.headers.get_all("X-Request-ID")) == (202, ["mine-1"])
    job_id = json.loads(answer.body)["job_id"]
    job = service.wait_for(job_id)
    assert (job["status"], job["request_id"], job["traceparent"]) == ("completed", "mine-1", trace)

    answer = call(nginx, "GET", f"{BULK}/{job_id}?q=secret", X_Request_ID="not one")
    (made,) = answer.headers.get_all("X-Request-ID") or []
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Server") == ["nginx"]

    def log() -> list[dict[str, Any]]:
        return [json.loads(line) for line in nginx.access_log.splitlines()]

    wait_until(lambda: len(log()) == 2, "both requests are in the log")
    assert [line["request_id"] for line in log()] == ["mine-1", made]
    assert [line["method"] for line in log()] == ["POST", "GET"]
    assert log()[1]["path"] == f"{BULK}/{job_id}"
    assert "secret" not in nginx.access_log
    assert bearer()["Authorization"] not in nginx.access_log + nginx.error_log


@needs_nginx
def test_only_allowed_addresses_can_read_metrics(service: Service, nginx: Nginx) -> None:
    service.start_web()
    assert b"at this path" not in call(nginx, "GET", "/metrics").body, "the service answers"
    for path in ("/metrics", "//metrics", "/%6detrics", "/x/../metrics", "/metrics?x=1"):
        outside = call(nginx, "GET", path, source="127.0.0.2")
        document = require_problem(outside, 404, "not-found", path.partition("?")[0])
        assert document["detail"] == "There is nothing at this path."


@needs_nginx
def test_files_of_the_import_page_are_compressed_and_kept(service: Service, nginx: Nginx) -> None:
    service.start_web()
    page = call(nginx, "GET", "/import")
    assert page.headers.get_all("Cache-Control") == ["no-store"]
    assert page.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    (path,) = re.findall(r'src="(/import/[0-9a-f]+/main\.js)"', page.body.decode())
    script = call(nginx, "GET", path, Accept_Encoding="gzip")
    assert script.headers["Content-Encoding"] == "gzip"
    assert script.headers.get_all("Cache-Control") == ["public, max-age=31536000, immutable"]
    assert b"import" in gzip.decompress(script.body)


@needs_nginx
def test_requests_that_are_too_large_end_at_nginx(service: Service, nginx: Nginx) -> None:
    service.start_web()
    asked = service.log.read_bytes().count(b'"message": "request"')
    for path, size in (("/api/v1/assets", 1024**2 + 1), (BULK, 101 * 1024**2 + 1), ("/livez", 2 * 1024**2)):
        # The length alone decides, before any byte of the body arrives.
        answer = raw(nginx, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n")
        require_problem(answer, 413, "too-large", path)
    long = "/livez?" + "a" * 8_000
    require_problem(raw(nginx, f"GET {long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414, "uri-too-long")
    require_problem(raw(nginx, f"GET /{'a' * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n"), 414, "uri-too-long", "")
    answer = raw(nginx, f"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: {'a' * 20_000}\r\n\r\n")
    require_problem(answer, 431, "headers-too-large")
    require_problem(raw(nginx, "GET /livez HTTP/1.1\r\n\r\n"), 400, "malformed-request")
    # Of the last chunk, only one byte is sent.
    for path, sizes in (
        ("/api/v1/assets", [2**19 + 1] * 2),
        (BULK, [2**20 + 1, 101 * 2**20]),
        (BULK, [2**27]),
    ):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        *sent, announced = sizes
        chunks = "".join(f"{size:x}\r\n{'a' * size}\r\n" for size in sent)
        answer = raw(nginx, f"{head}{chunks}{announced:x}\r\na")
        require_problem(answer, 413, "too-large", path)
    assert service.log.read_bytes().count(b'"message": "request"') == asked


def sent_by_curl(nginx: Nginx, file: bytes, path: str = BULK) -> dict[str, Any]:
    """The response to `curl -T -`, which does not know the length of its input."""
    headers = {**bearer(), "Content-Type": "text/csv"}
    command = ["curl", "--silent", "--fail-with-body", "--request", "POST", "--upload-file", "-"]
    command += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    command.append(f"http://127.0.0.1:{nginx.port}{path}")
    run = subprocess.run(command, input=file, capture_output=True, timeout=30, check=True)
    document: dict[str, Any] = json.loads(run.stdout)
    return document


def sent_in_blocks(nginx: Nginx, file: bytes, content_type: str = "text/csv") -> dict[str, Any]:
    """The response to a generator as the body: http.client sends each block as a chunk."""
    blocks = (file[start : start + 1_000] for start in range(0, len(file), 1_000))
    answer = call(nginx, "POST", BULK, blocks, Content_Type=content_type)
    assert answer.status == 202, answer.body
    document: dict[str, Any] = json.loads(answer.body)
    return document


def sent_as_a_form(nginx: Nginx, file: bytes) -> dict[str, Any]:
    head = b'--limit\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    return sent_in_blocks(nginx, head + file + b"\r\n--limit--\r\n", "multipart/form-data; boundary=limit")


@needs_nginx
@pytest.mark.parametrize("rows", [1, 20_000], ids=["in memory", "on disk"])
@pytest.mark.parametrize("send", [sent_by_curl, sent_in_blocks, sent_as_a_form])
def test_a_body_in_chunks_is_passed_on_as_a_whole(
    service: Service, nginx: Nginx, send: Callable[[Nginx, bytes], dict[str, Any]], rows: int
) -> None:
    if send is sent_by_curl and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    service.start_web()
    file = csv_file(rows)
    _, job = service.request("GET", send(nginx, file)["status_url"])
    assert job["file"]["sha256"] == hashlib.sha256(file).hexdigest()
    assert job["total_rows"] == rows
    assert sent_by_curl(nginx, file, f"{BULK}/preview")["rows_read"] == min(rows, 1000)


@needs_nginx
def test_an_unreachable_or_hung_service_is_reported(service: Service, nginx: Nginx) -> None:
    answer = call(nginx, "GET", "/livez?q=secret", X_Request_ID="mine-2")
    assert require_problem(answer, 502, "bad-gateway")["request_id"] == "mine-2"
    with socket.create_server(("127.0.0.1", service.port)):
        require_problem(call(nginx, "GET", "/livez"), 504, "gateway-timeout")


@needs_nginx
def test_slow_and_partial_uploads_never_reach_the_service(service: Service, nginx: Nginx) -> None:
    """They get no answer and leave nothing behind, and other clients are served meanwhile."""
    web = service.start_web()
    asked = service.log.read_bytes().count(b'"message": "request"')
    token = bearer()["Authorization"]
    head = f"POST {BULK} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: text/csv\r\n"
    csv = csv_file(20_000)
    half = f"{head}Content-Length: {len(csv)}\r\n\r\n".encode() + csv[: len(csv) // 2]
    chunk = f"{head}Transfer-Encoding: chunked\r\n\r\n{len(csv):x}\r\n".encode() + csv + b"\r\n"
    stalled = [connected(nginx, sent) for sent in (half, chunk) for _ in range(20)]
    headless = [connected(nginx, head.encode()) for _ in range(20)]
    for client in (connected(nginx, sent) for sent in (half, chunk) for _ in range(20)):
        client.close()  # hung up in the middle
    assert call(nginx, "GET", "/livez").status == 200
    for client in (*stalled, *headless):
        assert client.recv(1) == b"", "disconnected without an answer"
        client.close()
    wait_until(lambda: not any((nginx.folder / "body").rglob("*")), "no part of a body is on disk")
    assert service.log.read_bytes().count(b'"message": "request"') == asked + 1
    assert service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 0
    assert web.poll() is None


def raw(nginx: Nginx, request: str) -> Answer:
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as client:
        client.sendall(request.encode())
        response = http.client.HTTPResponse(client)
        response.begin()
        return Answer(response.status, response.headers, response.read())


def connected(nginx: Nginx, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", nginx.port), timeout=30)
    client.sendall(sent)
    return client
