"""A breadth-first search through every state of the model, and the shortest trace to a fault."""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from tests.model.queue import COMPLETED, GONE, HOLDING, QUEUED, Job, Rules, State, Step, steps


class Result(NamedTuple):
    """How many states and steps there are; if there is a fault, the shortest way to it, and what is wrong."""

    states: int
    steps: int
    trace: tuple[str, ...] = ()


class Origin(NamedTuple):
    """How the search came to a state first: from which state, and by which step."""

    state: State
    step: str


def search(jobs: int, chunks: int, rules: Rules = Rules()) -> Result:  # noqa: B008 - frozen
    """Visit every state that can be reached from so many new jobs of so many chunks each."""
    start = State((Job(commits=(0,) * chunks),) * jobs)
    origins: dict[State, Origin | None] = {canonical(start): None}
    forward: dict[State, list[State]] = {}
    unvisited, step_count = deque([start]), 0
    while unvisited:
        state = unvisited.popleft()
        here = canonical(state)
        forward[here] = []
        for step in steps(state, rules):
            step_count += 1
            if fault := fault_of(state, step):
                return Result(len(origins), step_count, (*_trace(origins, here), step.name, fault))
            there = canonical(step.state)
            if not step.is_forced:
                forward[here].append(there)
            if there not in origins:
                origins[there] = Origin(here, step.name)
                unvisited.append(step.state)
    if stuck := _first_stuck(forward):
        return Result(len(origins), step_count, (*_trace(origins, stuck), "no progress is possible"))
    return Result(len(origins), step_count)


def canonical(state: State) -> State:
    """The same state for all that differ only in which worker is which, and which job is which."""
    order = sorted(range(len(state.jobs)), key=lambda number: state.jobs[number])
    workers = (worker._replace(job=order.index(worker.job)) for worker in state.workers)
    return State(tuple(state.jobs[number] for number in order), tuple(sorted(workers)))


def fault_of(before: State, step: Step) -> str | None:
    """What is wrong with the state that the step leads to, or None."""
    for number, (old, job) in enumerate(zip(before.jobs, step.state.jobs, strict=True)):
        if old.status != QUEUED and job != old:
            return f"job {number} changes after its end"
        if max(job.commits) > 1:
            return f"a chunk of job {number} is committed twice"
        if tuple(sorted(job.commits, reverse=True)) != job.commits:
            return f"a chunk of job {number} is committed before the one in front of it"
        if job.status == QUEUED and sum(job.commits) != job.next_chunk:
            return f"the checkpoint of job {number} does not agree with its commits"
        if job.status == COMPLETED and sum(job.commits) != len(job.commits):
            return f"job {number} is completed without one of its chunks"
        if job.attempts < 0:
            return f"job {number} has a negative number of attempts"
        if sum(worker.phase in (HOLDING, GONE) and worker.job == number for worker in step.state.workers) > 1:
            return f"two transactions hold job {number}"
    return None


def _first_stuck(forward: Mapping[State, list[State]]) -> State | None:
    """The first state from which no steps that happen by themselves lead to the end of every job."""
    backward: dict[State, list[State]] = {state: [] for state in forward}
    for state, following in forward.items():
        for there in following:
            backward[there].append(state)
    ended = [state for state in forward if all(job.status != QUEUED for job in state.jobs)]
    reaching = set(ended)
    while ended:
        for state in backward[ended.pop()]:
            if state not in reaching:
                reaching.add(state)
                ended.append(state)
    return next((state for state in forward if state not in reaching), None)


def _trace(origins: Mapping[State, Origin | None], state: State) -> tuple[str, ...]:
    """The steps by which the search came to this state."""
    names = []
    while origin := origins[state]:
        names.append(origin.step)
        state = origin.state
    return tuple(reversed(names))
