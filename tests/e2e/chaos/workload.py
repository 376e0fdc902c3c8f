"""What the service is doing when a fault strikes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.conftest import OWN
from tests.e2e.conftest import FINAL_STATUSES, Service, csv_file, require_every_row_once


@dataclass
class Uploads:
    """Files uploaded one after the other, and the jobs that were accepted."""

    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    refused: int = 0

    def has_more_than(self, count: int) -> bool:
        return len(self.accepted) > count


@contextmanager
def uploading(service: Service, rows: int) -> Iterator[Uploads]:
    """Upload small files for as long as the context lasts, whatever the answers are."""
    uploads, stopping = Uploads(), threading.Event()

    def run() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            csv = csv_file(rows, prefix=f"U{number}")
            try:
                status, answer = service.request(
                    "POST", "/api/v1/assets/bulk", csv, OWN, **{"Content-Type": "text/csv"}
                )
            except (OSError, ValueError):
                status, answer = 0, {}
            if status == 202:
                uploads.accepted.append((str(answer["job_id"]), csv))
            else:
                uploads.refused += 1
            stopping.wait(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield uploads
    finally:
        stopping.set()
        thread.join()


def require_all(service: Service, uploads: Uploads) -> None:
    """The oracle for uploads: every 202 has its job, and every row of it is there once."""
    for job_id, csv in uploads.accepted:
        service.wait_for(job_id, timeout_s=120)
        require_every_row_once(service.db, job_id, csv)


def has_progressed(service: Service, job_id: str, beyond: int = 0) -> bool:
    """Whether more than `beyond` rows have been processed."""
    return bool(service.job(job_id)["processed_rows"] > beyond)


class Watch:
    """Follows a job: it may stand still only for a limited time, and must never go back."""

    def __init__(self, service: Service, job_id: str) -> None:
        self._service = service
        self._job_id = job_id
        self._processed = 0
        self._since = time.monotonic()
        self.longest_pause_s = 0.0

    def look(self) -> bool:
        """Whether the job is unfinished."""
        try:
            job = self._service.job(self._job_id)
        except (OSError, ValueError, AssertionError):  # the service may be away; the pause goes on
            return True
        assert job["processed_rows"] >= self._processed, "progress went back"
        if job["processed_rows"] > self._processed:
            self.longest_pause_s = max(self.longest_pause_s, time.monotonic() - self._since)
            self._processed, self._since = job["processed_rows"], time.monotonic()
        return job["status"] not in FINAL_STATUSES
