"""`bulkimport jobs`: list, show and change the account's jobs."""

import click

from bulkimport.cli.connection import calling
from bulkimport.cli.following import follow_new
from bulkimport.cli.job_report import json_option, print_ignored_columns, print_job, print_jobs, print_json
from bulkimport.client import Client, Document


@click.group("jobs")
def jobs() -> None:
    """List, show and change the account's jobs in a running service."""


@jobs.command("list")
@click.option(
    "--status",
    type=click.Choice(("pending", "processing", "completed", "failed", "cancelled")),
    help="Only jobs in this state.",
)
@click.option(
    "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="The most jobs to list."
)
@json_option
@calling
def list_jobs(client: Client, status: str | None, limit: int, as_json: bool) -> None:
    """List the newest jobs, newest first."""
    newest = client.jobs(status, limit)
    if as_json:
        print_json(newest)
    elif newest:
        print_jobs(newest)
    else:
        click.echo("no jobs", err=True)


@jobs.command("show")
@click.argument("job_id")
@json_option
@calling
def show_job(client: Client, job_id: str, as_json: bool) -> None:
    """Show a job and its first row errors."""
    _print(client.job(job_id), as_json=as_json)


@jobs.command("cancel")
@click.argument("job_id")
@json_option
@calling
def cancel_job(client: Client, job_id: str, as_json: bool) -> None:
    """Cancel a job; the rows that were imported stay."""
    client.cancel(job_id)
    *_, job = client.steps(job_id)
    _print(job, as_json=as_json)


@jobs.command("retry")
@click.argument("job_id")
@json_option
@calling
def retry_job(client: Client, job_id: str, as_json: bool) -> None:
    """Import a job's failed rows again, and those that were never reached.

    Follows the new job, and exits as `bulkimport import` does.
    """
    follow_new(client, client.begin(job_id, "retry"), as_json=as_json)


@jobs.command("revert")
@click.argument("job_id")
@json_option
@calling
def revert_job(client: Client, job_id: str, as_json: bool) -> None:
    """Undo an import.

    Follows the job that does so, and exits as `bulkimport import` does.
    """
    follow_new(client, client.begin(job_id, "revert"), as_json=as_json)


def _print(job: Document, *, as_json: bool) -> None:
    if not as_json:
        print_ignored_columns(job)
    print_job(job, as_json=as_json)
