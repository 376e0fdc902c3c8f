"""A model of the queue: its states, and every step that leads from one to another.

What the database decides in one statement or at one commit is one step. Anything may happen between two
steps, and a worker that takes none for a while is a slow or stopped one. Faults are steps, too: a crash, a
session that PostgreSQL ends, a reply that is lost, a chunk that fails.

The rules repeat store/queue.py, worker/loop.py and jobs/actions.cancel in a few lines each. A `Rules` with a
rule switched off is a queue with that fault.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

WORKERS = 2
MAX_ATTEMPTS = 1  # of the service's 5; attempts above are one state, so that there is an end of states

QUEUED, COMPLETED, CANCELLED, FAILED = "queued", "completed", "cancelled", "failed"
IDLE, CLAIMED, HOLDING, ENDED, RELEASING = "idle", "claimed", "holding", "ended", "releasing"
GONE = "gone"  # only where the end of a session does not free its locks


class Job(NamedTuple):
    """A job with its queue row, which is there as long as the status is QUEUED.

    `commits` counts, for each chunk, the transactions that imported it.
    """

    status: str = QUEUED
    next_chunk: int = 0
    attempts: int = 0
    is_due: bool = True
    is_cancel_requested: bool = False
    commits: tuple[int, ...] = (0, 0, 0)


class Worker(NamedTuple):
    """A worker, and the claim it has: the number of a job, and the fencing token.

    HOLDING: its transaction has locked the queue row. ENDED: it believes so, but PostgreSQL has ended the
    session. RELEASING: it gives its claim back as soon as the database answers.
    """

    phase: str = IDLE
    job: int = 0
    next_chunk: int = 0
    attempt: int = 0


class State(NamedTuple):
    """Everything that the jobs' future depends on."""

    jobs: tuple[Job, ...]
    workers: tuple[Worker, ...] = (Worker(),) * WORKERS

    def is_locked(self, job: int) -> bool:
        """Whether a transaction holds the lock of the job's queue row."""
        return any(worker.phase in (HOLDING, GONE) and worker.job == job for worker in self.workers)


class Step(NamedTuple):
    """One step: what happens, whether it is a fault or a wish of a client, and the state it leads to."""

    name: str
    is_forced: bool
    state: State


@dataclass(frozen=True)
class Rules:
    """What the queue relies on; each can be switched off, to see that the search finds the fault."""

    relock_compares_chunk: bool = True
    relock_compares_attempt: bool = True
    relock_locks: bool = True
    release_compares_token: bool = True
    checkpoint_is_in_the_transaction: bool = True
    end_of_session_unlocks: bool = True
    time_passes: bool = True
    cancel_waits_for_the_chunk: bool = True


def steps(state: State, rules: Rules = Rules()) -> Iterator[Step]:
    """Every step that is possible in this state."""
    for number in range(len(state.workers)):
        for step in (_claim, _relock, _work, _release, _end_session, _crash):
            yield from step(state, rules, number)
    for number in range(len(state.jobs)):
        for change in (_pass_time, _cancel):
            yield from change(state, rules, number)


