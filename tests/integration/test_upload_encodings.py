"""POST /api/v1/assets/bulk: files as gzip, and bodies with a Content-Digest."""

import gzip
import hashlib
import io
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import TestDatabase, bearer, csv_of
from tests.integration.test_upload import URL, require_problem, upload, upload_form

GOOD = csv_of("A", "B", "C", "D")
COMPRESSED = gzip.compress(GOOD)


def upload_gzip(client: FlaskClient, body: bytes) -> TestResponse:
    return upload(client, body, headers={**bearer(), "Content-Encoding": "gzip"})


def upload_with_digest(client: FlaskClient, body: bytes, digest: str, **headers: str) -> TestResponse:
    return upload(client, body, headers={**bearer(), "Content-Digest": digest, **headers})


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    return b64encode(hashlib.new(algorithm, body).digest()).decode()


def stored_text(db: TestDatabase) -> bytes:
    bodies = db.rows("SELECT body FROM trakrf.bulk_import_chunks ORDER BY number")
    return b"".join(bytes(body) for (body,) in bodies)  # type: ignore[call-overload]


@pytest.mark.parametrize("how", ["body", "part", "part with a Content-Encoding"])
def test_a_gzip_file_is_imported_as_the_file_that_is_in_it(
    db: TestDatabase, client: FlaskClient, how: str
) -> None:
    if how == "body":
        headers = {
            **bearer(),
            "Content-Encoding": "gzip",
            "Content-Disposition": 'attachment; filename="a.csv.gz"',
        }
        response = upload(client, COMPRESSED, headers=headers)
    elif how == "part":
        response = upload_form(client, file=(io.BytesIO(COMPRESSED), "a.csv.gz"))
    else:
        part = b'Content-Disposition: form-data; name="file"; filename="a.csv.gz"\r\n'
        form = b"--x\r\n" + part + b"Content-Encoding: gzip\r\n\r\n" + COMPRESSED + b"\r\n--x--\r\n"
        response = upload(client, form, content_type="multipart/form-data; boundary=x")
    assert response.status_code == 202
    job = client.get(response.headers["Location"], headers=bearer()).get_json()
    assert GOOD.endswith(stored_text(db))
    assert job["total_rows"] == 4
    assert job["file"] == {
        "name": "a.csv",
        "bytes": len(GOOD),
        "sha256": hashlib.sha256(GOOD).hexdigest(),
    }


def test_a_file_of_several_gzip_files_is_read_to_its_end(db: TestDatabase, client: FlaskClient) -> None:
    halves = gzip.compress(GOOD[:100]) + gzip.compress(b"") + gzip.compress(GOOD[100:])
    assert upload_gzip(client, halves + bytes(1000)).status_code == 202
    assert GOOD.endswith(stored_text(db))


