"""The command line: parses arguments and prints, no more."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from bulkimport import database, logs, migrate, settings
from bulkimport import worker as worker_process
from bulkimport.auth import issue_token
from bulkimport.client import Client, RefusedError

EXIT_ROWS_FAILED = 1
EXIT_REFUSED = 2
POLL_INTERVAL_S = 0.2
SHOWN_ERRORS = 20
FINAL_STATUSES = ("completed", "failed", "cancelled")

FAULTS = (
    settings.SettingsError,
    migrate.MigrationError,
    database.DatabaseUnavailableError,
    database.PrivilegedRoleError,
)


def main() -> None:
    """The console script."""
    try:
        commands()
    except FAULTS as fault:
        click.echo(f"bulkimport: {fault}", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Bulk import of assets over HTTP."""


@commands.group("migrate")
def migrate_group() -> None:
    """Migrations of the database in MIGRATION_DATABASE_URL."""


@migrate_group.command("up")
def migrate_up() -> None:
    """Apply what is missing."""
    _show_migrations("applied", migrate.up(_migration_url()))


@migrate_group.command("down")
@click.argument("steps", type=click.IntRange(min=1), default=1)
def migrate_down(steps: int) -> None:
    """Undo the last STEPS migrations."""
    _show_migrations("undone", migrate.down(_migration_url(), steps))


@migrate_group.command("status")
def migrate_status() -> None:
    """Show what is applied and what is not."""
    status = migrate.status(_migration_url())
    for migration in status.applied:
        click.echo(f"applied  {migration.name}")
    for migration in status.pending:
        click.echo(f"pending  {migration.name}")
    click.echo(f"version {status.version}{', dirty' if status.dirty else ''}")


@migrate_group.command("force")
@click.argument("version", type=click.IntRange(min=0))
def migrate_force(version: int) -> None:
    """Record VERSION (0: none) as applied and clean, and run nothing."""
    migrate.force(_migration_url(), version)
    click.echo(f"version {version}")


@commands.command()
@click.option("--single", is_flag=True, hidden=True, help="One worker, until standard input ends.")
def worker(single: bool) -> None:
    """Import queued jobs in WORKER_CONCURRENCY processes."""
    given = settings.load()
    logs.configure(given.log_level)
    url = given.require_database_url()
    if single:
        worker_process.serve(url)
    else:
        worker_process.serve_all(url, given.worker_concurrency)


@commands.command()
@click.option("--account", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--lifetime", type=click.IntRange(min=1), default=86_400, show_default=True, help="Seconds.")
def token(account: int, lifetime: int) -> None:
    """Print a token for an account, signed with JWT_SECRET or the development server's secret."""
    from bulkimport.devserver import environment

    given = settings.load()
    secret = given.jwt_secret or environment.secret(given.data_dir)
    click.echo(
        issue_token(
            secret,
            account,
            account_claim=given.jwt_account_claim,
            lifetime_s=lifetime,
            issuer=given.jwt_issuer,
            audience=given.jwt_audience,
        )
    )


@commands.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", envvar="BULKIMPORT_URL", default="http://127.0.0.1:8000", show_default=True)
@click.option("--token", envvar="BULKIMPORT_TOKEN", required=True, help="Or BULKIMPORT_TOKEN.")
def import_file(file: Path, url: str, token: str) -> None:
    """Hand FILE in and follow the job.

    Exits with 0 if every row was imported, 1 if rows failed, 2 if the file was refused.
    """
    client = Client(url, token)
    try:
        job_id = client.upload(file)
        job = _follow(client, job_id)
    except RefusedError as refusal:
        click.echo(f"bulkimport: {refusal}", err=True)
        sys.exit(EXIT_REFUSED)
    _show_job(job)
    if job["status"] != "completed" or job["failed_rows"]:
        sys.exit(EXIT_ROWS_FAILED)


def _migration_url() -> str:
    return settings.load().require_migration_database_url()


def _show_migrations(what: str, migrations: list[migrate.Migration]) -> None:
    for migration in migrations:
        click.echo(f"{what}  {migration.name}")
    if not migrations:
        click.echo("nothing to do")


def _follow(client: Client, job_id: str) -> dict[str, Any]:
    click.echo(f"job {job_id}")
    job = client.job(job_id)
    with click.progressbar(length=job["total_rows"], label="Importing", show_pos=True) as bar:
        while True:
            bar.update(job["processed_rows"] - bar.pos)
            if job["status"] in FINAL_STATUSES:
                return job
            time.sleep(POLL_INTERVAL_S)
            job = client.job(job_id)


def _show_job(job: dict[str, Any]) -> None:
    imported = job["processed_rows"] - job["failed_rows"]
    click.echo(
        f"{job['status']}: {imported} of {job['total_rows']} rows imported, {job['failed_rows']} failed"
    )
    if job["failure"]:
        click.echo(job["failure"])
    errors = job["errors"][:SHOWN_ERRORS]
    if errors:
        click.echo(f"\n{'row':>7}  {'field':<12}  error")
    for error in errors:
        click.echo(f"{error['row']:>7}  {error['field'] or '':<12}  {error['error']}")
    if job["failed_rows"] and len(job["errors"]) > SHOWN_ERRORS:
        click.echo(f"{'…':>7}")
