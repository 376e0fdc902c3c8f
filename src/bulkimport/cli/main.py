"""The command line: parses arguments and prints, no more."""

import os
import sys

import click

from bulkimport import settings
from bulkimport.auth.tokens import issue_token
from bulkimport.cli.jobs import import_file, jobs
from bulkimport.database import migrations
from bulkimport.database.migrations import Migration
from bulkimport.errors import OperatorError
from bulkimport.telemetry import logs
from bulkimport.worker import loop, supervisor


def main() -> None:
    """The console script."""
    try:
        commands()
    except OperatorError as fault:
        raise SystemExit(f"bulkimport: {fault}") from fault


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Bulk import of assets over HTTP."""


@commands.group("migrate")
@click.pass_context
def migrate_group(context: click.Context) -> None:
    """Migrations of the database in MIGRATION_DATABASE_URL."""
    context.obj = settings.load().require_migration_database_url()


@migrate_group.command("up")
@click.pass_obj
def migrate_up(url: str) -> None:
    """Apply what is missing."""
    _show_migrations("applied", migrations.up(url))


@migrate_group.command("down")
@click.argument("steps", type=click.IntRange(min=1), default=1)
@click.pass_obj
def migrate_down(url: str, steps: int) -> None:
    """Undo the last STEPS migrations."""
    _show_migrations("undone", migrations.down(url, steps))


@migrate_group.command("status")
@click.pass_obj
def migrate_status(url: str) -> None:
    """Show what is applied and what is not."""
    status = migrations.status(url)
    for migration in status.applied:
        click.echo(f"applied  {migration.name}")
    for migration in status.pending:
        click.echo(f"pending  {migration.name}")
    click.echo(f"version {status.version}{', dirty' if status.dirty else ''}")


@migrate_group.command("force")
@click.argument("version", type=click.IntRange(min=0))
@click.pass_obj
def migrate_force(url: str, version: int) -> None:
    """Record VERSION (0: none) as applied and clean, and run nothing."""
    migrations.force(url, version)
    click.echo(f"version {version}")


@commands.group()
def dev() -> None:
    """The whole service on this machine; `make` calls these."""


@dev.command("run")
def dev_run() -> None:
    """Serve until Ctrl-C."""
    from bulkimport.devserver import run

    run.run(settings.load(), os.environ)


@dev.command("demo")
def dev_demo() -> None:
    """Import the example into a new database."""
    from bulkimport.devserver import run

    sys.exit(run.demo(settings.load(), os.environ))


@dev.command("psql")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dev_psql(arguments: tuple[str, ...]) -> None:
    """psql on the development database as its administrator."""
    from bulkimport.devserver import run

    sys.exit(run.psql(settings.load(), os.environ, arguments))


@dev.group("migrate")
@click.pass_context
def dev_migrate(context: click.Context) -> None:
    """Migrations of the development database, or of MIGRATION_DATABASE_URL where it is set."""
    from bulkimport.devserver import run

    context.obj = context.with_resource(run.migration_url(settings.load()))


for command in (migrate_up, migrate_down, migrate_status, migrate_force):
    dev_migrate.add_command(command)


@commands.command()
@click.option("--single", is_flag=True, hidden=True, help="One worker, until standard input ends.")
def worker(single: bool) -> None:
    """Import queued jobs in WORKER_CONCURRENCY processes."""
    given = settings.load()
    logs.configure(given.log_level, given.log_format)
    url = given.require_database_url()
    if single:
        loop.serve(url, retention_days=given.retention_days)
    else:
        supervisor.supervise(
            url, given.worker_concurrency, os.environ, host=given.host, port=given.worker_http_port
        )


@commands.command()
@click.option("--account", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--lifetime", type=click.IntRange(min=1), default=86_400, show_default=True, help="Seconds.")
def token(account: int, lifetime: int) -> None:
    """Print a token for an account, signed with JWT_SECRET or the development server's secret."""
    from bulkimport.devserver import environment

    given = settings.load()
    click.echo(
        issue_token(
            environment.signing_secret(given),
            account,
            account_claim=given.jwt_account_claim,
            lifetime_s=lifetime,
            issuer=given.jwt_issuer,
            audience=given.jwt_audience,
        )
    )


def _show_migrations(what: str, changed: list[Migration]) -> None:
    for migration in changed:
        click.echo(f"{what}  {migration.name}")
    if not changed:
        click.echo("nothing to do")


commands.add_command(import_file)
commands.add_command(jobs)
