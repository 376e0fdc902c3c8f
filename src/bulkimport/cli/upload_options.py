"""The options of an upload, on the command line as in the HTTP interface."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import click

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
    "columns": {
        "metavar": "JSON",
        "help": """The fields of headers that are named differently: '{"Asset Tag": "identifier"}'.""",
    },
    "date_format": {
        "type": click.Choice(("YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "auto")),
        "help": "How dates are written. Default: YYYY-MM-DD.",
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
    "parent_job_id": {
        "metavar": "ID",
        "help": "The job whose failed rows the file contains. Default: the one named in its column _job.",
    },
}
Command = Callable[..., Any]
CHARSET_HINT = "Save the file as CSV UTF-8, or pass --charset windows-1252."
PARAMETER = re.compile(rf"\b({'|'.join(UPLOAD_OPTIONS)})=")


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
    advised = PARAMETER.sub(lambda parameter: _option(parameter[1]), detail)
    return f"{advised}\n{CHARSET_HINT}" if "charset=" in detail else advised


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
