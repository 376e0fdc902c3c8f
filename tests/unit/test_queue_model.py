"""The model of the queue in every state: nothing is committed twice, no job is lost, each reaches its end."""

import re
from pathlib import Path

import pytest

from bulkimport.store import queue
from tests.model.queue import Rules
from tests.model.search import search

PAGE = Path(__file__).parents[2] / "docs" / "queue.md"


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "chunks"), [(1, 3), (2, 1), (2, 3)])
def test_no_interleaving_of_two_workers_leads_to_a_fault(
    jobs: int, chunks: int, request: pytest.FixtureRequest
) -> None:
    if (jobs, chunks) == (2, 3) and not request.config.getoption("--full"):
        pytest.skip("takes a minute; make fuzz visits these states")
    result = search(jobs, chunks)
    assert result.trace == ()
    row = re.search(rf"\| {jobs} \| {chunks} \| ([\d,]+) \| ([\d,]+) \|", PAGE.read_text())
    assert row
    assert [int(count.replace(",", "")) for count in row.groups()] == [result.states, result.steps]


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("relock_compares_chunk", "a chunk of job 0 is committed twice"),
        ("relock_locks", "two transactions hold job 0"),
        ("release_compares_token", "job 0 has a negative number of attempts"),
        ("checkpoint_is_in_the_transaction", "the checkpoint of job 0 does not agree with its commits"),
        ("end_of_session_unlocks", "no progress is possible"),
        ("time_passes", "no progress is possible"),
        ("cancel_waits_for_the_chunk", "job 0 changes after its end"),
    ],
)
def test_the_search_finds_the_fault_when_a_rule_is_switched_off(rule: str, fault: str) -> None:
    trace = search(1, 3, Rules(**{rule: False})).trace
    assert trace[-1] == fault


def test_the_page_shows_the_trace_without_the_chunk_in_the_token() -> None:
    trace = search(1, 3, Rules(relock_compares_chunk=False)).trace
    assert "```\n" + "\n".join(trace) + "\n```" in PAGE.read_text()


def test_without_the_attempt_in_the_token_only_the_count_is_wrong() -> None:
    assert search(1, 3, Rules(relock_compares_attempt=False)).trace == ()


def test_the_statements_compare_the_token_as_the_model_does() -> None:
    for statement in (queue.RELOCK, queue.RELEASE):
        compared = set(re.findall(r"(\w+)\s+= %\((\w+)\)s", statement.partition("WHERE")[2]))
        assert compared == {
            ("account_id", "account_id"),
            ("job_id", "job_id"),
            ("next_chunk", "next_chunk"),
            ("attempts", "attempt"),
            ("only_check", "only_check"),
        }
