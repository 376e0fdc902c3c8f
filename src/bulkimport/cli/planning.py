"""`bulkimport import --plan`: a dry run, what it would change, and a question before it is applied."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.table import Table

from bulkimport.cli import terminal
from bulkimport.cli.following import exit_for, follow
from bulkimport.cli.job_report import print_job
from bulkimport.cli.terminal import visible
from bulkimport.client import EXIT_FAILED, Client, Document

SHOWN_CHANGES = 20


def approved(client: Client, file: Path, parameters: Mapping[str, str], *, yes: bool, as_json: bool) -> str:
    """Check the file in a dry run, show its plan, ask, and return the job that applies it.

    With `yes` nothing is asked, and with `as_json` nothing is shown either. Exits if the dry run does not
    complete, nothing would change, or the plan is not approved.
    """
    dry_run_id = client.upload(file, {**parameters, "dry_run": "true"})
    job = follow(client, dry_run_id, as_json=as_json)
    is_empty = not job["created_rows"] and not job["updated_rows"]
    if job["status"] != "completed" or is_empty:
        print_job(job, as_json=as_json)
        if job["status"] == "completed" and not as_json:
            click.echo("nothing to apply")
        exit_for(job)
        sys.exit()
    if not as_json:
        print_job(job)
        _print_changes(client, job)
    if not yes and not click.confirm("\nApply this plan?", err=True):
        click.echo("nothing was imported", err=True)
        sys.exit(EXIT_FAILED)
    return client.begin(dry_run_id, "apply")


def _print_changes(client: Client, job: Document) -> None:
    """Print how many rows do what, and the first rows that change an asset; then those that create one."""
    output = terminal.console()
    output.print(
        f"\nassets: {job['created_rows']} to create, {job['updated_rows']} to update, "
        f"{job['unchanged_rows']} unchanged"
    )
    changes = client.changes(job["job_id"], "update", min(SHOWN_CHANGES, job["updated_rows"]))
    changes += client.changes(job["job_id"], "create", min(SHOWN_CHANGES - len(changes), job["created_rows"]))
    output.print("", _table(changes), sep="\n")
    more = job["created_rows"] + job["updated_rows"] - len(changes)
    if more:
        output.print(f"and {more} more")


def _table(changes: Sequence[Document]) -> Table:
    table = terminal.table()
    table.add_column("row", justify="right")
    for header in ("identifier", "action", "changes"):
        table.add_column(header, overflow="fold")
    for change in changes:
        fields = change["changes"] if change["action"] == "update" else {}
        lines = [
            f"{field}: {_shown(value['from'])} → {_shown(value['to'])}" for field, value in fields.items()
        ]
        table.add_row(str(change["row"]), visible(change["identifier"]), change["action"], "\n".join(lines))
    return table


def _shown(value: object) -> str:
    """A value as people read it."""
    return "nothing" if value is None else visible(f'"{value}"' if isinstance(value, str) else str(value))
