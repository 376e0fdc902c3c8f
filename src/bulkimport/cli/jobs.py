"""The commands that call a running service: they parse arguments and print, nothing else."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bulkimport.client import EXIT_REFUSED, EXIT_ROWS_FAILED, Client, Document, RefusedError

SHOWN_ERRORS = 25
EXIT_INTERRUPTED = 130

Command = Callable[..., Any]


def calling(command: Command) -> Command:
    """Pass a client to the command as its first argument; exit with 2 if the service refuses the request."""

    @click.option(
        "--url",
        envvar="BULKIMPORT_URL",
        default="http://127.0.0.1:8000",
        show_default=True,
        show_envvar=True,
        help="Base URL of the service.",
    )
    @click.option(
        "--token",
        envvar="BULKIMPORT_TOKEN",
        required=True,
        show_envvar=True,
        help="Access token.",
    )
    @wraps(command)
    def called(url: str, token: str, **arguments: Any) -> None:
        try:
            command(Client(url, token), **arguments)
        except RefusedError as refusal:
            click.echo(f"bulkimport: {refusal}", err=True)
            sys.exit(EXIT_REFUSED)

    return called


@click.command("import")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--job", "job_id", metavar="ID", help="Follow this job instead of uploading a file.")
@click.option("--dry-run", is_flag=True, help="Report what an import would do, without importing anything.")
@click.option(
    "--on-conflict",
    type=click.Choice(("error", "skip", "update")),
    help="What to do with a row whose identifier an asset already has.",
)
@click.option(
    "--on-error",
    type=click.Choice(("continue", "abort")),
    help="Whether to import the good rows if others fail.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the job has finished.")
@click.option(
    "--failed-rows",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.csv",
    help="Where to save the failed rows, to be corrected and imported again.",
)
@calling
def import_file(
    client: Client,
    file: Path | None,
    job_id: str | None,
    wait: bool,
    failed_rows: Path | None,
    **options: Any,
) -> None:
    """Upload FILE and follow the job.

    Exits with 0 if every row was imported, 1 if rows failed, 2 if the file was refused.
    """
    if (file is None) == (job_id is None):
        raise click.UsageError("name either a FILE to upload or a --job to follow")
    if file:
        job_id = client.upload(file, _options(options))
        click.echo(f"job {job_id}")
    if job_id and wait:
        job = _follow(client, job_id)
        if failed_rows and job["failed_rows"]:
            client.save_failed_rows(job_id, failed_rows)
            click.echo(f"failed rows: {failed_rows}")
        _exit_for(job)


@click.group("jobs")
def jobs() -> None:
    """List, show and change the account's jobs in a running service."""


@jobs.command("list")
@click.option("--status", type=click.Choice(("pending", "processing", "completed", "failed", "cancelled")))
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@calling
def list_jobs(client: Client, status: str | None, limit: int) -> None:
    """List the newest jobs."""
    for job in client.jobs(status, limit):
        rows = f"{job['processed_rows']}/{job['total_rows']}"
        click.echo(
            f"{job['job_id']}  {job['created_at'][:19]}Z  {job['kind']:<6}  {job['status']:<10}"
            f"  {rows:>15} rows  {job['failed_rows']:>7} failed"
        )


@jobs.command("show")
@click.argument("job_id")
@calling
def show_job(client: Client, job_id: str) -> None:
    """Show a job and its first row errors."""
    _show(client.job(job_id))


@jobs.command("cancel")
@click.argument("job_id")
@calling
def cancel_job(client: Client, job_id: str) -> None:
    """Cancel a job; the rows that were imported stay."""
    client.cancel(job_id)
    _show(_follow_quietly(client, job_id))


@jobs.command("retry")
@click.argument("job_id")
@calling
def retry_job(client: Client, job_id: str) -> None:
    """Import a job's failed rows again, and those that were never reached."""
    _exit_for(_follow_new(client, job_id, "retry"))


@jobs.command("revert")
@click.argument("job_id")
@calling
def revert_job(client: Client, job_id: str) -> None:
    """Undo an import."""
    _exit_for(_follow_new(client, job_id, "revert"))


def _options(arguments: dict[str, Any]) -> dict[str, str]:
    """The options that were given, as the query parameters of the upload."""
    return {name: "true" if value is True else str(value) for name, value in arguments.items() if value}


def _follow_new(client: Client, job_id: str, action: str) -> Document:
    new_job_id = client.begin(job_id, action)
    click.echo(f"job {new_job_id}")
    return _follow(client, new_job_id)


def _follow(client: Client, job_id: str) -> Document:
    """Show a progress bar until the job has finished; return the job."""
    job = client.job(job_id)
    label = "Reverting" if job["kind"] == "revert" else "Importing"
    try:
        with click.progressbar(length=job["total_rows"], label=label, show_pos=True) as bar:
            for job in client.steps(job_id):
                bar.update(job["processed_rows"] - bar.pos)
    except KeyboardInterrupt:
        click.echo(f"\nthe job continues; follow it again with: bulkimport import --job {job_id}", err=True)
        sys.exit(EXIT_INTERRUPTED)
    _show(job)
    return job


def _follow_quietly(client: Client, job_id: str) -> Document:
    *_, job = client.steps(job_id)
    return job


def _exit_for(job: Document) -> None:
    if job["status"] != "completed" or job["failed_rows"]:
        sys.exit(EXIT_ROWS_FAILED)


def _show(job: Document) -> None:
    done = job["processed_rows"] - job["failed_rows"]
    verb = "reverted" if job["kind"] == "revert" else "would be imported" if _is_dry_run(job) else "imported"
    click.echo(f"{job['status']}: {done} of {job['total_rows']} rows {verb}, {job['failed_rows']} failed")
    if job["failure"]:
        click.echo(job["failure"])
    errors = job["errors"][:SHOWN_ERRORS]
    if errors:
        click.echo(f"\n{'row':>7}  {'field':<12}  error")
    for error in errors:
        click.echo(f"{error['row']:>7}  {error['field'] or '':<12}  {error['error']}")
    if job["failed_rows"] and len(job["errors"]) > SHOWN_ERRORS:
        click.echo(f"{'…':>7}")


def _is_dry_run(job: Document) -> bool:
    return bool(job["options"].get("dry_run"))
