"""The service as its callers see it: hand a file in, follow the job."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 60
# What `bulkimport import` exits with, beside 0.
EXIT_ROWS_FAILED = 1
EXIT_REFUSED = 2


class RefusedError(Exception):
    """The service did not do what it was asked; the message is for people."""


@dataclass(frozen=True)
class Client:
    """A service's base URL, and a token for it."""

    url: str
    token: str

    def upload(self, file: Path) -> str:
        """Hand a CSV file in; return the job's id. The file is streamed."""
        with file.open("rb") as body:
            headers = {"Content-Type": "text/csv", "Content-Length": str(file.stat().st_size)}
            answer = self._request("POST", "/api/v1/assets/bulk", body, headers)
        return str(answer["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job's status document."""
        return self._request("GET", f"/api/v1/assets/bulk/{job_id}")

    def _request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        headers = {**(headers or {}), "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(  # noqa: S310 - the URL is the caller's own
            self.url.rstrip("/") + path, body, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                document: dict[str, Any] = json.load(response)
                return document
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(_problem(error)) from error
        except (OSError, ValueError) as error:
            raise RefusedError(f"{self.url} does not answer as bulkimport does: {error}") from error


def _problem(error: urllib.error.HTTPError) -> str:
    """The problem document's sentence, or what there is instead."""
    try:
        document = json.load(error)
        return f"{document['title']} ({document['status']}): {document['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
