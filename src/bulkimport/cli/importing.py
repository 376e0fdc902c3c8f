"""`bulkimport import`: upload a file and follow its job."""

import os
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

import click

from bulkimport.cli.connection import calling
from bulkimport.cli.following import exit_for, follow
from bulkimport.cli.job_report import json_option, print_ignored_columns, print_job, print_json
from bulkimport.cli.planning import approved
from bulkimport.cli.upload_options import parameters, upload_options
from bulkimport.client import Client


def require_folder(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> Path | None:
    """Refuse a file that cannot be created, before anything is uploaded."""
    if file and (file.is_file() or not file.exists()):
        folder = file.parent
        if not folder.is_dir():
            raise click.BadParameter(f"there is no folder '{folder}'")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise click.BadParameter(f"the folder '{folder}' is not writable")
    return file


@click.command("import")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--job", "job_id", metavar="ID", help="Follow this job instead of uploading a file.")
@upload_options
@click.option("--plan", is_flag=True, help="Show what would change, and ask before anything is imported.")
@click.option("--yes", is_flag=True, help="Apply the plan without asking, for scripts.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the job has finished.")
@click.option(
    "--failed-rows",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=require_folder,
    metavar="OUT.csv",
    help="Where to save the failed rows, to be corrected and imported again; OUT.xlsx is an Excel workbook.",
)
@json_option
@calling
def import_file(
    client: Client,
    file: Path | None,
    job_id: str | None,
    plan: bool,
    yes: bool,
    wait: bool,
    failed_rows: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Upload FILE and follow the job.

    Exits with 0 if every row was imported, 1 if rows failed, and 2 if the job failed or was cancelled, or the
    service refused the request or did not answer.
    """
    upload_parameters = parameters(options)
    _require_consistent(file, job_id, upload_parameters, wait=wait, failed_rows=failed_rows)
    if plan:
        _require_answerable(file, upload_parameters, yes=yes, wait=wait, as_json=as_json)
    if file and plan:
        followed_id = approved(client, file, upload_parameters, yes=yes, as_json=as_json)
    else:
        followed_id = client.upload(file, upload_parameters) if file else str(job_id)
    if file and not as_json:
        click.echo(f"job {followed_id}")
    if wait:
        _finish(client, followed_id, failed_rows, as_json=as_json)
    elif as_json:
        print_json(client.job(followed_id))
    else:
        print_ignored_columns(client.job(followed_id))


def _require_consistent(
    file: Path | None, job_id: str | None, upload_parameters: object, *, wait: bool, failed_rows: Path | None
) -> None:
    """Raise UsageError for options of which one would be ignored, or would overwrite the uploaded file."""
    if (file is None) == (job_id is None):
        raise click.UsageError("Name either a FILE to upload or a --job to follow.")
    if job_id and upload_parameters:
        raise click.UsageError("With --job nothing is uploaded, so options of an upload have no effect.")
    if failed_rows and not wait:
        raise click.UsageError("--failed-rows needs a finished job, so it cannot be used with --no-wait.")
    if file and failed_rows and failed_rows.exists() and failed_rows.samefile(file):
        raise click.UsageError("--failed-rows would overwrite the file that is uploaded.")


def _require_answerable(
    file: Path | None, upload_parameters: Container[str], *, yes: bool, wait: bool, as_json: bool
) -> None:
    """Raise UsageError if there is nothing to plan, or nobody who could be asked."""
    if not file or not wait or "dry_run" in upload_parameters:
        raise click.UsageError("--plan needs a FILE, and no --job, --no-wait or --dry-run.")
    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("--plan asks whether to apply it; where nobody can answer, it needs --yes.")


def _finish(client: Client, job_id: str, failed_rows: Path | None, *, as_json: bool) -> None:
    """Follow the job, print it, save its failed rows, and exit with its code."""
    job = follow(client, job_id, as_json=as_json)
    print_job(job, as_json=as_json, failed_rows=failed_rows)
    if failed_rows and job["failed_rows"]:
        client.save_failed_rows(job_id, failed_rows)
    if failed_rows and not as_json:
        saved = "failed rows: {}" if job["failed_rows"] else "no row failed, so {} was not written"
        click.echo(saved.format(failed_rows))
    exit_for(job)
