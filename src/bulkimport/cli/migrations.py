"""`bulkimport migrate`: the schema of the database, up and down."""

import sys

import click

from bulkimport import settings
from bulkimport.database import migrations
from bulkimport.database.migrations import Migration
from bulkimport.errors import OperatorError


@click.group()
@click.pass_context
def migrate(context: click.Context) -> None:
    """Migrate the database in MIGRATION_DATABASE_URL."""
    context.obj = settings.load().require_migration_database_url()


@migrate.command("up")
@click.pass_obj
def up(url: str) -> None:
    """Apply the missing migrations."""
    _show("applied", migrations.up(url))


@migrate.command("down")
@click.argument("steps", type=click.IntRange(min=1), default=1)
@click.option("--yes", is_flag=True, help="Do not ask before more than one migration is undone.")
@click.pass_obj
def down(url: str, steps: int, yes: bool) -> None:
    """Undo the last STEPS migrations (default: 1), with the data in their tables and columns."""
    if steps > 1 and not yes:
        _confirm(url, steps)
    _show("undone", migrations.down(url, steps))


@migrate.command("status")
@click.pass_obj
def status(url: str) -> None:
    """Show which migrations are applied and which are pending."""
    current = migrations.status(url)
    for migration in current.applied:
        click.echo(f"applied  {migration.name}")
    for migration in current.pending:
        click.echo(f"pending  {migration.name}")
    click.echo(f"version {current.version}{', dirty' if current.dirty else ''}")


@migrate.command("force")
@click.argument("version", type=click.IntRange(min=0))
@click.pass_obj
def force(url: str, version: int) -> None:
    """Record VERSION (0: none) as applied and clean, without running anything."""
    migrations.force(url, version)
    click.echo(f"version {version}")


def _confirm(url: str, steps: int) -> None:
    """Ask whether to undo several migrations; exit unless the answer is yes."""
    if not sys.stdin.isatty():
        raise OperatorError(f"undoing {steps} migrations needs --yes if there is no terminal to ask at")
    undone = migrations.status(url).applied[-steps:]
    for migration in reversed(undone):
        click.echo(f"to undo  {migration.name}")
    click.confirm(
        f"Undo these {len(undone)} migrations, with the data in their tables and columns?", abort=True
    )


def _show(action: str, changed: list[Migration]) -> None:
    for migration in changed:
        click.echo(f"{action}  {migration.name}")
    if not changed:
        click.echo("nothing to do")
