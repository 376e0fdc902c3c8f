"""The options of an upload, on the command line as in the HTTP interface."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import click


class DateFormat(click.Choice[str]):
    """A date format, or a JSON object with those of some columns, which the service checks."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value as it is sent."""
        return value if str(value).lstrip().startswith("{") else super().convert(value, param, ctx)


# The name of each parameter of an upload, and the attributes of its option: dry_run is --dry-run.
UPLOAD_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "charset": {
        "metavar": "NAME",
        "help": "Encoding of the file, such as windows-1252. Default: that of its byte order mark, or UTF-8.",
    },
    "delimiter": {
        "metavar": "CHARACTER",
        "help": "What separates cells: , ; | or comma, semicolon, pipe, tab. Default: detected.",
    },
    "sheet": {
        "metavar": "NAME|N",
        "help": "Sheet of a workbook, or its number. Default: the only visible sheet with content.",
    },
    "header_row": {
        "type": click.IntRange(1, 20),
        "help": "The row of the header, if there are other lines above it.",
    },
    "columns": {
        "metavar": "JSON|remembered",
        "help": """The fields of headers that are named differently: '{"Asset Tag": "identifier"}'; or the \
mapping and options of the latest import with this header: remembered.""",
    },
    "date_format": {
        "type": DateFormat(
            (
                *("YYYY-MM-DD", "YYYY/MM/DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "DD.MM.YYYY"),
                *("DD-Mon-YYYY", "D/M/YY", "M/D/YY", "auto"),
            )
        ),
        "help": """How dates are written, or by column: '{"valid_from": "auto"}'. Default: YYYY-MM-DD.""",
    },
    "accept_numbers": {
        "is_flag": True,
        "help": "Take identifiers and metadata such as 8.93901E+18 as they are.",
    },
    "dry_run": {"is_flag": True, "help": "Report what an import would do, without importing anything."},
    "on_conflict": {
        "type": click.Choice(("error", "skip", "update")),
        "help": "What to do with a row whose identifier an asset already has. Default: error.",
    },
    "on_error": {
        "type": click.Choice(("continue", "abort")),
        "help": "Whether to import the good rows if others fail. Default: continue.",
    },
    "defaults": {
        "metavar": "JSON",
        "help": """Values for absent columns and empty cells: '{"type": "asset", "valid_from": "today"}'.""",
    },
    "identifiers": {
        "type": click.Choice(("file", "generate")),
        "help": "Whether to generate identifiers where the file has none: ASSET-0001, … Default: file.",
    },
    "empty": {
        "type": click.Choice(("keep", "clear")),
        "help": "Whether an empty cell keeps or clears a value, with --on-conflict update. Default: keep.",
    },
    "clear_value": {
        "metavar": "TEXT",
        "help": "A cell that clears a value, such as #N/A, with --on-conflict update. Default: none.",
    },
    "parent_job_id": {
        "metavar": "ID",
        "help": "The job whose failed rows the file contains. Default: the one named in its column _job.",
    },
}
Command = Callable[..., Any]
CHARSET_HINT = "Save the file as an Excel workbook (.xlsx) or as CSV UTF-8, or pass --charset windows-1252."
PARAMETER = re.compile(rf"\b({'|'.join(UPLOAD_OPTIONS)})=(\w?)")


def upload_options(command: Command) -> Command:
    """Give the command an option for each parameter of an upload."""
    for name, attributes in reversed(list(UPLOAD_OPTIONS.items())):
        command = click.option(_option(name), name, **attributes)(command)
    return command


def parameters(values: Mapping[str, Any]) -> dict[str, str]:
    """The values of the options that are set, as the parameters of the upload."""
    return {
        name: "true" if value is True else str(value)
        for name, value in values.items()
        if value is not None and value is not False
    }


def in_options(detail: str) -> str:
    """What the service says about an upload, with the options of the command line instead of parameters."""
    advised = PARAMETER.sub(lambda parameter: f"{_option(parameter[1])} {parameter[2]}".rstrip(), detail)
    return f"{advised}\n{CHARSET_HINT}" if "charset=" in detail else advised


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
