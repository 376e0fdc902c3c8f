"""Prefer: wait=N (RFC 7240, section 4.3): answer when the job changes, or after N seconds."""

import re
import threading
import time
from uuid import UUID

from flask import current_app, request

from bulkimport.settings import WEB_THREADS
from bulkimport.store import job_documents, jobs
from bulkimport.store.job_documents import State
from bulkimport.web import access

MAX_WAIT_S = 30
LOOK_INTERVAL_S = 0.25
PLACES = WEB_THREADS // 2  # for requests that wait; the other threads stay free for all others
WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)


def new_places() -> threading.BoundedSemaphore:
    """A semaphore that limits how many requests of a web process wait at the same time."""
    return threading.BoundedSemaphore(PLACES)


def wait_for_change(job_id: UUID, *, known_version: str | None) -> int | None:
    """Wait as the request prefers; return the seconds allowed, or None if it has no such preference or no
    place is free.

    Returns immediately if the job is finished, does not exist or differs from `known_version`; without a
    version, waits until the status changes. Holds no database connection while it sleeps.
    """
    match = WAIT.search(request.headers.get("Prefer", ""))
    places: threading.BoundedSemaphore = current_app.extensions["waiting_places"]
    if match is None or not places.acquire(blocking=False):
        return None
    try:
        seconds = min(int(match[1]), MAX_WAIT_S)
        deadline = time.monotonic() + seconds
        first = state = _state(job_id)
        while first and state and not _is_news(first, state, known_version):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(LOOK_INTERVAL_S, left))
            state = _state(job_id)
        return seconds
    finally:
        places.release()


def _is_news(first: State, state: State, known_version: str | None) -> bool:
    if state.status in jobs.FINAL_STATUSES or state.status != first.status:
        return True
    return known_version is not None and state.version != known_version


def _state(job_id: UUID) -> State | None:
    with access.reading_as_active() as cursor:
        return job_documents.get_state(cursor, account_id=access.principal().account_id, job_id=job_id)