def test_the_same_file_compressed_again_is_the_same_request(client: FlaskClient) -> None:
    headers = {**bearer(), "Content-Encoding": "gzip", "Idempotency-Key": "k"}
    first = upload(client, gzip.compress(GOOD, 1, mtime=1), headers=headers)
    again = upload(client, gzip.compress(GOOD, 9, mtime=2), headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.get_json() == first.get_json()


@pytest.mark.parametrize("lost", [1, 4, 9, len(COMPRESSED) - 3])
def test_gzip_that_ends_early_is_refused(db: TestDatabase, client: FlaskClient, lost: int) -> None:
    require_problem(db, upload_gzip(client, COMPRESSED[:-lost]), 400, "incomplete-body")
    require_problem(db, upload_gzip(client, COMPRESSED + COMPRESSED[:-lost]), 400, "incomplete-body")


@pytest.mark.parametrize(
    "body",
    [COMPRESSED[:30] + b"\xff\xff" + COMPRESSED[32:], COMPRESSED + b"surplus", b"\x1f\x8b\x00\x00" + GOOD],
    ids=["changed", "text after its end", "not gzip"],
)
def test_damaged_gzip_is_refused(db: TestDatabase, client: FlaskClient, body: bytes) -> None:
    require_problem(db, upload_gzip(client, body), 400, "malformed-request")


def test_text_that_is_declared_as_gzip_is_refused(db: TestDatabase, client: FlaskClient) -> None:
    require_problem(db, upload_gzip(client, GOOD), 400, "malformed-request")


def test_gzip_inside_gzip_is_refused(db: TestDatabase, client: FlaskClient) -> None:
    require_problem(db, upload_gzip(client, gzip.compress(COMPRESSED)), 400, "not-csv")


def test_a_compressed_form_is_refused(db: TestDatabase, client: FlaskClient) -> None:
    headers = {**bearer(), "Content-Encoding": "gzip"}
    refused = upload(client, COMPRESSED, headers=headers, content_type="multipart/form-data; boundary=x")
    require_problem(db, refused, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "make_bomb",
    [
        lambda: gzip.compress(bytes(150_000_000), 9),
        lambda: gzip.compress(b"") * 100_000,
        lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 10_000_000,
    ],
    ids=["zeros", "100,000 empty files", "a name of 10 MB"],
)
def test_a_bomb_costs_little(db: TestDatabase, client: FlaskClient, make_bomb: Callable[[], bytes]) -> None:
    bomb = make_bomb()
    began = time.process_time()
    response = upload_gzip(client, bomb)
    assert response.status_code in (400, 413)
    assert time.process_time() - began < 3
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 0


def test_memory_stays_flat_while_gzip_is_read() -> None:
    """64 MB of zeros in 64 KB, in a process of its own."""
    program = """
import gzip, io, resource, zlib
from bulkimport.web import content
small = zlib.compressobj(9, zlib.DEFLATED, 31)
bomb = b"".join(small.compress(bytes(1_000_000)) for _ in range(64)) + small.flush()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
file = content.inflated(io.BytesIO(bomb), max_bytes=400_000_000)
print(file.tell(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    inflated_bytes, kilobytes = map(int, ran.stdout.split())
    assert inflated_bytes == 64_000_000
    assert kilobytes < 16_000


@pytest.mark.parametrize(
    "form", ["sha-256=:{0}:", "sha-512=:{1}:", "sha-256=:{0}:, sha-512=:{1}:", "md5=:AAAA:, sha-256=:{0}:"]
)
def test_a_content_digest_is_verified(db: TestDatabase, client: FlaskClient, form: str) -> None:
    right = form.format(digest_of(GOOD), digest_of(GOOD, "sha512"))
    wrong = form.format(digest_of(GOOD[:-1]), digest_of(GOOD[:-1], "sha512"))
    detail = require_problem(db, upload_with_digest(client, GOOD, wrong), 400, "digest-mismatch")
    assert digest_of(GOOD) in detail or digest_of(GOOD, "sha512") in detail
    assert upload_with_digest(client, GOOD, right).status_code == 202


def test_a_content_digest_is_that_of_the_body_as_it_is_sent(client: FlaskClient) -> None:
    digest = f"sha-256=:{digest_of(COMPRESSED)}:"
    response = upload_with_digest(client, COMPRESSED, digest, **{"Content-Encoding": "gzip"})
    assert response.status_code == 202


def test_the_content_digest_of_a_form_is_that_of_the_whole_form(client: FlaskClient) -> None:
    part = b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + GOOD
    form = b"--x\r\n" + part + b"\r\n--x--\r\n"
    headers = {**bearer(), "Content-Digest": f"sha-256=:{digest_of(form)}:"}
    sent = client.post(URL, data=form, content_type="multipart/form-data; boundary=x", headers=headers)
    assert sent.status_code == 202


@pytest.mark.parametrize("digest", ["sha-256=abc", "sha-256=:!:", "sha-256=:AAA:", "sha-256", ","])
def test_a_malformed_content_digest_is_refused(db: TestDatabase, client: FlaskClient, digest: str) -> None:
    require_problem(db, upload_with_digest(client, GOOD, digest), 400, "digest-mismatch")


def test_a_digest_of_an_unknown_algorithm_alone_is_not_verified(client: FlaskClient) -> None:
    assert upload_with_digest(client, GOOD, "md5=:AAAA:").status_code == 202
