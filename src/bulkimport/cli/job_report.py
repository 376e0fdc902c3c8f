"""What is printed about jobs: for people, as wide as their terminal, or as JSON for scripts."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click
from rich.table import Table
from rich.text import Text

from bulkimport.cli import terminal
from bulkimport.cli.terminal import visible
from bulkimport.cli.upload_options import CHARSET_HINT
from bulkimport.client import JOBS, Document

SHOWN_ERRORS = 10
SHOWN_KINDS = 25  # of errors: a file with many columns can have hundreds
COLUMNS_FOR_ROWS = 60  # with less, the summary has no room for the first rows of each kind
ID_CHARS = 36  # an id is never broken, so that it can be copied
STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow"}
# The columns of a list of jobs and what is in them, for terminals with at least so many columns.
LAYOUTS = {
    120: {
        "job": "{job_id}",
        "created": "{created}",
        "kind": "{kind}",
        "status": "{status}",
        "rows": "{rows}",
        "failed": "{failed}",
        "file": "{file}",
    },
    80: {
        "job\nfile": "{job_id}\n{file}",
        "created": "{created}",
        "kind\nstatus": "{kind}\n{status}",
        "rows\nfailed": "{rows}\n{failed}",
    },
    0: {
        "job\nfile\ncreated\nkind, status\nrows, failed": "{job_id}\n{file}\n{created}\n{kind}, {status}\n"
        "{rows} rows, {failed} failed",
    },
}

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def print_json(document: object) -> None:
    """Print a document of the service, or a list of them."""
    click.echo(json.dumps(document, indent=2))


def print_jobs(jobs: Sequence[Document]) -> None:
    """Print a table of jobs, as listed by the service."""
    output = terminal.console()
    layout = next(layout for columns, layout in LAYOUTS.items() if output.width >= columns)
    table = terminal.table(spaced=any("\n" in header for header in layout))
    for header in layout:
        justify: Literal["right", "left"] = "right" if header.startswith(("rows", "failed")) else "left"
        width = ID_CHARS if header.startswith("job") else None
        table.add_column(header, justify=justify, overflow="fold", width=width)
    for job in jobs:
        table.add_row(*(cell.format_map(_cells(job)) for cell in layout.values()))
    output.print(table)


def print_ignored_columns(job: Document) -> None:
    """Print which columns of the file are not imported, and the fields that they may be meant for."""
    output = terminal.console()
    ignored = job["ignored_columns"]
    for column in ignored:
        if column["did_you_mean"]:
            output.print(
                f'ignored column {column["position"]} "{visible(column["column"])}": '
                f'did you mean "{column["did_you_mean"]}"?',
                style="yellow",
            )
    others = [f'"{visible(column["column"])}"' for column in ignored if not column["did_you_mean"]]
    if others:
        output.print(f"ignored columns: {', '.join(others)}")


def print_job(job: Document, *, as_json: bool = False, failed_rows: Path | None = None) -> None:
    """Print how far the job is, its errors by code and field, and the first of them; or all of it as JSON.

    `failed_rows` is the file in which the failed rows are saved, if there is one.
    """
    if as_json:
        print_json(job)
        return
    output = terminal.console()
    output.print(_sentence(job))
    if job["failure"]:
        output.print(visible(job["failure"]), style="red")
    kinds, errors = job["error_summary"], job["errors"][:SHOWN_ERRORS]
    if kinds:
        output.print("", _kinds(kinds[:SHOWN_KINDS], with_rows=output.width >= COLUMNS_FOR_ROWS), sep="\n")
    if len(kinds) > SHOWN_KINDS:
        output.print(f"and {len(kinds) - SHOWN_KINDS} more kinds of errors")
    if errors:
        output.print("", errors_table(errors), sep="\n")
    more = max(sum(kind["count"] for kind in kinds), len(job["errors"])) - len(errors)
    if more:
        output.print(f"{more} more: {failed_rows or _where(job)}", soft_wrap=True)
    if any(kind["code"] == "invalid_encoding" for kind in kinds) and job["options"]["charset"] == "utf-8":
        output.print("", CHARSET_HINT, sep="\n", style="yellow")


def _cells(job: Document) -> Mapping[str, Any]:
    total, processed = job["total_rows"], job["processed_rows"]
    return {
        "job_id": job["job_id"],
        "file": visible((job["file"] or {}).get("name") or "-"),
        "created": f"{job['created_at'][:19].replace('T', ' ')}Z",
        "kind": job["kind"],
        "status": job["status"],
        "rows": total if processed == total else f"{processed}/{total}",
        "failed": job["failed_rows"],
    }


def _sentence(job: Document) -> Text:
    """How many rows were imported, and what became of the others."""
    skipped = job["skipped_rows"] or 0
    done = job["processed_rows"] - job["failed_rows"] - skipped
    dry_run = job["options"].get("dry_run")
    verb = "reverted" if job["kind"] == "revert" else "would be imported" if dry_run else "imported"
    return Text.assemble(
        (job["status"], STYLES.get(job["status"], "")),
        f": {done} of {job['total_rows']} rows {verb}, ",
        (f"{job['failed_rows']} failed", "red" if job["failed_rows"] else ""),
        f", {skipped} skipped" if skipped else "",
    )


def _kinds(kinds: Sequence[Document], *, with_rows: bool) -> Table:
    table = terminal.table()
    table.add_column("errors", justify="right")
    for header in ("code", "field", "rows") if with_rows else ("code", "field"):
        table.add_column(header, overflow="fold")
    for kind in kinds:
        rows = ", ".join(map(str, kind["first_rows"]))
        more = ", …" if kind["count"] > len(kind["first_rows"]) else ""
        cells = (str(kind["count"]), kind["code"], visible(kind["field"] or ""), rows + more)
        table.add_row(*cells[: len(table.columns)])
    return table


def errors_table(errors: Sequence[Document]) -> Table:
    """A table of row errors, as a job has them."""
    table = terminal.table()
    table.add_column("row", justify="right")
    table.add_column("error", overflow="fold")
    for error in errors:
        table.add_row(str(error["row"]), visible(_message(error)))
    return table


def _message(error: Document) -> str:
    """The message, which names the field, unless a job was not created through the service."""
    field, message = error["field"], str(error["error"])
    return message if not field or field in message else f"{field} {message}"


def _where(job: Document) -> str:
    """How to see all errors of the job."""
    if job["kind"] == "revert":
        return f"GET {JOBS}/{job['job_id']}/errors"
    return f"use --failed-rows, as in: bulkimport import --job {job['job_id']} --failed-rows OUT.csv"
