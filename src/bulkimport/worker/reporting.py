"""What a worker reports about its claims and chunks: log lines, and the metrics that count them."""

import logging
from uuid import UUID

from bulkimport.importing.outcome import Outcome
from bulkimport.store import jobs
from bulkimport.store.jobs import Origin
from bulkimport.store.queue import Claim
from bulkimport.telemetry import metrics, redaction
from bulkimport.telemetry.trace_context import trace_id

OUTCOMES = ("created", "updated", "unchanged", "skipped", "failed", "removed")

log = logging.getLogger(__name__)


class Reporter:
    """Logs and counts what one worker does; each line names the request and trace that created the job."""

    def __init__(self) -> None:
        self._job_id: UUID | None = None
        self._origin = Origin(None, None)

    def knows(self, job_id: UUID) -> bool:
        """Whether `set_origin` was last called for this job."""
        return self._job_id == job_id

    def set_origin(self, job_id: UUID, origin: Origin) -> None:
        """Name this origin in each further line about the job, until it is set for another one."""
        self._job_id, self._origin = job_id, origin

    def claimed(self, claim: Claim) -> None:
        """Count a claim, once it is committed."""
        metrics.WORKER_CLAIMS.labels("first" if claim.attempt == 1 else "repeated").inc()

    def released(self, reason: str) -> None:
        """Count a claim that will be given back without counting the attempt.

        `reason` is "database", "interference" or "stopping".
        """
        metrics.WORKER_CLAIMS_RELEASED.labels(reason).inc()

    def committed(self, claim: Claim, outcome: Outcome, *, seconds: float, commit_seconds: float) -> None:
        """Log and count a chunk that was imported or copied, once it is committed.

        `seconds` includes `commit_seconds`.
        """
        rows = {name: getattr(outcome, name) for name in OUTCOMES}
        step = "copied" if claim.is_copy else "imported"
        log.info(
            "chunk %s",
            step,
            extra={
                **self._described(claim),
                **{f"{name}_rows": count for name, count in rows.items()},
                "seconds": round(seconds, 4),
                **({"job_status": outcome.job_status} if outcome.job_status else {}),
            },
        )
        metrics.WORKER_CHUNKS.labels(step).inc()
        if not claim.is_copy:
            metrics.WORKER_CHUNK_SECONDS.observe(seconds)
        metrics.WORKER_CHUNK_STAGE_SECONDS.labels("commit").observe(commit_seconds)
        for name, count in rows.items():
            metrics.WORKER_ROWS.labels(name).inc(count)
        if outcome.job_status:
            metrics.WORKER_JOBS_FINISHED.labels(outcome.job_status).inc()

    def rolled_back(self) -> None:
        """Count an all-or-nothing import that a bad row or a cancellation undid."""
        metrics.WORKER_CHUNKS.labels("rolled_back").inc()

    def cancelled(self) -> None:
        """Count a job that was cancelled in the middle of its all-or-nothing import."""
        metrics.WORKER_JOBS_FINISHED.labels(jobs.CANCELLED).inc()

    def gave_up(self, claim: Claim, failure: str) -> None:
        """Log and count a job that failed because one of its chunks never finished."""
        log.error("job failed", extra={**self._described(claim), "failure": failure})
        metrics.WORKER_JOBS_FINISHED.labels(jobs.FAILED).inc()

    def lost(self, claim: Claim) -> None:
        """Log and count a chunk that another worker claimed before this one had locked it."""
        log.warning("another worker has claimed the job", extra=self._described(claim))
        metrics.WORKER_CHUNKS.labels("lost").inc()

    def abandoned(self, claim: Claim, reason: str) -> None:
        """Log a chunk that was rolled back to be imported later, through no fault of its own."""
        log.info("a chunk was rolled back", extra={**self._described(claim), "reason": reason})

    def interrupted(self, claim: Claim, error: BaseException) -> None:
        """Log and count a chunk whose transaction the database refused, or could not be asked for."""
        reason = redaction.message(error)
        log.warning("a chunk was interrupted", extra={**self._described(claim), "reason": reason})
        metrics.WORKER_CHUNKS.labels("interrupted").inc()

    def failed(self, claim: Claim) -> None:
        """Log and count a chunk that raised an unexpected error; must be called from its handler."""
        log.exception("a chunk failed", extra=self._described(claim))
        metrics.WORKER_CHUNKS.labels("failed").inc()

    def _described(self, claim: Claim) -> dict[str, object]:
        origin = self._origin if self.knows(claim.job_id) else Origin(None, None)
        trace = trace_id(origin.traceparent)
        return {
            "account_id": claim.account_id,
            "job_id": str(claim.job_id),
            "request_id": origin.request_id,
            **({"trace_id": trace} if trace else {}),
            "chunk": claim.next_chunk,
            "attempt": claim.attempt,
        }