def _claim(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """queue.claim: an idle worker counts the attempt, and nobody else claims the job for a while."""
    if state.workers[number].phase != IDLE:
        return
    for index, job in enumerate(state.jobs):
        if job.status == QUEUED and job.is_due and not state.is_locked(index):
            attempt = min(job.attempts + 1, MAX_ATTEMPTS + 1)
            claimed = _with_job(state, index, job._replace(attempts=attempt, is_due=False))
            worker = Worker(CLAIMED, index, job.next_chunk, attempt)
            name = f"worker {number} claims chunk {job.next_chunk} of job {index}, attempt {attempt}"
            yield Step(name, False, _with_worker(claimed, number, worker))
            lost = _with_worker(claimed, number, worker._replace(phase=RELEASING))
            yield Step(f"{name}; the reply is lost", True, lost)


def _relock(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """queue.relock: the worker begins to import, unless its claim is no longer the newest."""
    worker = state.workers[number]
    if worker.phase != CLAIMED:
        return
    job = state.jobs[worker.job]
    is_newest = (
        job.status == QUEUED
        and not (rules.relock_locks and state.is_locked(worker.job))
        and (job.next_chunk == worker.next_chunk or not rules.relock_compares_chunk)
        and (job.attempts == worker.attempt or not rules.relock_compares_attempt)
    )
    if is_newest:
        locked = _with_worker(state, number, worker._replace(phase=HOLDING))
        yield Step(f"worker {number} locks job {worker.job}", False, locked)
    else:
        yield Step(f"worker {number} has lost its claim", False, _with_worker(state, number, Worker()))


def _work(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """The end of the transaction: its commit, a commit whose reply is lost, or an error."""
    worker = state.workers[number]
    releasing = worker._replace(phase=RELEASING)
    if worker.phase == ENDED:
        name = f"worker {number} finds its session ended"
        yield Step(name, False, _with_worker(state, number, releasing))
    if worker.phase != HOLDING:
        return
    for outcome, job in _outcomes(state.jobs[worker.job], worker, rules):
        name = f"worker {number} {outcome} job {worker.job}"
        committed = _with_job(state, worker.job, job)
        yield Step(name, False, _with_worker(committed, number, Worker()))
        yield Step(f"{name}; the reply is lost", True, _with_worker(committed, number, releasing))
    yield Step(f"worker {number} is interrupted", True, _with_worker(state, number, releasing))
    yield Step(f"the chunk of worker {number} fails", True, _with_worker(state, number, Worker()))


def _outcomes(job: Job, worker: Worker, rules: Rules) -> Iterator[tuple[str, Job]]:
    """What the transaction may commit, and the job that it leaves."""
    if worker.attempt > MAX_ATTEMPTS:
        yield "gives up", job._replace(status=FAILED)
        return
    if job.is_cancel_requested:  # before the worker has read the job
        yield "ends, as requested,", job._replace(status=CANCELLED)
    commits = tuple(count + (chunk == worker.next_chunk) for chunk, count in enumerate(job.commits))
    imported = job._replace(commits=commits, attempts=0, is_due=True)
    name = f"commits chunk {worker.next_chunk} of"
    if worker.next_chunk == len(commits) - 1:
        yield name, imported._replace(status=COMPLETED)
    elif job.is_cancel_requested:  # and after it
        yield f"{name}, and ends, as requested,", imported._replace(status=CANCELLED)
    elif rules.checkpoint_is_in_the_transaction:
        yield name, imported._replace(next_chunk=job.next_chunk + 1)
    else:
        yield name, imported


def _release(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """queue.release: the attempt does not count; waits while another transaction holds the row."""
    worker = state.workers[number]
    if worker.phase != RELEASING:
        return
    job = state.jobs[worker.job]
    matches = job.status == QUEUED and (
        (job.next_chunk, job.attempts) == (worker.next_chunk, worker.attempt)
        or not rules.release_compares_token
    )
    if matches and state.is_locked(worker.job):
        return
    if matches:
        released = job._replace(attempts=job.attempts - 1, is_due=False)
        state = _with_job(state, worker.job, released)
    name = f"worker {number} releases its claim of job {worker.job}"
    yield Step(name, False, _with_worker(state, number, Worker()))
    yield Step(f"{name}; the reply is lost", True, state)


def _end_session(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """PostgreSQL ends the session of a worker that is too slow; the worker does not know it yet."""
    worker = state.workers[number]
    if worker.phase == HOLDING and rules.end_of_session_unlocks:
        ended = _with_worker(state, number, worker._replace(phase=ENDED))
        yield Step(f"the session of worker {number} is ended", True, ended)


def _crash(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """kill -9: PostgreSQL frees the lock, and the supervisor starts another worker."""
    worker = state.workers[number]
    if worker.phase in (IDLE, GONE):
        return
    keeps_lock = worker.phase == HOLDING and not rules.end_of_session_unlocks
    next_worker = worker._replace(phase=GONE) if keeps_lock else Worker()
    yield Step(f"worker {number} crashes", True, _with_worker(state, number, next_worker))


def _pass_time(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """The grace of a claim, or the delay of a release, is over."""
    job = state.jobs[number]
    if job.status == QUEUED and not job.is_due and rules.time_passes:
        yield Step(f"job {number} is due", False, _with_job(state, number, job._replace(is_due=True)))


def _cancel(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """actions.cancel: at once, or after the chunk that is being imported."""
    job = state.jobs[number]
    if job.status != QUEUED or job.is_cancel_requested:
        return
    if state.is_locked(number) and rules.cancel_waits_for_the_chunk:
        cancelled = job._replace(is_cancel_requested=True)
    else:
        cancelled = job._replace(status=CANCELLED)
    yield Step(f"a client cancels job {number}", True, _with_job(state, number, cancelled))


def _with_job(state: State, number: int, job: Job) -> State:
    return state._replace(jobs=(*state.jobs[:number], job, *state.jobs[number + 1 :]))


def _with_worker(state: State, number: int, worker: Worker) -> State:
    return state._replace(workers=(*state.workers[:number], worker, *state.workers[number + 1 :]))
