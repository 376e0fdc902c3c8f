"""`bulkimport export`: all assets in a file that can be imported again."""

from pathlib import Path

import click

from bulkimport.cli.connection import calling
from bulkimport.cli.importing import require_folder
from bulkimport.client import Client


def _require_form(context: click.Context, parameter: click.Parameter, file: Path) -> Path | None:
    if file.suffix.lower() not in (".csv", ".xlsx"):
        raise click.BadParameter(f"'{file}' ends in neither .csv nor .xlsx")
    return require_folder(context, parameter, file)


@click.command("export")
@click.argument(
    "file",
    metavar="OUT.csv|OUT.xlsx",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_require_form,
)
@calling
def export_assets(client: Client, file: Path) -> None:
    """Save all assets in a file.

    Imported again with --on-conflict update, it changes what was edited in it, and no asset that somebody
    else has changed since.
    """
    client.save_assets(file)
    click.echo(f"assets: {file}")
