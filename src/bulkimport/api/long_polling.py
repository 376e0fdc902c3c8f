"""Prefer: wait=N (RFC 7240, section 4.3): answer when the job changes, or after N seconds."""

import re
import threading
from uuid import UUID

from flask import Flask, current_app, request

from bulkimport.jobs.watch import JobWatch, Wait
from bulkimport.settings import WAITING_PLACES
from bulkimport.store import job_documents
from bulkimport.store.job_documents import State
from bulkimport.web import access

MAX_WAIT_S = 30
WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)


def register(app: Flask) -> None:
    """Let WAITING_PLACES requests of the process wait at the same time."""
    app.extensions["waiting_places"] = threading.BoundedSemaphore(WAITING_PLACES)
    app.extensions["job_watch"] = JobWatch(app.extensions["database"])


def wait_for_change(job_id: UUID, *, known_version: str | None) -> int | None:
    """Wait as the request prefers; return the seconds allowed, or None if it has no such preference or no
    place is free.

    Returns immediately if the job is finished, does not exist or differs from `known_version`; without a
    version, waits until the status changes.
    """
    match = WAIT.search(request.headers.get("Prefer", ""))
    if match is None:
        return None
    places: threading.BoundedSemaphore = current_app.extensions["waiting_places"]
    if not places.acquire(blocking=False):
        return None
    try:
        seconds = min(int(match[1]), MAX_WAIT_S)
        state = _state(job_id)
        if state and known_version in (None, state.version):
            watch: JobWatch = current_app.extensions["job_watch"]
            watch.wait(
                Wait(access.principal().account_id, job_id, state, for_any_change=known_version is not None),
                timeout_s=seconds,
            )
        return seconds
    finally:
        places.release()


def _state(job_id: UUID) -> State | None:
    account_id = access.principal().account_id
    with access.reading_as_active() as cursor:
        return job_documents.get_state(cursor, account_id=account_id, job_id=job_id)
