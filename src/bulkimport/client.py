"""A client of the service: upload a file, follow the job, cancel, retry or revert it."""

import http.client
import json
import shutil
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
WAIT_S = 20  # for a job to change; below TIMEOUT_S
POLL_INTERVAL_S = 0.2  # while the service lets no further request wait
ATTEMPTS, RETRY_DELAY_S = 4, 0.5
BLOCK_BYTES = 64 * 1024
ASSETS = "/api/v1/assets"
JOBS = f"{ASSETS}/bulk"
FINAL_STATUSES = ("completed", "failed", "cancelled")
# Exit codes of `bulkimport import` other than 0.
EXIT_ROWS_FAILED = 1  # the job is completed
EXIT_FAILED = 2  # the job failed or was cancelled, or a request was refused

Document = dict[str, Any]


class RefusedError(Exception):
    """The service refused the request or did not answer; the message is for people."""


@dataclass(frozen=True)
class Client:
    """A service's base URL, and a token for it."""

    url: str
    token: str

    def upload(self, file: Path, options: Mapping[str, str] | None = None) -> str:
        """Upload a CSV file with the options and return the job's id. The file is streamed.

        If the connection is lost the upload is sent again, with the same Idempotency-Key, so that nothing is
        imported twice.
        """
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return str(self._send(JOBS, file, options or {}, key)["job_id"])

    def preview(self, file: Path, options: Mapping[str, str] | None = None) -> Document:
        """How an upload of the file with the options would read it."""
        return self._send(f"{JOBS}/preview", file, options or {}, {})

    def job(self, job_id: str) -> Document:
        """The job's status document."""
        return self._json("GET", _path(job_id))[1]

    def steps(self, job_id: str) -> Iterator[Document]:
        """Yield the job's status document now and after each change, until the job has finished."""
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
        """The newest jobs, newest first: at most `limit`, of this status if it is not None."""
        newest: list[Document] = []
        query = {"limit": str(limit)} | ({"status": status} if status else {})
        while len(newest) < limit:
            page = self._json("GET", f"{JOBS}?{urllib.parse.urlencode(query)}")[1]
            newest += page["jobs"]
            if not page["next_cursor"]:
                break
            query["cursor"] = page["next_cursor"]
        return newest[:limit]

    def changes(self, job_id: str, action: str, limit: int) -> list[Document]:
        """The first rows, at most `limit`, for which a dry run's plan has this action."""
        rows: list[Document] = []
        query = {"action": action, "limit": str(limit)}
        while len(rows) < limit:
            page = self._json("GET", f"{_path(job_id)}/changes?{urllib.parse.urlencode(query)}")[1]
            rows += page["changes"]
            if not page["next_cursor"]:
                break
            query["cursor"] = page["next_cursor"]
        return rows[:limit]

    def cancel(self, job_id: str) -> Document:
        """Cancel the job and return its status document."""
        return self._json("POST", f"{_path(job_id)}/cancel", b"")[1]

    def begin(self, job_id: str, action: str) -> str:
        """Retry, revert or apply the job (`action`) and return the id of the new job that does so."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return str(self._json("POST", f"{_path(job_id)}/{action}", b"", headers)[1]["job_id"])

    def save_failed_rows(self, job_id: str, file: Path) -> None:
        """Write the failed rows to the file, to be fixed and uploaded again; .xlsx makes it a workbook."""
        self._save(f"{_path(job_id)}/failed-rows.{_form(file)}", file, "the failed rows")

    def save_assets(self, file: Path) -> None:
        """Write all assets to the file, so that it can be imported again; .xlsx makes it a workbook."""
        self._save(f"{ASSETS}.{_form(file)}", file, "the assets")

    def _save(self, path: str, file: Path, what: str) -> None:
        """Write an answer to the file, which is not replaced before all of it has arrived."""
        file = file.resolve()
        is_device = file.exists() and not file.is_file()
        part = file if is_device else file.with_name(f"{file.name}.part")
        with self._open("GET", path) as response:
            try:
                with part.open("wb") as out:
                    shutil.copyfileobj(response, out, BLOCK_BYTES)
                if response.length:  # http.client does not report that an answer ended too early
                    raise http.client.IncompleteRead(b"", response.length)
                if not is_device:
                    part.replace(file)
            except (OSError, http.client.HTTPException) as error:
                raise RefusedError(f"{what} could not be saved in {file}: {error}") from error
            finally:
                if not is_device:
                    part.unlink(missing_ok=True)

    def _send(
        self, path: str, file: Path, options: Mapping[str, str], headers: Mapping[str, str]
    ) -> Document:
        """The answer to a file, which is streamed, and sent again if the connection is lost."""
        query = f"?{urllib.parse.urlencode(options)}" if options else ""
        headers = {
            **headers,
            "Content-Type": "text/csv",
            "Content-Length": str(file.stat().st_size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{_percent_encoded(file.name)}",
        }
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with file.open("rb") as body:
                    return self._json("POST", f"{path}{query}", body, headers)[1]
            except ConnectionError:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(RETRY_DELAY_S)
        raise AssertionError("unreachable")

    def _json(
        self,
        method: str,
        path: str,
        body: IO[bytes] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Mapping[str, str], Document]:
        """The headers and the document of an answer; an empty document for 304."""
        with self._open(method, path, body, headers) as response:
            try:
                text = response.read()
                return response.headers, json.loads(text) if text else {}
            except (OSError, http.client.HTTPException) as error:
                raise _no_answer(self.url, error) from error
            except ValueError as error:
                raise RefusedError(f"{self.url} did not return JSON; is it bulkimport?") from error

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
            raise _no_answer(self.url, error) from error


class _NoAnswerError(RefusedError, ConnectionError):
    """There was no answer, or no complete one: whether the request was carried out is unknown."""


def _path(job_id: str) -> str:
    return f"{JOBS}/{_percent_encoded(job_id)}"


def _form(file: Path) -> str:
    """The form in which the service is asked for a file of this name."""
    return "xlsx" if file.suffix.lower() == ".xlsx" else "csv"


def _percent_encoded(text: str) -> str:
    """The text in a path or in a parameter of a header (RFC 8187)."""
    return urllib.parse.quote(text, safe="", errors="replace")


def _no_answer(url: str, error: Exception) -> _NoAnswerError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ConnectionRefusedError):
        return _NoAnswerError(f"nobody listens at {url}; start the service, or set BULKIMPORT_URL")
    return _NoAnswerError(f"the request to {url} failed: {reason}")


def _problem(error: urllib.error.HTTPError) -> str:
    """Title, status, detail and field errors of the problem document, or the status line if there is none."""
    try:
        document = json.load(error)
        lines = [f"{document['title']} ({document['status']}): {document['detail']}"]
        lines += [f"  {fault['field']}: {fault['message']}" for fault in document.get("errors", ())]
        return "\n".join(lines)
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        return f"{error.code} {error.reason}"
