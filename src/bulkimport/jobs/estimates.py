"""How fast a job is and when it will finish, as of its last chunk: the values change with each chunk only."""

import math
from datetime import datetime, timedelta

from bulkimport.store import jobs
from bulkimport.store.job_documents import Document

MIN_POLL_S, MAX_POLL_S = 1, 60


def progress(job: Document) -> float:
    """The share of the rows that were handled, from 0 to 1; 1 for a job of no rows."""
    return round(job.processed_rows / job.total_rows, 4) if job.total_rows else 1.0


def rows_per_second(job: Document) -> float | None:
    """Rows handled per second since the job started; None until its first chunk is done."""
    seconds = _seconds_at_work(job)
    return round(job.processed_rows / seconds, 1) if seconds and job.processed_rows else None


def estimated_completion(job: Document) -> datetime | None:
    """When an unfinished job will finish if it goes on as fast as so far; None if that cannot be known."""
    left = _seconds_left(job)
    if left is None or job.advanced_at is None:
        return None
    return job.advanced_at + timedelta(seconds=left)


def poll_after(job: Document) -> int:
    """Seconds after which to ask for the status again, from MIN_POLL_S to MAX_POLL_S."""
    left = _seconds_left(job)
    return MIN_POLL_S if left is None else max(MIN_POLL_S, min(MAX_POLL_S, math.ceil(left)))


def _seconds_left(job: Document) -> float | None:
    seconds = _seconds_at_work(job)
    if job.status in jobs.FINAL_STATUSES or not seconds or not job.processed_rows:
        return None
    return min(seconds / job.processed_rows * (job.total_rows - job.processed_rows), 10.0**9)


def _seconds_at_work(job: Document) -> float | None:
    if job.started_at is None or job.advanced_at is None:
        return None
    seconds = (job.advanced_at - job.started_at).total_seconds()
    return seconds if seconds > 0 else None  # the clock may have been set back meanwhile
