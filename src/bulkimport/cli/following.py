"""Following a job until it has finished."""

import sys

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bulkimport.cli import terminal
from bulkimport.cli.connection import EXIT_INTERRUPTED
from bulkimport.cli.job_report import print_ignored_columns, print_job
from bulkimport.client import EXIT_FAILED, EXIT_ROWS_FAILED, Client, Document


def follow(client: Client, job_id: str, *, as_json: bool) -> Document:
    """Wait until the job has finished, and return it.

    Its ignored columns are printed first, unless the output is JSON. A progress bar is on standard error, if
    that is a terminal. Ctrl-C exits, and the job continues.
    """
    try:
        steps = client.steps(job_id)
        job = next(steps)
        if not as_json:
            print_ignored_columns(job)
        with _bar() as bar:
            task = bar.add_task(_label(job), total=job["total_rows"], completed=job["processed_rows"])
            for job in steps:
                bar.update(task, completed=job["processed_rows"])
    except KeyboardInterrupt:
        click.echo(f"\nthe job continues; follow it again with: bulkimport import --job {job_id}", err=True)
        sys.exit(EXIT_INTERRUPTED)
    return job


def follow_new(client: Client, job_id: str, *, as_json: bool) -> None:
    """Follow a job that a command has created, print it, and exit as exit_for does."""
    if not as_json:
        click.echo(f"job {job_id}")
    job = follow(client, job_id, as_json=as_json)
    print_job(job, as_json=as_json)
    exit_for(job)


def exit_for(job: Document) -> None:
    """Exit with EXIT_FAILED unless the job is completed, and with EXIT_ROWS_FAILED if rows failed."""
    if job["status"] != "completed":
        sys.exit(EXIT_FAILED)
    if job["failed_rows"]:
        sys.exit(EXIT_ROWS_FAILED)


def _bar() -> Progress:
    """As wide as the terminal."""
    console = terminal.console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
    return Progress(*columns, console=console, expand=True, disable=not console.is_terminal)


def _label(job: Document) -> str:
    if job["kind"] == "revert":
        return "Reverting"
    return "Checking" if job["options"].get("dry_run") else "Importing"
