"""The service as its callers see it: hand a file in, follow the job, cancel, retry or undo it."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

TIMEOUT_S = 60
WAIT_S = 20  # for a job's next step; below TIMEOUT_S
POLL_INTERVAL_S = 0.2  # where the service has no place for one more to wait
ATTEMPTS, RETRY_DELAY_S = 4, 0.5
BLOCK_BYTES = 64 * 1024
JOBS = "/api/v1/assets/bulk"
FINAL_STATUSES = ("completed", "failed", "cancelled")
# What `bulkimport import` exits with, beside 0.
EXIT_ROWS_FAILED = 1
EXIT_REFUSED = 2

Document = dict[str, Any]


class RefusedError(Exception):
    """The service did not do what it was asked; the message is for people."""


@dataclass(frozen=True)
class Client:
    """A service's base URL, and a token for it."""

    url: str
    token: str

    def upload(self, file: Path, options: Mapping[str, str] | None = None) -> str:
        """Hand a CSV file in, with options of the upload; return the job's id. The file is streamed.

        An answer that is lost is asked for again: the key lets nothing be imported twice.
        """
        query = f"?{urllib.parse.urlencode(options)}" if options else ""
        headers = {
            "Content-Type": "text/csv",
            "Content-Length": str(file.stat().st_size),
            "Content-Disposition": f"attachment; filename={_token(file.name)}",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with file.open("rb") as body:
                    return str(self._json("POST", f"{JOBS}{query}", body, headers)[1]["job_id"])
            except ConnectionError:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(RETRY_DELAY_S)
        raise AssertionError("unreachable")

    def job(self, job_id: str) -> Document:
        """The job's status document."""
        return self._json("GET", _path(job_id))[1]

    def steps(self, job_id: str) -> Iterator[Document]:
        """The job's status document as it is, and after each change, until the job is finished."""
        headers: dict[str, str] = {}
        while True:
            response_headers, job = self._json("GET", _path(job_id), None, headers)
            if job:
                yield job
                if job["status"] in FINAL_STATUSES:
                    return
            if headers and "Preference-Applied" not in response_headers:
                time.sleep(POLL_INTERVAL_S)
            headers = {"If-None-Match": response_headers["ETag"], "Prefer": f"wait={WAIT_S}"}

    def jobs(self, status: str | None, limit: int) -> list[Document]:
        """The newest jobs, newest first."""
        found: list[Document] = []
        query = {"limit": str(limit)} | ({"status": status} if status else {})
        while len(found) < limit:
            page = self._json("GET", f"{JOBS}?{urllib.parse.urlencode(query)}")[1]
            found += page["jobs"]
            if not page["next_cursor"]:
                break
            query["cursor"] = page["next_cursor"]
        return found[:limit]

    def cancel(self, job_id: str) -> Document:
        """Have the job cancelled; its status document."""
        return self._json("POST", f"{_path(job_id)}/cancel", b"")[1]

    def begin(self, job_id: str, action: str) -> str:
        """Have the job retried or reverted; the id of the job that does it."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return str(self._json("POST", f"{_path(job_id)}/{action}", b"", headers)[1]["job_id"])

    def save_failed_rows(self, job_id: str, file: Path) -> None:
        """Write the failed rows, to be mended and handed in again."""
        with self._open("GET", f"{_path(job_id)}/failed-rows.csv") as response, file.open("wb") as out:
            while block := response.read(BLOCK_BYTES):
                out.write(block)

    def _json(
        self,
        method: str,
        path: str,
        body: IO[bytes] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Mapping[str, str], Document]:
        """Headers and document of an answer; an empty document where there is nothing new."""
        with self._open(method, path, body, headers) as response:
            text = response.read()
            try:
                return response.headers, json.loads(text) if text else {}
            except ValueError as error:
                raise RefusedError(f"{self.url} does not answer as bulkimport does") from error

    def _open(
        self,
        method: str,
        path: str,
        body: IO[bytes] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is the caller's own
            self.url.rstrip("/") + path,
            body,
            {**(headers or {}), "Authorization": f"Bearer {self.token}"},
            method=method,
        )
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code == 304:
                return error
            with error:
                raise RefusedError(_problem(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _NoAnswerError(f"{self.url} does not answer as bulkimport does: {error}") from error


class _NoAnswerError(RefusedError, ConnectionError):
    """Nobody answered, or not to the end: whether it was done is not known."""


def _path(job_id: str) -> str:
    return f"{JOBS}/{urllib.parse.quote(job_id, safe='')}"


def _token(name: str) -> str:
    """A file name in a header."""
    return '"' + "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name) + '"'


def _problem(error: urllib.error.HTTPError) -> str:
    """The problem document's sentence, or what there is instead."""
    try:
        document = json.load(error)
        return f"{document['title']} ({document['status']}): {document['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
