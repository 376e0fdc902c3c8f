"""`bulkimport preview`: how the service would read a file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from bulkimport.cli import terminal
from bulkimport.cli.connection import calling
from bulkimport.cli.job_report import errors_table, json_option, print_json
from bulkimport.cli.terminal import visible
from bulkimport.cli.upload_options import in_options, parameters, upload_options
from bulkimport.client import EXIT_FAILED, EXIT_ROWS_FAILED, Client, Document

SHOWN_SAMPLES = 3


@click.command("preview")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@upload_options
@json_option
@calling
def preview_file(client: Client, file: Path, as_json: bool, **options: Any) -> None:
    """Show how FILE would be read, and import nothing.

    Exits with 0 if nothing is wrong with what was read, 1 if one of the first 20 rows has errors, and 2 if an
    import would be refused, or the service refused the request or did not answer.
    """
    preview = client.preview(file, parameters(options))
    if as_json:
        print_json(preview)
    else:
        _print(preview)
    if preview["problems"]:
        sys.exit(EXIT_FAILED)
    if any(row["errors"] for row in preview["rows"]):
        sys.exit(EXIT_ROWS_FAILED)


def _print(preview: Document) -> None:
    """Print how the file is read, its columns, the first errors, and what an import would refuse."""
    output = terminal.console()
    for line in _reading(preview):
        output.print(line)
    if preview["columns"]:
        output.print("", _columns(preview["columns"]), sep="\n")
    if preview["missing_fields"]:
        output.print(f"no column for: {', '.join(preview['missing_fields'])}", style="red")
    errors = [{**error, "error": error["message"]} for row in preview["rows"] for error in row["errors"]]
    if errors:
        output.print("", errors_table(errors), sep="\n")
    for problem in preview["problems"]:
        refusal = in_options(f"{problem['title']}: {problem['detail']}")
        output.print("", *map(visible, refusal.splitlines()), sep="\n", style="red")


def _reading(preview: Document) -> list[str]:
    """Which part of the file is read, and in which form."""
    lines = []
    if preview["charset"] and preview["delimiter"]:
        charset, delimiter = preview["charset"], preview["delimiter"]
        separated = (
            f'cells separated by "{delimiter["value"]}"' if delimiter["value"] else "delimiter unknown"
        )
        lines.append(f"{charset['value']} ({charset['how']}), {visible(separated)} ({delimiter['how']})")
    if preview["sheet"]:
        lines.append(f'sheet "{visible(preview["sheet"])}"')
    rows = f"{preview['rows_read']} rows" if preview["is_complete"] else f"first {preview['rows_read']} rows"
    lines.append(
        f"header in row {preview['header_row']}, {rows} read" if preview["header_row"] else f"{rows} read"
    )
    for dates in preview["date_formats"]:
        fitting = ", ".join(dates["formats"]) or "no format fits all of them"
        lines.append(f'dates in "{visible(dates["column"])}": {fitting}')
    if preview["remembered_job_id"]:
        lines.append(
            f"same header as job {preview['remembered_job_id']}: --columns remembered takes its options"
        )
    return lines


def _columns(columns: Sequence[Document]) -> Table:
    table = terminal.table()
    table.add_column("column", overflow="fold")
    for header in ("field", "how", "samples"):
        table.add_column(header, overflow="fold")
    for column in columns:
        samples = ", ".join(column["samples"][:SHOWN_SAMPLES])
        table.add_row(*map(visible, (column["column"], column["field"] or "-", column["how"], samples)))
    return table
