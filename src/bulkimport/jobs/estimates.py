"""How fast a job goes, and when it will be done: by what it did up to its last step, so each step's own."""

import math
from datetime import datetime, timedelta

from bulkimport.store import jobs
from bulkimport.store.jobs import Job

MIN_POLL_S, MAX_POLL_S = 1, 60


def progress(job: Job) -> float:
    """The share of the rows that were handled, from 0 to 1."""
    return round(job.processed_rows / job.total_rows, 4) if job.total_rows else 1.0


def rows_per_second(job: Job) -> float | None:
    """Since the job was begun; None before its first step."""
    seconds = _seconds_at_work(job)
    return round(job.processed_rows / seconds, 1) if seconds and job.processed_rows else None


def estimated_completion(job: Job) -> datetime | None:
    """When an unfinished job will be done if it goes on as it did; None where that cannot be told."""
    left = _seconds_left(job)
    if left is None or job.advanced_at is None:
        return None
    return job.advanced_at + timedelta(seconds=left)


def poll_after(job: Job) -> int:
    """Seconds after which it is worth asking again."""
    left = _seconds_left(job)
    return MIN_POLL_S if left is None else max(MIN_POLL_S, min(MAX_POLL_S, math.ceil(left)))


def _seconds_left(job: Job) -> float | None:
    seconds = _seconds_at_work(job)
    if job.status in jobs.FINAL_STATUSES or not seconds or not job.processed_rows:
        return None
    return min(seconds / job.processed_rows * (job.total_rows - job.processed_rows), 10.0**9)


def _seconds_at_work(job: Job) -> float | None:
    if job.started_at is None or job.advanced_at is None:
        return None
    seconds = (job.advanced_at - job.started_at).total_seconds()
    return seconds if seconds > 0 else None  # the clock may have been set back meanwhile
